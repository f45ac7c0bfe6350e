"""Folders of runs: one process at a time, one run for good."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from whyword import InputError
from whyword.data.files import whole
from whyword.data.run_folder import HOLDER, LOCK, RunFolder, locked

HOLD = """
import sys, time
from pathlib import Path
from whyword.data.files import whole
from whyword.data.run_folder import locked
with locked(Path(sys.argv[1])), whole(Path(sys.argv[1]) / "numbers.json") as draft:
    draft.write_text("half")
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the folder, in the middle of writing a file."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_folder_in_use_is_refused_until_the_process_is_dead(
    tmp_path: Path, other: subprocess.Popen[str]
) -> None:
    draft = next(tmp_path.glob(".numbers.*.json"))
    who = rf"process {other.pid} on {socket.gethostname()}"
    with pytest.raises(InputError, match=rf"{tmp_path.name} is in use by another run \({who}\)"):
        locked(tmp_path).__enter__()
    assert draft.read_text() == "half"  # which a run that is refused leaves alone
    other.send_signal(signal.SIGKILL)
    other.wait()
    with locked(tmp_path):
        assert not draft.exists()
        assert json.loads((tmp_path / HOLDER).read_text())["process"] == os.getpid()
    assert [path.name for path in tmp_path.iterdir()] == [LOCK]


def test_a_holder_that_cannot_be_read_is_not_named(
    tmp_path: Path, other: subprocess.Popen[str]
) -> None:
    (tmp_path / HOLDER).write_text("{")
    with pytest.raises(InputError, match="in use by another run; wait"):
        locked(tmp_path).__enter__()
    assert other.poll() is None


def test_a_thread_may_lock_what_it_holds_and_another_may_not(tmp_path: Path) -> None:
    def enter() -> None:
        with locked(tmp_path):
            pass

    with ThreadPoolExecutor(1) as thread:
        with locked(tmp_path):
            with locked(tmp_path), whole(tmp_path / "a.json") as draft:
                draft.write_text("{}")
                enter()
                assert draft.exists()  # drafts of a lock's own run are no leftovers
            assert (tmp_path / HOLDER).exists()
            with pytest.raises(InputError, match=f"process {os.getpid()}"):
                thread.submit(enter).result()
        thread.submit(enter).result()


def test_an_error_ends_the_lock(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(tmp_path):
        _ = 1 / 0
    with locked(tmp_path):
        pass


def test_a_folder_that_cannot_be_locked(tmp_path: Path) -> None:
    (tmp_path / LOCK).mkdir()
    with pytest.raises(InputError, match="Cannot lock"):
        locked(tmp_path).__enter__()


def test_leftovers_alone_are_removed(tmp_path: Path) -> None:
    kept = [".hidden.part.json", "a.json", ".a.json", f".a.{'0' * 31}.part.json"]
    for name in (*kept, f".a.{'0' * 32}.part.json", f".a.b.{'f' * 32}.part"):
        (tmp_path / name).write_text("")
    with locked(tmp_path):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {LOCK, *kept}


def test_no_two_drafts_have_one_name(tmp_path: Path) -> None:
    """Two processes wrote to one draft, and each took the other's half for its whole."""
    path = tmp_path / "numbers.json"
    with whole(path) as one, whole(path) as other:
        one.write_text("one")
        other.write_text("other")
    assert path.read_text() == "one"
    assert [p.name for p in tmp_path.iterdir()] == ["numbers.json"]


def test_a_run_that_fails_at_once_does_not_keep_the_folder(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, "note.json", ("result.json",))
    with pytest.raises(ZeroDivisionError), folder.taken({"seed": 1}):
        _ = 1 / 0
    with folder.taken({"seed": 2}):
        (tmp_path / "result.json").write_text("{}")
    with pytest.raises(ZeroDivisionError), folder.taken({"seed": 2}):
        _ = 1 / 0
    with pytest.raises(InputError, match="differs in: seed"), folder.taken({"seed": 1}):
        pass
    with folder.taken({"seed": 2}):
        pass


def test_a_folder_belongs_to_one_run_for_good(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run", "note.json", ("result.json",))
    with folder.taken({"seed": 1, "words": ("a", "b"), "corpus": "12ab"}):
        (folder.path / "result.json").write_text("{}")
    with folder.taken({"seed": 1, "words": ["a", "b"], "corpus": "12ab"}):
        pass
    match = r"note\.json belongs to another run, which differs in: seed, corpus, words\. Give"
    with pytest.raises(InputError, match=match), folder.taken({"seed": 2, "corpus": "34cd"}):
        pass
    (folder.path / "note.json").write_text('{"seed": 1, "words": ["a", "b"]}')
    with pytest.raises(InputError, match="another version"), folder.taken({"seed": 1}):
        pass
    (folder.path / "note.json").unlink()
    for take in (folder.refuse_others, folder.taken({"seed": 1}).__enter__):
        with pytest.raises(InputError, match=r"holds something else \(result\.json\)"):
            take()
