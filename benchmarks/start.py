"""What the first answer costs: a cold `whyword explain "..." --json` with the model that ships.

    python benchmarks/start.py [--json] [--rounds N]

The limit. Nothing can be explained before torch is imported and the model is read: a process that
imports torch and does nothing, and `whyword.load` after that (which imports what it needs). What
comes on top is the command line, the tokeniser, and one pass of the model.

The limit and the whole take turns; times are processor seconds of the processes, children of this
one, and the medians of several rounds.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

TEXT = "The shuttle reached its orbit."
LOAD = """
import time
import torch
before = time.process_time()
import whyword
whyword.load("news20-cnn")
print(time.process_time() - before)
"""


def seconds(*arguments: str) -> tuple[float, str]:
    """Processor seconds of a Python process, and what it prints."""
    with subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{arguments} ended with exit code {process.returncode}.")
    return used.ru_utime + used.ru_stime, printed


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    times: dict[str, list[float]] = {"import torch": [], "whyword.load": [], "first answer": []}
    for measured in range(-1, options.rounds):
        found = {
            "import torch": seconds("-c", "import torch")[0],
            "whyword.load": float(seconds("-c", LOAD)[1]),
            "first answer": seconds("-m", "whyword", "explain", TEXT, "--json")[0],
        }
        if measured >= 0:  # the first round finds files that are not yet in memory
            for name, value in found.items():
                times[name].append(value)
    medians = {name: statistics.median(values) for name, values in times.items()}
    ratio = statistics.median(
        whole / (torch + load) for torch, load, whole in zip(*times.values(), strict=True)
    )
    if options.json:
        print(json.dumps({"seconds": medians, "ratio": ratio}))
        return
    for name, value in medians.items():
        print(f"{name:14s}{value:7.2f} s of a processor (noisy machine)")
    print(f"the first answer costs {ratio:.2f} times torch and the model alone")


if __name__ == "__main__":
    main()
