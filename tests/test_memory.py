"""The most memory a process has held, on each system by what it offers."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from whyword.data import memory
from whyword.data.memory import peak_memory


def fake_resource(monkeypatch: pytest.MonkeyPatch, peak: int) -> None:
    usage = SimpleNamespace(ru_maxrss=peak)
    module = SimpleNamespace(RUSAGE_SELF=0, getrusage=lambda who: usage)
    monkeypatch.setitem(sys.modules, "resource", module)


@pytest.fixture
def status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(memory, "STATUS", tmp_path / "status")
    return tmp_path / "status"


def test_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no module resource; importing training failed."""
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "resource", None)
    info = SimpleNamespace(peak_wset=123, rss=7)
    process = SimpleNamespace(memory_info=lambda: info)
    monkeypatch.setitem(sys.modules, "psutil", SimpleNamespace(Process=lambda: process))
    assert peak_memory() == 123


def test_macos_counts_bytes(monkeypatch: pytest.MonkeyPatch, status: Path) -> None:
    status.write_text("VmHWM: 7 kB")
    monkeypatch.setattr(sys, "platform", "darwin")
    fake_resource(monkeypatch, 5000)
    assert peak_memory() == 5000


def test_others_count_kibibytes(monkeypatch: pytest.MonkeyPatch, status: Path) -> None:
    status.write_text("VmHWM: 7 kB")
    monkeypatch.setattr(sys, "platform", "freebsd14")
    fake_resource(monkeypatch, 5000)
    assert peak_memory() == 5000 * 1024


@pytest.mark.parametrize("says", ["Name: x\nVmHWM:\t   2048 kB\nVmRSS: 9 kB\n", "Name: x\n", None])
def test_linux(monkeypatch: pytest.MonkeyPatch, status: Path, says: str | None) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    fake_resource(monkeypatch, 5000)
    if says is not None:
        status.write_text(says)
    assert peak_memory() == (2048 if "VmHWM" in (says or "") else 5000) * 1024


@pytest.mark.skipif(not memory.STATUS.exists(), reason="has no /proc")
def test_a_process_does_not_count_what_the_one_held_that_started_it() -> None:
    """As getrusage does."""
    held = np.ones(60_000_000)
    code = "from whyword.data.memory import peak_memory; print(peak_memory())"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert held.nbytes <= peak_memory()
    assert 1_000_000 < int(found.stdout) < held.nbytes
