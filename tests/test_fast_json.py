"""JSON by orjson says what `json` says."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyword.data import fast_json

# Characters of all kinds, half ones (category Cs) too.
TEXTS = st.text(st.characters(codec=None), max_size=8)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def exactly(value: object) -> str:
    """With the signs of zeros, and 1 apart from 1.0 and True."""
    return json.dumps(value)


@given(VALUES, st.sampled_from([None, 0, 1, 2, 4]))
def test_both_libraries_read_what_is_written(value: object, indent: int | None) -> None:
    written = fast_json.write(value, indent=indent)
    assert exactly(json.loads(written)) == exactly(value)
    assert exactly(fast_json.read(written)) == exactly(value)
    assert exactly(fast_json.read(json.dumps(value))) == exactly(value)


def test_indents_are_those_of_json() -> None:
    value = {"a": [1, {"b": []}], "c": "é"}
    for indent in (0, 1, 2, 4):
        written = fast_json.write(value, indent=indent)
        assert (
            written.decode().splitlines()[1:3] == json.dumps(value, indent=indent).splitlines()[1:3]
        )
    assert b"\n" not in fast_json.write(value)


def test_half_a_character_and_large_numbers_are_written() -> None:
    assert fast_json.write(["\ud800"]) == rb'["\ud800"]'
    assert fast_json.read(r'["\ud800"]') == ["\ud800"]
    assert fast_json.write([2**70]) == b"[1180591620717411303424]"


@pytest.mark.parametrize(
    "source", ["", "{", "[1,]", b"\xff", "[" * 3000 + "]" * 3000, "[" * 10**6, "\ufeff[]"]
)
def test_what_is_not_json_is_refused(source: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the messages are those of json
        fast_json.read(source)


def test_what_is_no_json_value_is_refused() -> None:
    with pytest.raises(TypeError):
        fast_json.write([object()])
