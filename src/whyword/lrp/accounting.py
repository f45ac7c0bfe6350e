"""`Account`: where the relevance of one backward pass went, call by call."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Self, TypedDict


@dataclass(frozen=True)
class Entry:
    """One intercepted call of a torch function, in an account.

    Attributes:
        function: Name of the torch function.
        layer: Qualified name of the module that holds its weights; "" without weights.
        received: Sum of the relevance of its outputs.
        passed: Sum of the relevance handed to its inputs.
        lost: Relevance that was not handed on, by cause; adds up to ``received - passed``.
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
        """An entry whose causes add up; what they do not explain gets the cause "rule"."""
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
    """The calls of one backward pass, from the scores to the embeddings.

    Attributes:
        started: Sum of the relevance at the scores.
        arrived: Sum of the relevance that reached the embeddings.
        entries: One entry per intercepted call, the last call first.
        target: Name of the target; "" from the engine, which does not know it.
    """

    started: float = 0.0
    arrived: float = 0.0
    entries: list[Entry] = field(default_factory=list)
    target: str = ""

    def begin(self, started: float) -> None:
        """Start the account of another pass."""
        self.started, self.entries = started, []

    def add(self, entry: Entry) -> None:
        """Add the entry of a call."""
        self.entries.append(entry)

    def finish(self, arrived: float) -> "Account":
        """The account of the pass that just ended."""
        return Account(self.started, arrived, self.entries)

    @property
    def lost(self) -> dict[str, float]:
        """The relevance that was lost, by cause; ``started`` is ``arrived`` plus their sum.

        "routing" is relevance of positions that functions made or dropped, such as the zeros that
        pad a convolution.
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
        """The account as a table."""
        lines = [f"{'function':20}{'layer':24}{'received':>12}{'passed on':>12}  lost"]
        for e in self.entries:
            lost = ", ".join(f"{cause} {amount:+.4g}" for cause, amount in e.lost.items())
            lines.append(f"{e.function:20}{e.layer:24}{e.received:12.4f}{e.passed:12.4f}  {lost}")
        lost = ", ".join(f"{cause} {amount:+.4g}" for cause, amount in self.lost.items())
        lines.append(f"{'all':44}{self.started:12.4f}{self.arrived:12.4f}  {lost}")
        return "\n".join(lines)


def _unless_rounding(rest: float, amount: float) -> float:
    """The rest of an amount of relevance, or zero if it is no more than rounding."""
    return rest if abs(rest) > 1e-6 * max(1.0, abs(amount)) else 0.0
