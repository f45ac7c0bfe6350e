"""Skip-gram: the same vectors for the same seed, and words told apart by several workers."""

import subprocess
import sys

import numpy as np
import pytest

from whyword import InputError
from whyword.data.skip_gram import learn
from whyword.progress import Progress


def test_without_gensim_there_is_a_clear_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gensim", None)
    with pytest.raises(InputError, match=r"whyword\[train\]"):
        learn([["a", "b"]])


LEARN = """
import sys
from whyword.progress import Progress
from whyword.data.skip_gram import learn
docs = [["the", "Moon", "orbit", "of"], ["the", "bike", "ride"], ["moon", "bike", "of"]] * 20
v = learn(docs, dimension=8, epochs=2, seed=int(sys.argv[1]))
print(v.words, v.array.tobytes().hex())
"""


def test_learning_is_reproducible_from_the_seed() -> None:
    def run(seed: int, hash_seed: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", LEARN, str(seed)],
            env={"PYTHONHASHSEED": hash_seed, "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    first = run(0, "1")
    assert "moon" in first
    assert run(0, "2") == first
    assert run(1, "1") != first


def test_learning_reports_epochs_and_wants_words() -> None:
    seen: list[Progress] = []
    learn([["a", "b"] * 5] * 3, dimension=4, epochs=3, progress=seen.append)
    assert seen == [Progress("word vectors", epoch, 3) for epoch in (1, 2, 3)]
    with pytest.raises(InputError, match="No word occurs 2 times"):
        learn([["a", "b"]])


def topics(documents: int, seed: int = 0) -> list[list[str]]:
    """Documents of one of two topics each, told by their words, with words of both among them."""
    rng = np.random.default_rng(seed)
    both = ["the", "of", "a"]
    return [
        rng.choice([f"{'ab'[k % 2]}{i}" for i in range(6)] + both, 12).tolist()
        for k in range(documents)
    ]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_words_of_a_topic_are_alike_with_any_number_of_workers(workers: int) -> None:
    found = learn(topics(200), dimension=16, window=5, epochs=20, sample=0, workers=workers, seed=1)
    again = learn(topics(200), dimension=16, window=5, epochs=20, sample=0, workers=workers, seed=1)
    np.testing.assert_array_equal(found.array, again.array)
    unit = found.array / np.linalg.norm(found.array, axis=1, keepdims=True)
    rows = {word: unit[row] for row, word in enumerate(found.words)}
    same = np.mean([rows["a0"] @ rows[f"a{i}"] for i in range(1, 6)])
    other = np.mean([rows["a0"] @ rows[f"b{i}"] for i in range(6)])
    assert same > other + 0.3


def test_a_word_of_one_share_alone_moves_as_far_as_it_did_there() -> None:
    start = np.zeros((2, 3), dtype=np.float32)
    moved = [np.ones((2, 3), np.float32), np.full((2, 3), 3, np.float32)]

    class Vectors:
        def __init__(self, table: np.ndarray) -> None:
            self.vectors = table

    class Model:
        def __init__(self, table: np.ndarray) -> None:
            self.wv, self.syn1neg = Vectors(table), table.copy()

    from whyword.data.skip_gram import _merge, _shares

    shares = _shares([[["here", "both"]], [["both"], ["both", "both"]]], ["here", "both"])
    models = [Model(table.copy()) for table in moved]
    _merge(models, (start, start), shares)  # type: ignore[arg-type]
    for model in models:
        np.testing.assert_allclose(model.wv.vectors[:, 0], [1, 0.25 * 1 + 0.75 * 3])
        np.testing.assert_allclose(model.syn1neg, model.wv.vectors)


def test_time_ends_the_passes() -> None:
    seen: list[Progress] = []
    learn(topics(50), dimension=8, epochs=1000, seconds=1e-9, progress=seen.append)
    assert len(seen) == 1 or len(seen) == 2
