"""What it takes to start: processor time of new processes, in turns."""

import os
import resource
import subprocess
import sys
from functools import partial
from pathlib import Path

import whyword
from suite.results import Group
from suite.timing import interleaved

TEXT = "The shuttle reached its orbit, and the doctor asked for a faster modem."
READING = """
import json, torch
from pathlib import Path
from safetensors.torch import load_file
folder = Path({folder!r})
for name in ("vectors", "weights"):
    load_file(folder / f"{{name}}.safetensors")
json.loads((folder / "vocabulary.json").read_text())
"""
"""The least that an explanation cannot do without: torch, and the model's files."""
LOADING = 'import torch, whyword; whyword.load("news20-cnn")'


def children() -> float:
    """Processor seconds of all processes that this one has started and seen end."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(rounds: int = 9) -> Group:
    """Times from nothing to an answer."""
    folder = str(Path(whyword.__file__).parent / "models" / "pretrained" / "news20-cnn")
    python = sys.executable
    command = [python, "-m", "whyword"]
    commands = {
        "python -c pass": [python, "-c", "pass"],
        "whyword --help": [*command, "--help"],
        "import torch": [python, "-c", "import torch"],
        "import torch, read the files": [python, "-c", READING.format(folder=folder)],
        "import torch, whyword.load": [python, "-c", LOADING],
        "whyword explain, --json": [*command, "explain", TEXT, "--json"],
        "whyword explain": [*command, "explain", TEXT],
    }
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    tasks = {
        name: partial(subprocess.run, line, check=True, capture_output=True, env=environment)
        for name, line in commands.items()
    }
    times = interleaved(tasks, seconds=30, least=3, most=rounds, clock=children)
    limits = {
        "whyword --help": ("starting Python", times["python -c pass"].median),
        "whyword explain, --json": (
            "importing torch and reading the model's files",
            times["import torch, read the files"].median,
        ),
    }
    return Group.of(
        "start",
        "From nothing to an answer",
        times,
        "import torch",
        limits,
        ["Processor time of new processes; files are in the system's cache."],
    )
