"""Explaining in several processes gives the same, and leaves none behind."""

import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import whyword
from models import random_cnn, random_text
from whyword import InputError, ModelError, WhywordError
from whyword.methods import sensitivity  # noqa: F401 - its module is loaded
from whyword.models import store

RNG = np.random.default_rng(0)
TEXTS = [random_text(RNG, int(RNG.integers(0, 30))) for _ in range(40)] + ["\ud83c half"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("model")
    store.save(random_cnn(3), path)
    return str(path)


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    yield
    assert multiprocessing.active_children() == []


def test_two_processes_give_what_one_gives(model: str) -> None:
    names = whyword.PerText([str(RNG.choice(["a", "b"])) for _ in TEXTS])
    seen: list[int] = []
    found = whyword.explain(
        model,
        TEXTS,
        targets=names,
        method="sa",
        norm="l2",
        batch_size=2,
        workers=2,
        progress=lambda at: seen.append(at.done),
    )
    alone = whyword.explain(Path(model), TEXTS, targets=names, method="sa", norm="l2")
    assert [e.text for e in found] == TEXTS
    assert (len(seen), seen[-1]) == (21, 41)
    for one, other in zip(found, alone, strict=True):
        assert (one.targets, one.settings) == (other.targets, other.settings)
        np.testing.assert_allclose(one.relevance, other.relevance, rtol=0, atol=1e-6)
    assert whyword.explain(model, [], workers=2) == []
    assert isinstance(whyword.explain(model, "alpha", workers=1), whyword.Explanation)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"targets": "spce"}, InputError, 'no class "spce"'),
        ({"classifier": "no-such-model"}, ModelError, "no-such-model"),
        ({"texts": ["alpha", 3]}, InputError, "expected a text"),
        ({"epsilon": lambda: 0}, InputError, "cannot be sent to another process"),
        ({"composite": 3}, AttributeError, "."),
    ],
)
def test_errors_arrive_as_they_are(
    model: str, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    given: dict[str, Any] = {"classifier": model, "texts": TEXTS, **arguments}
    with pytest.raises(error, match=message) as raised:
        whyword.explain(**given, workers=1)
    notes = "".join(getattr(raised.value, "__notes__", []))
    assert ("Traceback" in notes) == (not issubclass(error, WhywordError))


def test_what_workers_need_is_said(model: str) -> None:
    with pytest.raises(InputError, match=r"2 workers for a WordCNN; .* name or folder"):
        whyword.explain(random_cnn(0), TEXTS, workers=2)
    for number in (0, -1):
        with pytest.raises(InputError, match=f"Got {number} workers; expected at least 1"):
            whyword.explain(model, TEXTS, workers=number)


def test_a_stream_may_be_left(model: str) -> None:
    stream = whyword.stream(model, TEXTS * 20, batch_size=1, workers=1)
    assert next(stream).text == TEXTS[0]
    assert len(multiprocessing.active_children()) == 1
    del stream


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_a_killed_process_is_reported(model: str) -> None:
    stream = whyword.stream(model, TEXTS * 50, batch_size=1, workers=1)
    next(stream)
    (child,) = multiprocessing.active_children()
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    with pytest.raises(WhywordError, match=r"ended before its time \(exit code -9\)"):
        list(stream)


SCRIPT = """
import multiprocessing, signal, sys, threading, time
import whyword

# A job in the background of a script inherits that interrupts are ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

def in_many_batches():
    stream = whyword.stream(sys.argv[1], ["alpha beta " * 500] * 5000, workers=2, batch_size=1)
    next(stream)
    next(stream)
    say()
    for _ in stream:
        time.sleep(0.01)

def in_one_that_takes_hours():
    texts = ["alpha beta " * 500] * 2
    settings = {"method": "shapley", "samples": 10**9, "batch_size": 1}
    threading.Thread(target=wait_for_two, daemon=True).start()
    whyword.explain(sys.argv[1], texts, workers=2, **settings)

def wait_for_two():
    while len(multiprocessing.active_children()) < 2:
        time.sleep(0.05)
    say()

def say():
    print(*(child.pid for child in multiprocessing.active_children()), flush=True)

if __name__ == "__main__":
    globals()[sys.argv[2]]()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("work", ["in_many_batches", "in_one_that_takes_hours"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_its_caller(model: str, tmp_path: Path, number: int, work: str) -> None:
    """Ctrl-C reaches all processes of a terminal, a kill the caller alone."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    caller = subprocess.Popen(
        [sys.executable, str(script), model, work],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    assert caller.stdout is not None
    children = [int(pid) for pid in caller.stdout.readline().split()]
    assert len(children) == 2
    assert all(_is_deaf_to_interrupts(pid) for pid in children)
    if number == signal.SIGINT:
        os.killpg(caller.pid, number)
    else:
        caller.kill()
    _, said = caller.communicate(timeout=60)
    assert said.count("Traceback") == (number == signal.SIGINT), said  # the caller's own
    deadline = time.monotonic() + 60
    while any(_runs(pid) for pid in children):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _is_deaf_to_interrupts(pid: int) -> bool:
    (blocked,) = re.findall(r"SigBlk:\s*(\w+)", Path(f"/proc/{pid}/status").read_text())
    return bool(int(blocked, 16) >> (signal.SIGINT - 1) & 1)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"  # a zombie has ended, and waits for whoever inherits it


def test_on_the_command_line(model: str) -> None:
    command = [sys.executable, "-m", "whyword", "explain", "-m", model, "--json"]
    found = subprocess.run(
        [*command, "--workers", "2", "alpha beta", "gamma"], capture_output=True, check=True
    )
    plain = subprocess.run([*command, "alpha beta", "gamma"], capture_output=True, check=True)
    assert found.stderr == b""
    assert json.loads(found.stdout) == json.loads(plain.stdout)
