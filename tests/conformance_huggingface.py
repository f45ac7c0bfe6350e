"""Every family of Hugging Face classifiers, small and random: explained, or refused truly.

``python tests/conformance_huggingface.py [--markdown FILE] [FAMILY ...]`` goes through all of
``MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES``; the tests take a few that differ most.

A family is *explained* if, in double precision, its scores are the plain model's, words and
remainder sum to them, a text alone gives what it gives in a batch, and eager attention gives what
the fused one gives; *refused* if Whyword raises an error that says why. Anything else fails.
"""

import argparse
import re
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from transformers_small import tokenizer
from whyword import Explanation, InputError, ModelError, explain
from whyword.errors import WhywordError
from whyword.lrp import UnsupportedFunction
from whyword.models.transformer.model import TransformerClassifier

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

TEXTS = [
    "The shuttle reached its orbit, didn't it?",
    "good film: bad café, the shuttle is good, well-known 42 naïve orbits (it's bad!)",
]
LABELS = ("a", "b", "c")
EXPLAINED, REFUSED, NOT_BUILT, FAILED = "explained", "refused", "not built", "failed"

_SMALL = {
    32: """hidden_size d_model dim n_embd emb_dim hidden embed_dim
        pooler_hidden_size prediction_head_size d_latents input_embedding_size
        output_embedding_size shared_expert_intermediate_size""",
    48: """intermediate_size ffn_dim encoder_ffn_dim decoder_ffn_dim d_inner d_ff hidden_dim dff
        ffn_hidden_size feed_forward_size n_inner""",
    2: """num_hidden_layers n_layers n_layer num_layers encoder_layers decoder_layers
        num_decoder_layers num_key_value_heads num_kv_heads num_key_value_groups
        num_experts_per_tok n_shared_experts num_self_attends_per_block downsampling_rate
        n_group topk_group linear_num_key_heads mamba_n_groups mamba_ngroups n_mamba_heads
        num_mem_blocks index_n_heads num_hash_functions""",
    4: """num_attention_heads n_heads n_head num_heads encoder_attention_heads
        decoder_attention_heads num_local_experts num_experts n_routed_experts
        num_self_attention_heads num_cross_attention_heads linear_num_value_heads
        mamba_d_state""",
    8: """head_dim d_head d_kv attention_head_size v_head_dim
        linear_key_head_dim linear_value_head_dim kv_channels attention_head_dim adapter_rank
        kv_lora_rank q_lora_rank index_head_dim mamba_d_head mamba_headdim
        mamba_dt_rank index_topk gated_norm_rank query_pre_attn_scalar block_size
        local_attn_chunk_length lsh_attn_chunk_length""",
    16: """embedding_size moe_intermediate_size expert_intermediate_size sliding_window
        pronunciation_embed_dim shape_embed_dim local_attention""",
    64: "max_position_embeddings n_positions n_ctx max_seq_len local_transformer_stride",
    300: "vocab_size",
    0: "pad_token_id",
}
SMALL = {name: size for size, names in _SMALL.items() for name in names.split()}
"""A small value for each of the names that configurations give to their sizes."""

_DECOMPRESSED = {"num_key_value_heads": 4, "qk_nope_head_dim": 4, "qk_rope_head_dim": 4}
ODD: dict[str, dict[str, Any]] = {
    "axk1": _DECOMPRESSED, "axk2": _DECOMPRESSED,
    "deepseek_v2": {**_DECOMPRESSED, "num_experts_per_tok": 2}, "deepseek_v3": _DECOMPRESSED,
    "minicpm3": _DECOMPRESSED, "mistral4": _DECOMPRESSED,
    "big_bird": {"block_size": 2, "num_random_blocks": 1},
    "bigbird_pegasus": {"block_size": 2, "num_random_blocks": 1},
    "cohere_compass_text": {"rope_parameters": {
        kind: {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 1, 1]}
        for kind in ("full_attention", "sliding_attention")
    }},
    "esm": {"vocab_size": 300},
    "esmc": {"num_key_value_heads": 4},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]], "window_size": 4},
    "gptj": {"rotary_dim": 4},
    "hunyuan_v1_dense": {"head_dim": 8}, "hunyuan_v1_moe": {"head_dim": 8},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1},
    "layoutlmv3": {"coordinate_size": 6, "shape_size": 4},
    "lilt": {"hidden_size": 48},
    "longformer": {"attention_window": [4, 4]},
    "luke": {"entity_vocab_size": 10, "entity_emb_size": 8},
    "markuplm": {"xpath_unit_hidden_size": 4, "max_depth": 4},
    "ministral": {"head_dim": 8},
    "nemotron": {"num_key_value_heads": 4, "head_dim": 8},
    "reformer": {
        "axial_pos_shape": [8, 8], "axial_pos_embds_dim": [8, 24], "num_buckets": 4,
        "attn_layers": ["local", "lsh"],
    },
    "roc_bert": {"pronunciation_vocab_size": 10, "shape_vocab_size": 10},
    "squeezebert": {"embedding_size": 32},
    "t5": {"decoder_start_token_id": 0},
    "xmod": {"default_language": "en_XX"},
    "zamba": {
        "num_hidden_layers": 3, "layers_block_type": ["linear_attention", "hybrid", "hybrid"],
        "attention_hidden_size": 64, "attention_head_dim": 16,
    },
    "zamba2": {"n_mamba_heads": 8},
}  # fmt: skip
"""What a family needs beside or instead."""

