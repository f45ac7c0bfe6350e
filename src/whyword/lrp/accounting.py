"""Where did the relevance go? An account of one backward pass, call by call."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Self, TypedDict


@dataclass(frozen=True)
class Entry:
    """One intercepted call.

    Attributes:
        function: Name of the torch function.
        layer: Qualified name of the module that holds its weights, if it has any.
        received: Relevance of its outputs.
        passed: Relevance handed to its inputs.
        lost: What was not handed on, by cause; adds up to ``received - passed``.
    """

    function: str
    layer: str
    received: float
    passed: float
    lost: Mapping[str, float]

    @classmethod
    def balanced(
        cls, function: str, layer: str, received: float, passed: float, causes: dict[str, float]
    ) -> Self:
        """An entry whose causes add up; the rest is put down to the rule."""
        rest = _unless_rounding(received - passed - sum(causes.values()), received)
        return cls(function, layer, received, passed, {**causes, "rule": rest} if rest else causes)


class AccountRecord(TypedDict):
    """An `Account` as JSON values; each of its entries has the attributes of an `Entry`."""

    target: str
    started: float
    arrived: float
    lost: dict[str, float]
    entries: list[dict[str, object]]


@dataclass
class Account:
    """The calls of one backward pass, in its order.

    Attributes:
        started: Relevance that the pass began with.
        arrived: Relevance that reached the embeddings.
        entries: One per intercepted call.
        target: What was explained, where somebody has said so; the engine does not know.
    """

    started: float = 0.0
    arrived: float = 0.0
    entries: list[Entry] = field(default_factory=list)
    target: str = ""

    def begin(self, started: float) -> None:
        """Start afresh."""
        self.started, self.entries = started, []

    def add(self, entry: Entry) -> None:
        """Note a call."""
        self.entries.append(entry)

    def finish(self, arrived: float) -> "Account":
        """The account of the pass that just ended."""
        return Account(self.started, arrived, self.entries)

    @property
    def lost(self) -> dict[str, float]:
        """Losses by cause; started = arrived + their sum.

        "routing" is what went to positions that routing functions drop, such as zeros that pad a
        convolution.
        """
        total: dict[str, float] = {}
        for entry in self.entries:
            for cause, amount in entry.lost.items():
                total[cause] = total.get(cause, 0.0) + amount
        rest = self.started - self.arrived - sum(total.values())
        if rest := _unless_rounding(rest, self.started):
            total["routing"] = rest
        return total

    def to_dict(self) -> AccountRecord:
        """The account as JSON values."""
        return {
            "target": self.target,
            "started": self.started,
            "arrived": self.arrived,
            "lost": self.lost,
            "entries": [asdict(entry) for entry in self.entries],
        }

    def __str__(self) -> str:
        """A table for people."""
        lines = [f"{'function':20}{'layer':24}{'received':>12}{'passed on':>12}  lost"]
        for e in self.entries:
            lost = ", ".join(f"{cause} {amount:+.4g}" for cause, amount in e.lost.items())
            lines.append(f"{e.function:20}{e.layer:24}{e.received:12.4f}{e.passed:12.4f}  {lost}")
        lost = ", ".join(f"{cause} {amount:+.4g}" for cause, amount in self.lost.items())
        lines.append(f"{'all':44}{self.started:12.4f}{self.arrived:12.4f}  {lost}")
        return "\n".join(lines)


def _unless_rounding(rest: float, amount: float) -> float:
    """What is left over of an amount of relevance; zero if it is no more than rounding."""
    return rest if abs(rest) > 1e-6 * max(1.0, abs(amount)) else 0.0
