"""The harness of `make bench`: its times, ratios, bounds and files."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

from suite import bounds, cnn, growth, models, peers, quick, report, timing
from suite.documents import Texts, of_words
from suite.peers import stand_ins
from suite.results import Agreement, Curve, Group, Memory, Results
from suite.timing import Times


class Clock:
    """Time that passes when a task says so."""

    def __init__(self) -> None:
        self.now, self.order = 0.0, list[str]()

    def __call__(self) -> float:
        return self.now

    def task(self, name: str, seconds: float) -> Callable[[], None]:
        def run() -> None:
            self.now += seconds
            self.order.append(name)

        return run


def test_times_are_those_of_one_call_in_turns() -> None:
    clock = Clock()
    tasks = {"slow": clock.task("slow", 0.5), "long": clock.task("long", 3.0)}
    found = timing.interleaved(tasks, seconds=2, least=3, most=6, clock=clock)
    assert {name: times.median for name, times in found.items()} == {"slow": 0.5, "long": 3.0}
    assert {name: len(times.seconds) for name, times in found.items()} == {"slow": 4, "long": 3}
    measured = clock.order[3:]  # behind two calls of the slow one and one of the long one
    assert measured.count("long") == 2
    assert measured != sorted(measured, reverse=True)


def test_a_quick_task_is_repeated_and_divided_by() -> None:
    clock = Clock()
    found = timing.interleaved({"quick": clock.task("quick", 1e-3)}, seconds=9, most=4, clock=clock)
    np.testing.assert_allclose(found["quick"].seconds, 1e-3)
    assert len(clock.order) == 2 + 4 * 5


def group(**medians: float) -> Group:
    times = {name: Times((seconds, seconds, seconds * 3)) for name, seconds in medians.items()}
    return Group.of("g", "Title", times, "base", {"task": ("what it needs", 0.5)})


def test_ratios_are_of_medians() -> None:
    found = group(base=2.0, task=3.0)
    assert found.ratio("task", "base") == pytest.approx(1.5)
    assert found.rows["task"].low == pytest.approx(1.5)
    assert found.rows["task"].high == pytest.approx(3.0)
    assert found.limits[0].distance == pytest.approx(6)
    assert found.ratio("task", "nothing") is None


def results() -> Results:
    found = Results({"command": "make bench"}, {"lxt": "No module named 'lxt'"})
    found.add(group(base=2.0, task=3.0))
    found.agreement.append(Agreement("peer", "ours", 1e-9, 1.0))
    found.curves.append(Curve("name", "words", [1, 2, 4], [1.0, 2.0, 4.0], 1.0))
    found.memory["m"] = Memory("m", "Title", "base", {"base": 10, "task": 15}, {"x": "fails"})
    return found


def test_results_come_back_from_json() -> None:
    once = results().to_json()
    assert Results.from_json(once).to_json() == once
    assert results().memory["m"].ratio("task", "base") == pytest.approx(1.5)


def test_the_page_says_what_was_not_measured_and_what_is_missing() -> None:
    page = report.markdown(results(), ["a.svg"])
    assert "not measured" in page
    assert "passed over: lxt" in page
    assert "| task | 3,000 | 1.5 (1.5 to 3) | 3 |" in page
    assert "fails: fails" in page


def test_bounds_have_two_sides() -> None:
    least = bounds.Bound("what", "at least", 2, lambda _: None)
    most = bounds.Bound("what", "at most", 2, lambda _: None)
    assert [least.met(x) for x in (1, 2, 3)] == [False, True, True]
    assert [most.met(x) for x in (1, 2, 3)] == [True, True, False]


def test_only_ratios_far_above_the_committed_ones_fail() -> None:
    committed = {"a": 1.0, "b": 1.0}
    assert quick.failures({"a": 1.29, "b": 1.31, "new": 9.0}, committed) == ["b"]


def test_a_second_try_comes_before_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "quick.json"
    path.write_text('{"x: a": 1.0, "y: b": 1.0}')
    tries = [{"x: a": 2.0, "y: b": 1.0}, {"x: a": 1.1}]
    monkeypatch.setattr(quick, "measure", lambda *_: dict(tries.pop(0)))
    texts = Texts((), "none")
    assert quick.check(texts, (), path) == []
    tries = [{"x: a": 2.0, "y: b": 1.0}, {"x: a": 1.5}]
    (line,) = quick.check(texts, (), path)
    assert line.startswith("x: a: got 1.5, expected at most 1.3")


def test_a_missing_peer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "PEERS", {"whyword": "whyword", "none": "no_such_library"})
    assert peers.missing() == {"none": "No module named 'no_such_library'"}


def test_a_stand_in_leaves_nothing_behind() -> None:
    with stand_ins.stand_ins({"no_such_library": {"name": 1}}):
        import no_such_library  # type: ignore[import-not-found]

        assert no_such_library.name == 1
    assert "no_such_library" not in sys.modules


def test_the_exponent_is_that_of_the_large_sizes() -> None:
    sizes = [1, 10, 100, 1000]
    assert growth.exponent(sizes, [5.0, *(n**1.5 for n in sizes[1:])]) == pytest.approx(1.5)


def test_documents_of_words_keep_them() -> None:
    assert of_words(["a", "bc", "d"]).words == ["a", "bc", "d"]


def test_what_the_peers_get_is_the_model() -> None:
    """Each document's own network gives the scores of the batch."""
    model = models.random_cnn(vocabulary=50, classes=4)
    batch = model.encode([of_words(["w1", "w2", "w3", "w4"]), of_words(["w5", "w6"])])
    with torch.no_grad():
        scores = torch.cat([network(x) for network, x in cnn.written_out(model, batch)])
        torch.testing.assert_close(scores, model(batch))
