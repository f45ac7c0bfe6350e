"""What a run found, as JSON values and back."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from suite.timing import Times

Seconds = Mapping[str, Times]


@dataclass(frozen=True)
class Row:
    """A task: milliseconds of a call, and the ratio to the group's reference, with quartiles."""

    milliseconds: float
    ratio: float
    low: float
    high: float
    rounds: int


@dataclass(frozen=True)
class Limit:
    """What a task cannot do without.

    Attributes:
        task: Its name.
        what: What must be computed or moved, in words.
        distance: The task's time as a multiple of what that alone takes.
    """

    task: str
    what: str
    distance: float


@dataclass(frozen=True)
class Group:
    """Tasks that were timed in turns.

    Attributes:
        name: Short, for bounds and files.
        title: For people.
        reference: The task that ratios are to.
        rows: All tasks by name.
        limits: What bounds some of them.
        notes: What a reader should know.
    """

    name: str
    title: str
    reference: str
    rows: dict[str, Row]
    limits: list[Limit] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        name: str,
        title: str,
        times: Seconds,
        reference: str,
        limits: Mapping[str, tuple[str, float]] | None = None,
        notes: list[str] | None = None,
    ) -> Self:
        """The group of these times.

        Args:
            name: Short name.
            title: Title.
            times: Times by task.
            reference: The task that ratios are to.
            limits: By task, what it cannot do without, and the seconds which that takes.
            notes: What a reader should know.
        """
        base = times[reference].median
        rows = {}
        for task, found in times.items():
            low, high = (q / base for q in found.quartiles)
            ratio = found.median / base
            rows[task] = Row(found.median * 1000, ratio, low, high, len(found.seconds))
        bounded = [
            Limit(task, what, times[task].median / seconds)
            for task, (what, seconds) in (limits or {}).items()
            if task in times
        ]
        return cls(name, title, reference, rows, bounded, notes or [])

    def ratio(self, task: str, other: str) -> float | None:
        """How often the time of ``other`` goes into that of ``task``; None if one is missing."""
        if task not in self.rows or other not in self.rows:
            return None
        return self.rows[task].milliseconds / self.rows[other].milliseconds


@dataclass(frozen=True)
class Agreement:
    """How far a peer's relevance is from ours.

    Attributes:
        peer: The other library and its method.
        ours: What it is compared with.
        difference: Largest difference as a share of the largest relevance.
        correlation: Pearson's, over all numbers.
    """

    peer: str
    ours: str
    difference: float
    correlation: float


@dataclass(frozen=True)
class Curve:
    """Times over a size that grows, and the exponent of the power law at its large end."""

    name: str
    over: str
    sizes: list[int]
    milliseconds: list[float]
    exponent: float


@dataclass(frozen=True)
class Memory:
    """Extra bytes that a process held at most above its model, by task; why others failed."""

    name: str
    title: str
    reference: str
    peak: dict[str, int]
    failed: dict[str, str] = field(default_factory=dict)

    def ratio(self, task: str, other: str) -> float | None:
        """The peak of ``task`` as a multiple of that of ``other``; None if one is missing."""
        if not self.peak.get(other) or task not in self.peak:
            return None
        return self.peak[task] / self.peak[other]


@dataclass
class Results:
    """All of a run."""

    about: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    agreement: list[Agreement] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    memory: dict[str, Memory] = field(default_factory=dict)

    def add(self, group: Group | None) -> None:
        """Keep a group, if there is one."""
        if group is not None:
            self.groups[group.name] = group

    def ratio(self, group: str, task: str, other: str) -> float | None:
        """A ratio of two tasks of a group; None if something is missing."""
        return self.groups[group].ratio(task, other) if group in self.groups else None

    def to_json(self) -> dict[str, Any]:
        """JSON values, with four digits of each number."""
        found: dict[str, Any] = _rounded(asdict(self))
        return found

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """The results that were written."""
        return cls(
            about=dict(found["about"]),
            missing=dict(found["missing"]),
            groups={name: _group(values) for name, values in found["groups"].items()},
            agreement=[Agreement(**values) for values in found["agreement"]],
            curves=[Curve(**values) for values in found["curves"]],
            memory={name: Memory(**values) for name, values in found["memory"].items()},
        )


def _group(values: Mapping[str, Any]) -> Group:
    rows = {task: Row(**row) for task, row in values["rows"].items()}
    limits = [Limit(**limit) for limit in values["limits"]]
    return Group(**{**values, "rows": rows, "limits": limits})


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value


Measure = Callable[[], Group | None]
