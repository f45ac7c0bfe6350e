"""A subset of the ratios in two minutes, against those that are committed.

Ratios of costs, so less is better; absolute times are never compared.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from suite import cnn, linear, machine, memory, models, recurrent, start, text, transformer
from suite.documents import Texts
from suite.results import Group
from suite.timing import interleaved

WORSE = 1.3
"""A ratio may be this many times the committed one."""

Ratios = dict[str, float]


def parts(texts: Texts, missing: Iterable[str]) -> dict[str, Callable[[], Ratios]]:
    """What is measured, part by part."""
    missing, core = tuple(missing), machine.Machine(1.0, 1.0)  # limits are not looked at
    short = Texts(tuple(" ".join(t.split()[:100]) for t in texts.texts[:8]), texts.source)
    found: dict[str, Callable[[], Ratios]] = {
        "word CNN": lambda: _cnn(texts, missing),
        "LSTM": lambda: _ratios(
            recurrent.measure(short, core, "lstm", 1, missing, 0.8),
            ("LRP, one class", "forward"),
            ("LRP, all 20 classes", "LRP, one class"),
        ),
        "linear": lambda: _ratios(
            linear.measure(texts, 8, missing, 0.8), ("LRP, all 20 classes", "decision_function")
        ),
        "tokens": lambda: _ratios(
            text.tokens(texts, processes=1),
            ("whyword, cold", "NLTK, cold"),
            ("whyword, warm", "NLTK, warm"),
        ),
        "records": lambda: _ratios(
            text.records(texts, 16, 0.8),
            ("text to Explanation, 20 classes", "Conv1d forward"),
            ("text to JSON, 20 classes", "text to Explanation, 20 classes"),
        ),
        "start": lambda: _ratios(
            start.measure(5),
            ("whyword --help", "import torch"),
            ("whyword explain, --json", "import torch, whyword.load"),
        ),
    }
    if models.minilm_folder() is not None:
        for family in ("bert", "llama"):
            found[family] = lambda family=family: _ratios(  # type: ignore[misc]
                transformer.measure(
                    texts, core, family, 1, missing, seconds=0.8, length=64, every=False
                ),
                ("AttnLRP, one class", "forward"),
                ("AttnLRP, one class", "gradient x input, one class"),
                ("AttnLRP, one class", "lxt AttnLRP, one class"),
            )
        found["memory of MiniLM"] = lambda: _memory(texts)
    return found


def _cnn(texts: Texts, missing: tuple[str, ...]) -> Ratios:
    model = models.shipped()
    batch = model.encode(list(texts.texts[:8]))
    tasks = cnn.ours(model, batch)
    alone = cnn.written_out(models.shipped_copy(), batch)
    if "captum" not in missing:
        from suite.peers import captum

        tasks["captum LRP, one class"] = lambda: cnn.each(captum.lrp, alone, range(1))
    group = Group.of("cnn", "", interleaved(tasks, seconds=0.8), "Conv1d forward")
    return _ratios(
        group,
        ("own forward", "Conv1d forward"),
        ("LRP, all 20 classes", "own forward"),
        ("Shapley LRP, all 20 classes", "LRP, all 20 classes"),
        ("LRP, one class", "captum LRP, one class"),
    )


def _ratios(group: Group, *pairs: tuple[str, str]) -> Ratios:
    found = {f"{task} / {other}": group.ratio(task, other) for task, other in pairs}
    return {name: ratio for name, ratio in found.items() if ratio is not None}


def _memory(texts: Texts) -> Ratios:
    if not memory.can_measure():
        return {}
    kept = Texts(texts.texts[:200], texts.source)
    peaks = {
        task: memory.peak_of("bert", kept, (), task) for task in ("forward", "AttnLRP, one class")
    }
    forward, lrp = peaks.values()
    return {"AttnLRP, one class / forward": lrp / forward}


def measure(texts: Texts, missing: Iterable[str], only: Iterable[str] = ()) -> Ratios:
    """All ratios, or those of some parts, as "part: task / reference"."""
    torch.set_num_threads(1)
    chosen = set(only)
    return {
        f"{part}: {name}": ratio
        for part, run in parts(texts, missing).items()
        if not chosen or part in chosen
        for name, ratio in run().items()
    }


def failures(found: Ratios, committed: Ratios) -> list[str]:
    """The ratios that are too much worse than the committed ones."""
    return [name for name, ratio in found.items() if ratio > WORSE * committed.get(name, ratio)]


def check(texts: Texts, missing: Iterable[str], path: Path) -> list[str]:
    """Lines that say what became worse, twice in a row; none if all is well."""
    missing = tuple(missing)
    committed: Ratios = json.loads(path.read_text(encoding="utf-8"))
    found = measure(texts, missing)
    if failed := failures(found, committed):
        again = measure(texts, missing, {name.split(":")[0] for name in failed})
        found |= {name: min(ratio, found[name]) for name, ratio in again.items()}
    return [
        f"{name}: got {found[name]:.3g}, expected at most {WORSE * committed[name]:.3g} "
        f"({WORSE:g} times the committed {committed[name]:.3g})"
        for name in failures(found, committed)
    ]


def update(texts: Texts, missing: Iterable[str], path: Path) -> Ratios:
    """Measure, and write what was found as the new numbers."""
    found = {name: float(f"{ratio:.4g}") for name, ratio in measure(texts, missing).items()}
    path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return found