SINGLE = {
    "axk1", "axk2", "deepseek_v2", "gpt_oss", "hunyuan_v1_moe", "jamba", "minimax", "mistral4",
    "mixtral", "modernbert-decoder", "mra", "phimoe", "qwen2_moe", "qwen3_moe", "qwen3_next",
}  # fmt: skip
"""Families that compute in single precision alone.

torch has grouped products in no other; MRA makes tensors in it; and the double of ModernBERT's
decoder takes a softmax in it, where a mask of double precision is infinite and padding gets NaN.
"""

FAULTS = ("another model", "NaN or infinite")
"""What errors say that are the engine's fault and not the model's."""

LOOSE = {"diffllama": 1e-3}
"""How far eager attention may be from fused attention, where that is more than 1e-4.

Eager attention takes the softmax in single precision whatever the model's is; the difference of two
attentions, where it is next to zero, makes more of that rounding.
"""

QUICK = """bloom ctrl deberta-v2 t5 xlnet perceiver longformer big_bird gemma3 modernbert
    mra canine""".split()
"""Families that differ most in what they compute, for the tests."""


_HERE = re.compile(r"/\S*/site-packages/")
"""Where packages lie on this machine."""


class Row(NamedTuple):
    """What became of a family.

    Attributes:
        family: Its ``model_type``.
        verdict: `EXPLAINED`, `REFUSED`, `NOT_BUILT` (it needs a package that is not there) or
            `FAILED`.
        attention: The implementations of attention that were tried, or agree.
        note: The refusal, or what failed.
    """

    family: str
    verdict: str
    attention: str
    note: str


def families() -> list[str]:
    """All model types with a classifier of sequences."""
    from transformers.models.auto import modeling_auto

    return list(modeling_auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES)


def small(options: Mapping[str, Any], odd: Mapping[str, Any]) -> dict[str, Any]:
    """The small values for those of a configuration's options that have one."""
    found: dict[str, Any] = {}
    for name, value in options.items():
        if name in odd or (name == "head_dim" and "qk_rope_head_dim" in options):
            continue
        if isinstance(value, dict) and value.get("model_type"):
            found[name] = {"model_type": value["model_type"], **small(value, {})}
        elif name in ("layer_types", "layers_block_type"):  # both layers of another kind, if any
            found[name] = (list(dict.fromkeys(value)) * 2)[:2]
        elif name in SMALL and (value is not None or name == "pad_token_id"):
            found[name] = SMALL[name]
        elif name in ("bos_token_id", "cls_token_id"):
            found[name] = 1
        elif name in ("eos_token_id", "sep_token_id", "mask_token_id"):
            found[name] = 2
    return {**found, **odd}


def configuration(family: str) -> "PretrainedConfig":
    """A small configuration."""
    from transformers import AutoConfig

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = AutoConfig.for_model(family).to_dict()
        return AutoConfig.for_model(
            family, **small(options, ODD.get(family, {})), id2label=dict(enumerate(LABELS))
        )


def build(family: str, attention: str, *, seed: int = 0) -> "PreTrainedModel":
    """A model with random weights in double precision; ValueError if it has no such attention."""
    from transformers import AutoModelForSequenceClassification

    torch.manual_seed(seed)
    network = AutoModelForSequenceClassification.from_config(
        configuration(family), attn_implementation=attention
    )
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.ndim > 1 and parameter.is_floating_point() and "A_log" not in name:
                parameter.normal_(0, 0.15)
    result: PreTrainedModel = (network if family in SINGLE else network.double()).eval()
    return result


def plain_scores(
    network: "PreTrainedModel", subwords: "PreTrainedTokenizerBase", text: str
) -> NDArray[np.float64]:
    """The model's own scores, as people call it."""
    with torch.no_grad():
        result: NDArray[np.float64] = (
            network(**subwords(text, return_tensors="pt")).logits[0].numpy()
        )
        return result


