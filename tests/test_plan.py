"""What a corpus decides of a recipe, and that what is given stays."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyword.text import Tokenizer
from whyword.training.config import TrainingConfig
from whyword.training.plan import Size, plan, validation_share
from whyword.training.recipe import Recipe

QUESTIONS = Size(documents=5452, words=48_000, median=9)
NEWS20 = Size(documents=11_314, words=3_100_000, median=160)
FILMS = Size(documents=1600, words=1_100_000, median=650)

sizes = st.builds(
    Size,
    documents=st.integers(2, 10**7),
    words=st.integers(1, 10**10),
    median=st.floats(0, 10**5, allow_nan=False),
)


@given(sizes, st.sampled_from(["cnn", "lstm", "gru", "characters"]))
def test_nothing_is_left_open_and_all_of_it_is_a_recipe(size: Size, kind: str) -> None:
    found = plan(Recipe(kind), size)
    assert found.recipe.tokenizer is not None
    assert 0.1 <= (found.recipe.training.validation or 0) <= 0.25
    assert found.reasons
    assert found.vector_rates
    if found.recipe.reads_words:
        assert found.recipe.training.epochs is not None
        assert 1 <= found.recipe.training.epochs <= 60
        assert set(found.recipe.skip_gram) == {"dimension", "window", "sample", "epochs"}
    assert plan(found.recipe, size).recipe == found.recipe


@given(sizes)
def test_what_is_given_stays(size: Size) -> None:
    given = Recipe(
        settings={"filters": {"4": 7}, "word_dropout": 0.0},
        skip_gram={"dimension": 5, "window": 6, "sample": 0.5, "epochs": 7},
        tokenizer=Tokenizer(max_tokens=9),
        training=TrainingConfig(epochs=3, batch_size=4, validation=0.3, vector_rate=0.5),
    )
    found = plan(given, size)
    assert found.recipe == given
    assert found.vector_rates == (0.5,)


def test_twenty_newsgroups_is_trained_as_the_paper_does() -> None:
    found = plan(Recipe(), NEWS20)
    assert found.recipe.tokenizer == Tokenizer()
    assert "filters" not in found.recipe.settings
    assert found.recipe.skip_gram == {
        "dimension": 300, "window": 40, "sample": 1e-4, "epochs": 10,
    }  # fmt: skip
    assert found.recipe.training.epochs == 10
    assert found.recipe.training.batch_size == 32


def test_short_texts_keep_their_words_and_long_ones_are_read() -> None:
    short, long = plan(Recipe(), QUESTIONS), plan(Recipe(), FILMS)
    assert short.recipe.settings["word_dropout"] < long.recipe.settings["word_dropout"]  # type: ignore[operator]
    assert short.recipe.skip_gram["epochs"] == 100
    assert long.recipe.tokenizer == Tokenizer(max_tokens=1300)
    assert any("first 1300 of each" in reason for reason in long.reasons)


@pytest.mark.parametrize("documents", [10, 100, 1000, 10_000])
def test_few_documents_take_as_many_steps_as_many(documents: int) -> None:
    found = plan(Recipe(), replace(QUESTIONS, documents=documents)).recipe.training
    assert found.epochs is not None
    assert found.batch_size is not None
    steps = found.epochs * np.ceil(documents / found.batch_size)
    assert steps <= 2 * 1000
    assert steps >= 1000 or found.epochs == 60


def test_small_corpora_hold_out_more() -> None:
    assert [validation_share(n) for n in (0, 100, 1000, 10_000)] == [0.25, 0.25, 0.2, 0.1]
