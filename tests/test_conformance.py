"""The conformance table holds, row by row; and it can fail."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

import conformance
from conformance import Operation, Row, check, rows
from whyword import lrp
from whyword.lrp import audit, backward
from whyword.lrp.calls import Call

pytestmark = pytest.mark.filterwarnings("ignore")  # torch's own, about what rows do on purpose
TABLE = list(rows())


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_explained_as_derived_or_refused_by_name(row: Row) -> None:
    assert check(row) in ("explained", "refused")


def test_the_table_is_large_and_its_rows_differ() -> None:
    assert len(TABLE) >= 600
    assert len(set(map(str, TABLE))) == len(TABLE)
    assert {row.place for row in TABLE} == set(conformance.PLACES)


def rows_of(*names: str) -> list[Row]:
    found = [row for row in TABLE if row.operation.name in names]
    assert {row.operation.name for row in found} == set(names)
    return found


def failing(found: Sequence[Row]) -> list[Row]:
    """The rows that do not hold."""
    failed = []
    for row in found:
        try:
            check(row)
        except AssertionError:
            failed.append(row)
    return failed


def test_a_node_let_through_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = rows_of("a scripted module", "a traced module")
    assert not failing(silent)
    names = ("Tanh", "Add", "Mul", "Addmm", "Linear", "T", "Mm")
    nodes = {f"{name}Backward{number}" for name in names for number in "01"}
    monkeypatch.setattr(audit, "NODES", audit.NODES | nodes)
    assert failing(silent) == silent


def test_a_custom_function_let_through_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from operations import Doubling

    silent = rows_of("a custom autograd function")
    monkeypatch.setattr(audit, "Propagate", Doubling)
    monkeypatch.setattr(audit, "Batched", backward.Propagate)
    assert failing(silent) == silent


def test_a_rule_that_is_another_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = rows_of("mean over positions", "average pooling", "softmax", "a linear layer")
    assert not failing(found)
    original = lrp.Epsilon.__call__
    monkeypatch.setattr(
        lrp.Epsilon, "__call__", lambda self, layer, R: original(self, layer, R) * (1 + 1e-8)
    )
    assert failing(rows_of("a linear layer")) == rows_of("a linear layer")


def test_an_argument_that_is_read_wrongly_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler that does not know NumPy's ``axis`` explains another model, or crashes."""
    found = [row for row in rows_of("mean over positions") if "axis" in row.spelling]
    monkeypatch.setitem(lrp.calls.SPELLINGS, "axis", ("dtype",))
    monkeypatch.setattr(lrp.calls, "_FITTING", {})  # what was read before
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever it is, the row does not pass
        check(found[0])


def test_another_score_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler that computes something else fails, with and without the engine's check."""
    row = next(row for row in rows_of("tanh") if row.place == "on the embeddings")
    check(row)

    def wrong(call: Call, input: Tensor) -> Tensor:
        return lrp.propagate(call, torch.sin(input.detach()), lambda R: (R,), input)

    monkeypatch.setitem(lrp.calls.HANDLERS, "tanh", wrong)
    with pytest.raises(Exception, match="differ"):
        check(row)
    monkeypatch.setattr("whyword.lrp.engine.check_scores", lambda *_, **__: None)
    with pytest.raises(AssertionError, match="scores differ"):
        check(row)


def test_a_refusal_without_a_name_is_noticed() -> None:
    operation = Operation("x", "y", "z", ("torch.special.i0(x)",), refused="something else")
    with pytest.raises(AssertionError, match="does not name"):
        check(Row(operation, operation.spellings[0], "on the embeddings"))