def explained(family: str, attention: str) -> list[Explanation]:
    """Explanations of both texts, each on its own; ValueError if there is no such attention."""
    network = build(family, attention)
    subwords = tokenizer("wordpiece")
    rounding = 1e-4 if family in SINGLE else 1e-8
    classifier = TransformerClassifier(network, subwords)
    found = explain(classifier, TEXTS, batch_size=1)
    for text, e in zip(TEXTS, found, strict=True):
        scores = plain_scores(network, subwords, text)
        size = np.abs(scores).max()
        _near(e.scores, scores, 1e-5 * size, "scores are not the model's")
        total = e.relevance.sum(axis=1) + e.total_remainder
        most = max(size, np.abs(e.relevance).max())
        _near(total, e.target_scores, rounding * most, "words and remainder are not the score")
        if not e.relevance.any():  # as in MRA, whose attention is zero without its CUDA kernel
            sensitivity = explain(classifier, text, method="sa").relevance
            _near(sensitivity, 0.0, 0.0, "words have no relevance, but gradients")
    together = explain(classifier, TEXTS, batch_size=len(TEXTS))
    for one, other in zip(found, together, strict=True):
        _alike(one, other, 1e-4 if family in SINGLE else 1e-6, "a batch changes relevance")
    return found


def _near(
    found: NDArray[np.float64], expected: NDArray[np.float64] | float, bound: float, what: str
) -> None:
    off = np.abs(found - expected).max()
    if not off <= bound:
        raise ArithmeticError(f"{what}: off by {off:.2g}")


def _alike(one: Explanation, other: Explanation, bound: float, what: str) -> None:
    most = max(np.abs(one.relevance).max(), np.abs(one.scores).max())
    _near(one.relevance, other.relevance, bound * most, what)


def row(family: str) -> Row:
    """The verdict on a family."""
    found: dict[str, list[Explanation]] = {}
    refusals: list[str] = []
    ways: list[str] = []
    for attention in ("eager", "sdpa"):
        try:
            found[attention] = explained(family, attention)
            ways.append(attention)
        except (UnsupportedFunction, InputError, ModelError) as refusal:
            if any(fault in str(refusal) for fault in FAULTS):
                return Row(family, FAILED, attention, str(refusal))
            ways.append(attention)
            refusals.append(f"{attention}: {refusal}")
        except ImportError as error:
            return Row(family, NOT_BUILT, "", str(error).strip().partition(" but ")[0] + ".")
        except ValueError as error:
            if isinstance(error, WhywordError) or "does not support" not in str(error):
                return Row(family, FAILED, attention, _said(error))
        except Exception as error:  # every other error is what is looked for
            return Row(family, FAILED, attention, _said(error))
    if len(found) == 2:
        try:
            for one, other in zip(found["eager"], found["sdpa"], strict=True):
                _alike(one, other, LOOSE.get(family, 1e-4), "eager and fused attention differ")
        except ArithmeticError as error:
            return Row(family, FAILED, "eager, sdpa", str(error))
    verdict = REFUSED if refusals else EXPLAINED
    return Row(family, verdict, ", ".join(ways), " | ".join(dict.fromkeys(refusals)))


def _said(error: BaseException) -> str:
    trace = error.__traceback__
    assert trace is not None
    while trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
    return f"{type(error).__name__} at {place}: {' '.join(str(error).split())[:300]}"


def rows(names: Sequence[str] | None = None) -> Iterator[Row]:
    """A row for each family, one after the other."""
    for family in names or families():
        yield row(family)


def markdown(found: Sequence[Row]) -> str:
    """The rows as a section of ``docs/what-is-explained.md``."""
    by = {v: [r for r in found if r.verdict == v] for v in (EXPLAINED, REFUSED, NOT_BUILT, FAILED)}
    counts = ", ".join(f"{len(those)} {verdict}" for verdict, those in by.items() if those)
    lines = [
        "## Hugging Face",
        "",
        f"Families with a classifier of sequences, each small and random: {counts}. Scores are the "
        "plain model's, words and remainder sum to them, a text in a batch has the relevance that "
        "it has alone, and eager attention that of the fused one.",
        "",
        f"Explained: {', '.join(f'`{r.family}`' for r in by[EXPLAINED])}.",
        "",
        "| family | verdict | why |",
        "|---|---|---|",
    ]
    for r in (r for r in found if r.verdict != EXPLAINED):
        note = _HERE.sub("", r.note.replace("|", "/"))
        lines.append(f"| `{r.family}` | {r.verdict} | {note} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the table and the counts; fail if a family fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("families", nargs="*")
    parser.add_argument("--markdown", type=Path)
    given = parser.parse_args()
    found = []
    for r in rows(given.families):
        found.append(r)
        sys.stdout.write(f"{r.family:22}{r.verdict:11}{r.attention:13}{r.note}\n")
    sys.stdout.write(f"{dict(Counter(r.verdict for r in found))}\n")
    if given.markdown:
        given.markdown.write_text(markdown(found), encoding="utf-8")
    sys.exit(any(r.verdict == FAILED for r in found))


if __name__ == "__main__":
    main()
