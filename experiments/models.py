"""Train the other architectures on 20 Newsgroups, and write ``results/models.json``.

    python experiments/models.py [KIND ...]

The recurrent models use the word vectors of ``runs/news20-cnn-0`` (learned from the training
documents by ``experiments/training.py``); the seconds reported include learning them.
"""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
VECTORS = "runs/news20-cnn-0"
SHORT = "--vector-rate 0 --epochs 8 --no-refit"
COMMANDS = {
    "lstm": f"whyword train --model lstm --vectors {VECTORS} {SHORT} --output runs/news20-lstm",
    "gru": f"whyword train --model gru --vectors {VECTORS} {SHORT} --output runs/news20-gru",
    "linear": "whyword train --model linear --output runs/news20-linear",
    "characters": "whyword train --model characters --no-refit --output runs/news20-characters",
}


def main() -> None:
    """Train what is not trained yet, and write the results."""
    path = ROOT / "results" / "models.json"
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for kind in sys.argv[1:] or COMMANDS:
        results[kind] = train(kind)
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def train(kind: str) -> dict[str, Any]:
    """One run in a process of its own."""
    command = COMMANDS[kind]
    arguments = shlex.split(command)
    report_path = ROOT / arguments[-1] / "report.json"
    if not report_path.exists():
        subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, check=True)
    report = json.loads(report_path.read_text(encoding="utf-8"))
    seconds = report["training_seconds"] + report["vector_seconds"]
    if VECTORS in command:
        learned = json.loads((ROOT / VECTORS / "report.json").read_text(encoding="utf-8"))
        seconds += learned["vector_seconds"]
    return {
        "test_accuracy": report["test"]["accuracy"],
        "validation_accuracy": report["validation_accuracy"],
        "seconds": round(seconds, 1),
        "command": command,
        "peak_memory_bytes": report["peak_memory_bytes"],
    }


if __name__ == "__main__":
    main()
