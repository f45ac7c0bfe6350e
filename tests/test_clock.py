"""The clock of a training: shares of what is left, and trainings that it ends."""

from pathlib import Path

import pytest

from whyword.training.clock import Clock
from whyword.training.config import TrainingConfig


def test_shares_are_of_the_time_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    found = Clock(100, before=20)
    assert found.gone == pytest.approx(0.2)
    assert found.share(0.5) == pytest.approx(40)
    now[0] = 70
    assert found.gone == pytest.approx(0.9)
    assert not found.has_run_out
    now[0] = 80
    assert found.has_run_out
    assert found.gone == 1
    assert found.share(1.0) == 0


def test_without_a_limit_it_never_runs_out() -> None:
    found = Clock(None)
    assert (found.gone, found.has_run_out, found.share(0.5)) == (0, False, None)


def test_a_training_out_of_time_has_a_model_nevertheless(tmp_path: Path) -> None:
    from test_training import build, corpus
    from whyword.training.loop import refit, train

    documents, labels = corpus()
    steps: list[str] = []
    config = TrainingConfig(epochs=50, batch_size=4)
    model, history, validated = train(
        build, documents, labels, config, tmp_path / "a", seconds=0.0,
        progress=lambda at: steps.append(at.phase),
    )  # fmt: skip
    assert steps.count("train") == 1  # a step, and the clock has run out
    assert len(history.validation_accuracy) == 1
    assert validated.right.shape == (1, 6)
    assert not model.training
    again, told = refit(build, documents, labels, config, tmp_path / "b", epochs=9, seconds=0.0)
    assert len(told.refit_loss) == 1
    assert not again.training


def test_the_learning_rate_falls_with_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from test_training import build, corpus
    from whyword.training import loop

    class Late(Clock):
        gone = 0.9999999
        has_run_out = False

    monkeypatch.setattr(loop, "Clock", Late)
    documents, labels = corpus()
    config = TrainingConfig(epochs=3, batch_size=8, learning_rate=0.1, weight_decay=0, refit=False)
    model, _, _ = loop.train(build, documents, labels, config, tmp_path)
    import torch

    torch.manual_seed(config.seed)
    for one, other in zip(model.parameters(), build().parameters(), strict=True):
        torch.testing.assert_close(one, other)
