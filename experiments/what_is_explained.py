"""Writes ``docs/what-is-explained.md``: every operation of the conformance tables and its verdict.

Run it with ``python experiments/what_is_explained.py``. The tables stand in ``tests``, which accept
a new rule by its rows; a part that another table prints is added through `PARTS`.
"""

import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "what-is-explained.md"
HEAD = """\
# What is explained

Written by `python experiments/what_is_explained.py`; the same rows run in `make test`. Of each the
verdict is one of two: **explained**, the scores are the plain model's and the relevance equals a
second derivation in float64; or **refused**, by an error that names what stands in the way and says
what to do. Nothing else may happen.
"""


def functions_of_torch() -> Iterator[str]:
    """The part about functions of torch, by groups."""
    conformance: Any = import_module("conformance")
    verdicts: dict[Any, list[str]] = defaultdict(list)
    for row in conformance.rows():
        verdicts[row.operation].append(conformance.check(row))
    rows = sum(map(len, verdicts.values()))
    spellings = sum(len(operation.spellings) for operation in verdicts)
    yield "## Functions of torch\n"
    yield (
        f"{len(verdicts)} operations in {spellings} spellings, each on the embeddings, after a "
        "layer and a nonlinearity, in a residual sum, beside a gate, or above a maximum: "
        f"{rows} small models. What an operation is checked against is the second derivation, if "
        "its row does not say otherwise.\n"
    )
    groups: dict[str, list[Any]] = defaultdict(list)
    for operation in verdicts:
        groups[operation.group].append(operation)
    for group, operations in groups.items():
        yield f"### {group}\n"
        yield "| operation | spellings | verdict | rule |"
        yield "|---|---|---|---|"
        for operation in operations:
            number = len(operation.spellings)
            example = f"`{_cell(operation.spellings[0])}`"
            ways = example if number == 1 else f"{example} and {number - 1} more"
            found = " / ".join(sorted(set(verdicts[operation])))
            rule = operation.rule if found != "refused" else "refused by name"
            note = f" ({operation.note})" if operation.note else ""
            name = _cell(operation.name if operation.name not in operation.spellings else "")
            yield f"| {name} | {ways} | {found} | {_cell(rule)}{note} |"
        yield ""


def families_of_hugging_face() -> Iterator[str]:
    """The part about transformers' classifiers of sequences."""
    families = import_module("conformance_huggingface")
    yield families.markdown(list(families.rows()))


def pipelines_of_scikit_learn() -> Iterator[str]:
    """The part about scikit-learn's classifiers and transformers."""
    rows = [
        row for row in import_module("conformance_sklearn").rows() if "no such" not in row.verdict
    ]
    explained = sum(row.verdict == "explained" for row in rows)
    yield "## Pipelines of scikit-learn\n"
    yield (
        f"Every classifier, and every transformer as a step, that scikit-learn fits on texts: "
        f"{explained} explained, {len(rows) - explained} refused by name. Explained are the scores "
        "named, to 1e-10 of a derivation that leaves features out one by one.\n"
    )
    yield "| pipeline | verdict | what is explained, or why it is refused |"
    yield "|---|---|---|"
    for row in rows:
        yield f"| {_cell(row.name)} | {row.verdict} | {_cell(row.note, 160)} |"
    yield ""


PARTS: list[Callable[[], Iterator[str]]] = [
    functions_of_torch,
    families_of_hugging_face,
    pipelines_of_scikit_learn,
]
"""What the page is made of, in its order; each yields lines of Markdown."""


def _cell(text: str, width: int = 80) -> str:
    short = text if len(text) <= width else text[: width - 3] + "..."
    return short.replace("|", "\\|")


def main() -> None:
    """Run every row and write the page."""
    sys.path.insert(0, str(ROOT / "tests"))
    warnings.simplefilter("ignore")
    lines = [HEAD, *(line for part in PARTS for line in part())]
    PAGE.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
