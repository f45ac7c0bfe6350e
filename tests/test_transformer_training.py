"""Training transformers: a head on a frozen encoder, all of it, and by command."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file

import whyword
from transformers_small import model, pretrained, tokenizer
from whyword import InputError, ModelError, TransformerClassifier
from whyword.classifier import predict
from whyword.cli import cli
from whyword.data.corpora import Corpus
from whyword.models.store import load
from whyword.training.config import TrainingConfig
from whyword.training.recipe import Recipe
from whyword.training.train import train_model
from whyword.training.transformer import features, last_layer, train_head, train_whole

pytest.importorskip("transformers", reason="needs transformers")

GOOD = ("good film", "the good film", "it's good", "good café", "good orbit", "its good film 42")
BAD = ("bad film", "the bad film", "it's bad", "bad café", "bad orbit", "its bad film 42")
OTHER = ("the shuttle", "its orbit", "shuttle reached", "orbit the", "shuttle 42", "reached orbit")


def corpus(classes: int = 2) -> Corpus:
    texts = [t for group in (GOOD, BAD, OTHER)[:classes] for t in group]
    names = ("good", "bad", "other")[:classes]
    labels = np.repeat(np.arange(classes), len(GOOD))
    return Corpus(tuple(texts), labels, names, tuple(map(str, range(len(texts)))))


def base(path: Path, name: str = "bert") -> str:
    """A folder with an encoder and its tokenizer."""
    model(name).save_pretrained(path)
    tokenizer("wordpiece").save_pretrained(path)
    return str(path)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", ["bert", "distilbert", "roberta", "gpt2", "llama"])
def test_a_head_on_a_frozen_encoder(tmp_path: Path, name: str, classes: int) -> None:
    documents = corpus(classes)
    trained, history = train_head(documents, base=base(tmp_path, name), validation=0.2)
    layer = last_layer(trained)
    x = features(trained, documents.texts)
    logits = predict(trained, documents.texts)
    bias = 0 if layer.bias is None else layer.bias.detach().numpy()
    np.testing.assert_allclose(x @ layer.weight.detach().numpy().T + bias, logits, atol=1e-4)
    assert (logits.argmax(axis=1) == documents.labels).mean() > 0.8
    assert set(history.validation_accuracy) == {0.01, 0.1, 1.0, 10.0}
    assert trained.classes == documents.classes
    encoder = dict(pretrained(trained).base_model.named_parameters())
    for key, weights in model(name).base_model.named_parameters():
        assert torch.equal(encoder[key], weights)


def test_the_whole_transformer_is_trained(tmp_path: Path) -> None:
    source = base(tmp_path / "base")
    settings = {"base": source, "full": True, "max_length": 16}
    recipe = Recipe("transformer", settings, training=TrainingConfig(epochs=3, refit=False))
    report = train_model(recipe, corpus(), tmp_path / "model", test=corpus())
    assert len(report["history"]["loss"]) == 3
    assert (tmp_path / "model" / "checkpoint.safetensors").exists()
    trained = load(tmp_path / "model")
    assert isinstance(trained, TransformerClassifier)
    weights = dict(pretrained(trained).base_model.named_parameters())
    before = dict(model("bert").base_model.named_parameters())
    assert any(not torch.equal(weights[name], before[name]) for name in before)
    assert report["test"]["documents"] == len(corpus())
    assert Recipe.from_options("transformer", settings).training.learning_rate == 5e-5


@pytest.mark.parametrize("full", [False, True])
def test_another_corpus_or_base_is_another_run(tmp_path: Path, full: bool) -> None:
    source = base(tmp_path / "base")
    settings = {"base": source, "full": full, "max_length": 16}
    training = TrainingConfig(epochs=1, refit=False, validation=0.2)
    recipe = Recipe("transformer", settings, training=training)
    train_model(recipe, corpus(), tmp_path / "model")
    train_model(recipe, corpus(), tmp_path / "model")
    other = corpus()
    other = Corpus(other.texts, 1 - other.labels, other.classes, other.names)
    with pytest.raises(InputError, match="differs in: corpus"):
        train_model(recipe, other, tmp_path / "model")
    path = tmp_path / "base" / "model.safetensors"
    weights = {name: tensor * 1.01 for name, tensor in load_file(path).items()}
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(InputError, match="differs in: settings"):
        train_model(recipe, corpus(), tmp_path / "model")
    if full:
        with pytest.raises(InputError, match=r"checkpoint\.safetensors .* differs in: settings"):
            train_whole(corpus(), training, tmp_path / "model", base=source, max_length=16)


def test_by_command(tmp_path: Path) -> None:
    source = base(tmp_path / "base")
    folder = tmp_path / "corpus"
    for name, texts in (("good", GOOD), ("bad", BAD)):
        (folder / name).mkdir(parents=True)
        for i, text in enumerate(texts):
            (folder / name / f"{i}.txt").write_text(text)
    output = str(tmp_path / "model")
    options = ["--model", "transformer", "--base", source, "--validation", "0.2"]
    result = CliRunner().invoke(cli, ["train", "--corpus", str(folder), "-o", output, *options])
    assert result.exit_code == 0, result.output
    command = ["explain", "--model", output, "the good film", "--json", "--overlap", "2"]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 0, result.output
    (found,) = json.loads(result.stdout)
    assert [word["text"] for word in found["words"]] == ["the", "good", "film"]
    assert found["predicted"] == "good"
    result = CliRunner().invoke(cli, ["explain", "a good film", "--overlap", "2"])
    assert result.exit_code == 2
    assert "no transformer" in result.output


def test_what_cannot_be_trained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--base"):
        Recipe("transformer")
    with pytest.raises(InputError, match="has no filters"):
        Recipe("transformer", {"filters": {}})
    with pytest.raises(ModelError, match="cannot be read"):
        train_head(corpus(), base=str(tmp_path))
    few = corpus().subset([0, 1, 2])
    with pytest.raises(InputError, match="Every class"):
        train_head(few, base=base(tmp_path))


@pytest.mark.parametrize("name", ["bert", "llama"])
@pytest.mark.parametrize("full", [False, True])
def test_several_labels(tmp_path: Path, name: str, full: bool) -> None:
    """A decoder's head has no biases to fold thresholds into; 0 is its threshold."""
    one = corpus(3)
    labels = one.labels[:, None] == np.arange(3)
    labels[:3, 2] = True
    texts = tuple(f"{text} shuttle" if i < 3 else text for i, text in enumerate(one.texts))
    documents = Corpus(texts, labels, one.classes, one.names)
    settings = {"base": base(tmp_path / "base", name), "full": full, "max_length": 16}
    training = TrainingConfig(epochs=25, batch_size=4, refit=False, learning_rate=3e-3)
    recipe = Recipe("transformer", settings, training=training)
    report = train_model(recipe, documents, tmp_path / "model", test=documents)
    assert report["chosen_by"] == "micro F1"
    assert report["test"]["micro_f1"] > 0.65
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["problem_type"] == "multi_label_classification"
    trained = load(tmp_path / "model")
    assert isinstance(trained, TransformerClassifier)
    assert trained.multilabel
    assert not TransformerClassifier(model(name), tokenizer("wordpiece")).multilabel
    bias = last_layer(trained).bias
    assert (bias is None) == (name == "llama")
    found = whyword.explain(trained, texts[0], targets="all")
    assert found.multilabel
    total = found.relevance.sum(axis=1) + found.total_remainder
    np.testing.assert_allclose(total, found.target_scores, atol=1e-4)
