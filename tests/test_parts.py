"""The part of the documents that chooses: held out, or given as a development part."""

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from models import WORDS, random_vectors
from whyword import InputError
from whyword.batch import Batch
from whyword.classifier import predict
from whyword.cli import cli
from whyword.data.corpora import Corpus, load_corpus
from whyword.models.cnn.model import WordCNN
from whyword.models.store import load
from whyword.progress import Progress
from whyword.text import Tokenizer
from whyword.training.config import TrainingConfig
from whyword.training.linear import train_linear
from whyword.training.loop import train
from whyword.training.parts import joined, parts_of
from whyword.training.recipe import Recipe
from whyword.training.train import train_model

SMALL = Recipe(
    settings={"filters": {"1": 6}, "word_dropout": 0.0},
    skip_gram={"epochs": 1, "dimension": 6, "window": 2, "sample": 0.1, "min_count": 1},
    training=TrainingConfig(epochs=3, batch_size=8, learning_rate=0.02),
)


def corpus(n: int, seed: int, classes: Sequence[str] = ("a", "b")) -> Corpus:
    """Classes that are told apart by their words."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % len(classes)
    groups = np.array_split(np.array(WORDS), len(classes))
    texts = [" ".join(rng.choice(groups[label], 5)) for label in labels]
    return Corpus(tuple(texts), labels, tuple(classes), tuple(map(str, range(n))))


@given(st.lists(st.integers(0, 2), min_size=4, max_size=30), st.integers(1, 3))
def test_a_development_part_is_the_last_documents(labels: Sequence[int], last: int) -> None:
    parts = parts_of(np.array(labels), 0.1, chronological=False, development=last)
    assert [*parts.learned, *parts.held_out] == list(range(len(labels)))
    assert len(parts.held_out) == last
    assert parts.final is parts.learned
    assert not parts.refits


def test_a_held_out_share_is_learned_from_in_the_end() -> None:
    parts = parts_of(np.arange(20) % 2, 0.2, chronological=False)
    assert (len(parts.learned), len(parts.held_out), len(parts.final)) == (16, 4, 20)
    assert parts.refits


def test_classes_may_stand_in_another_order() -> None:
    one, other = corpus(4, 0), corpus(4, 1, ("b", "a"))
    both = joined(one, other)
    assert both.texts == one.texts + other.texts
    assert [both.classes[i] for i in both.labels] == ["a", "b", "a", "b", "b", "a", "b", "a"]
    assert joined(one, None) is one


def test_parts_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"classes that the training documents have not: \['c'\]"):
        train_model(SMALL, corpus(20, 0), tmp_path, development=corpus(9, 1, ("a", "b", "c")))
    with pytest.raises(InputError, match="no documents"):
        joined(corpus(4, 0), corpus(4, 0).subset([]))
    assert not list(tmp_path.iterdir())


def test_all_training_documents_are_learned_from_and_no_other(tmp_path: Path) -> None:
    seen: list[str] = []

    class Spy(WordCNN):
        def forward(self, batch: Batch) -> Tensor:
            if self.training:
                seen.extend(document.text for document in batch.documents)
            return super().forward(batch)

    every = joined(corpus(30, 0), development := corpus(10, 1))
    documents = [Tokenizer()(text) for text in every.texts]
    model, history = train(
        lambda: Spy(random_vectors(), ("a", "b"), filters={1: 4}),
        documents,
        every.labels,
        TrainingConfig(epochs=4, batch_size=8, learning_rate=0.02),
        tmp_path,
        development=10,
    )
    assert len(seen) == 4 * 30  # and no refit
    assert sorted(seen[:30]) == sorted(every.texts[:30])
    accuracy = (predict(model, development.texts).argmax(axis=1) == development.labels).mean()
    assert accuracy == max(history.validation_accuracy)
    assert history.refit_loss == []
    with pytest.raises(InputError, match="differs in: development"):
        train(
            lambda: Spy(random_vectors(), ("a", "b"), filters={1: 4}),
            documents,
            every.labels,
            TrainingConfig(epochs=4, batch_size=8, learning_rate=0.02),
            tmp_path,
            development=9,
        )


def test_a_stopped_run_goes_on_with_its_development_part(tmp_path: Path) -> None:
    def run(name: str, stop_at: int = 10**9, seed: int = 1) -> None:
        steps: list[int] = []

        def stop(at: Progress) -> None:
            steps.append(at.done)
            if at.phase == "train" and at.done == stop_at:
                raise KeyboardInterrupt

        train_model(
            SMALL, corpus(40, 0), tmp_path / name, development=corpus(8, seed), progress=stop
        )

    run("whole")
    with contextlib.suppress(KeyboardInterrupt):
        run("stopped", stop_at=7)
    run("stopped")
    weights = "weights.safetensors"
    assert (tmp_path / "whole" / weights).read_bytes() == (
        tmp_path / "stopped" / weights
    ).read_bytes()
    with pytest.raises(InputError, match="differs in: development"):
        run("whole", seed=2)
    with pytest.raises(InputError, match="differs in: development"):
        train_model(SMALL, corpus(40, 0), tmp_path / "whole")


def test_a_linear_model_learns_from_the_training_documents_alone() -> None:
    one, other = corpus(40, 0), corpus(12, 1)
    model, history = train_linear(joined(one, other), development=len(other))
    # All penalties do equally well: the first is taken, and fits the same weights without them.
    again, _ = train_linear(joined(one, other.subset(range(6))), development=6)
    assert set(history.validation_accuracy.values()) == {1.0}
    np.testing.assert_array_equal(model.weights.numpy(), again.weights.numpy())


def test_by_command_with_the_parts_of_a_folder(tmp_path: Path) -> None:
    for part, seed in (("train", 0), ("validation", 1), ("test", 2)):
        for i, (text, label) in enumerate(
            zip((c := corpus(20, seed)).texts, c.labels, strict=True)
        ):
            (tmp_path / "posts" / part / c.classes[label]).mkdir(parents=True, exist_ok=True)
            (tmp_path / "posts" / part / c.classes[label] / f"{i}.txt").write_text(text)
    source = str(tmp_path / "posts")
    assert sorted(load_corpus(source, "dev").texts) == sorted(corpus(20, 1).texts)
    options = ["--model", "linear", "--json", "-o", str(tmp_path / "model")]
    command = ["train", "--corpus", source, "--dev", source, "--test", source, *options]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["test"]["documents"] == 20
    assert load(tmp_path / "model").classes == ("a", "b")
    (tmp_path / "posts" / "validation").rename(tmp_path / "posts" / "dev")
    assert len(load_corpus(source, "dev")) == 20
    (tmp_path / "posts" / "dev").rename(tmp_path / "other")
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 2
    assert 'has the part "train" and no "dev"' in result.output
    result = CliRunner().invoke(cli, ["train", "--dev", "20news", "-o", str(tmp_path / "x")])
    assert "no development part" in result.output
