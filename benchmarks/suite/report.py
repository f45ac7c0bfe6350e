"""The report of a run: Markdown for people, a table for the terminal."""

from collections.abc import Iterable, Sequence

from suite.bounds import table
from suite.results import Group, Memory, Results

HEAD = """# Benchmarks

Written by `make bench`; do not edit. What explaining costs beside other libraries, measured in one
run. Tasks of a table took turns in one process on one thread, so that noise hits all alike. Numbers
are medians of rounds, in processor time; *ratio* is to the table's reference, with quartiles in
brackets. Times say what this machine took; ratios are what counts. All of it is on the CPU; nothing
was run on a GPU.
"""


def markdown(results: Results, pictures: Iterable[str]) -> str:
    """The whole page."""
    parts = [HEAD, *_about(results), "## What must hold\n"]
    parts.append(_table(("what", "must be", "found", ""), table(results)))
    parts.append(
        "\nThe same rule is compared with the same rule: see *Agreement* below. Peers read each "
        "document without padding, which is to their advantage. In the pictures they are brown.\n"
    )
    parts += [f"![{name}]({name})\n" for name in pictures]
    parts += ["## Times\n", *(_group(group) for group in results.groups.values())]
    parts += _agreement(results)
    parts += _growth(results)
    if results.memory:
        parts.append(
            "## Peak memory\n\nWhat a process of its own held at most above its model, in its "
            "second call.\n"
        )
        parts += [_memory(memory) for memory in results.memory.values()]
    return "\n".join(parts).rstrip() + "\n"


def terminal(results: Results) -> str:
    """What must hold, as lines."""
    rows = table(results)
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def digits(number: float) -> str:
    """Three digits, and no powers of ten."""
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def _about(results: Results) -> list[str]:
    parts = [_table(("", ""), results.about.items()), ""]
    parts += [f"Missing, and passed over: {k} ({v}).\n" for k, v in results.missing.items()]
    return parts


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _group(group: Group) -> str:
    rows = [
        (
            task,
            digits(row.milliseconds),
            f"{digits(row.ratio)} ({digits(row.low)} to {digits(row.high)})",
            str(row.rounds),
        )
        for task, row in group.rows.items()
    ]
    limits = [(limit.task, limit.what, f"{digits(limit.distance)} x") for limit in group.limits]
    parts = [f"### {group.title}\n", *(f"{note}\n" for note in group.notes)]
    parts.append(_table(("task", "ms", f"ratio to: {group.reference}", "rounds"), rows))
    if limits:
        head = ("the limit of", "what it cannot do without", "takes that")
        parts += ["", _table(head, limits)]
    return "\n".join(parts) + "\n"


def _agreement(results: Results) -> list[str]:
    if not results.agreement:
        return []
    rows = [
        (found.peer, found.ours, f"{found.difference:.1e}", f"{found.correlation:.6f}")
        for found in results.agreement
    ]
    text = (
        "## Agreement\n\nDo peers compute the same? Largest difference as a share of the largest "
        "relevance, and Pearson's correlation; word CNN and linear model in float64, the others in "
        "float32. captum and zennit give biases and stabilisers no share; the engine does the same "
        "with `Epsilon(bias_share=False, stabiliser_share=False)`. AttnLRP has no ε here, lxt "
        "adds 1e-10 to what it divides activations by.\n"
    )
    head = ("peer", "ours", "largest difference", "correlation")
    return [text, _table(head, rows), ""]


def _growth(results: Results) -> list[str]:
    if not results.curves:
        return []
    rows = [
        (
            curve.name,
            curve.over,
            ", ".join(
                f"{size:,}: {digits(ms)}"
                for size, ms in zip(curve.sizes, curve.milliseconds, strict=True)
            ),
            f"{curve.exponent:.2f}",
        )
        for curve in results.curves
    ]
    text = (
        "## Growth\n\nThe exponent is the slope of the logarithms over the three largest sizes.\n"
    )
    return [text, _table(("task", "over", "milliseconds", "exponent"), rows), ""]


def _memory(memory: Memory) -> str:
    rows = []
    for task, peak in memory.peak.items():
        ratio = memory.ratio(task, memory.reference)
        rows.append((task, f"{peak / 1e6:.1f}", "-" if ratio is None else f"{ratio:.3g}"))
    rows += [(task, "-", f"fails: {why}") for task, why in memory.failed.items()]
    head = ("task", "MB", f"ratio to: {memory.reference}")
    return f"### {memory.title}\n\n{_table(head, rows)}\n"
