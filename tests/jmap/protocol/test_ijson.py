"""RFC 7493: what JMAP takes for JSON, and what it refuses before it can do harm."""

import contextlib
import time

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.jmap.protocol.ijson import MAX_DEPTH, MAX_VALUES, NotJson, parse

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_another_encoder_writes_comes_back(value: object) -> None:
    try:
        octets = orjson.dumps(value)
    except TypeError:
        return
    assert parse(octets) == value


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_nesting_is_taken_to_the_limit_and_refused_beyond(opening: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"
    assert parse(opening * MAX_DEPTH + b"1" + closing * MAX_DEPTH)
    with pytest.raises(NotJson, match="nested"):
        parse(opening * (MAX_DEPTH + 1) + b"1" + closing * (MAX_DEPTH + 1))


def test_mixed_nesting_counts_every_level() -> None:
    def nested(pairs: int) -> bytes:
        return b'[{"a":' * pairs + b"0" + b"}]" * pairs

    assert parse(nested(MAX_DEPTH // 2))
    with pytest.raises(NotJson):
        parse(nested(MAX_DEPTH // 2 + 1))


def test_brackets_in_strings_do_not_count() -> None:
    assert parse(b'["' + b"[" * 1000 + b'", "\\"[[", "\\\\", "]"]') == ["[" * 1000, '"[[', "\\", "]"]


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"{",
        b"]",
        b"[}",
        b"[1,]",
        b"{'a':1}",
        b"[1] x",
        b"nul",
        b"\xef\xbb\xbf{}",
        b'"\xff"',
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}',
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"9007199254740992",
        b"-9007199254740992",
        b"1" * 5000,
        b'"\\ud800"',
        b'{"\\udfff": 1}',
        b'["x\\uD83Dy"]',
        b'"unfinished \\',
        b'"\t"',
    ],
)
def test_refused(octets: bytes) -> None:
    with pytest.raises(NotJson):
        parse(octets)


@pytest.mark.parametrize("number", [2**53 - 1, -(2**53) + 1])
def test_whole_numbers_reach_the_ends_of_their_range(number: int) -> None:
    """RFC 8620 section 1.3."""
    assert parse(b"%d" % number) == number


def test_a_pair_of_surrogates_is_a_character() -> None:
    assert parse(b'"\\ud83d\\ude00"') == "\U0001f600"


@pytest.mark.parametrize(
    "bomb",
    [
        b'"' + b'\\"' * 400_000,
        b'"a' * 400_001,
        b"[" * 1_000_000,
        b"[]" * 400_000,
        b'{"a":' * 200_000,
        b"[" + b"[],{}," * 150_000 + b"1]",
    ],
)
def test_bombs_take_linear_time(bomb: bytes) -> None:
    began = time.process_time()
    with contextlib.suppress(NotJson):
        parse(bomb)
    assert time.process_time() - began < 2


@pytest.mark.parametrize(("extra", "fits"), [(0, True), (1, False)])
def test_the_number_of_values_is_limited(extra: int, fits: bool) -> None:
    """Security notes, J4: found here, ten megabytes of empty lists took 250 MB."""
    lists = MAX_VALUES // 2 + extra  # each has a bracket and, but for the last, a comma
    octets = b"[" + b",".join([b"[]"] * lists) + b"]"
    if fits:
        assert len(parse(octets)) == lists  # type: ignore[arg-type]
    else:
        with pytest.raises(NotJson, match="values"):
            parse(octets)


def test_commas_in_a_text_are_no_values() -> None:
    assert parse(b'"' + b"," * (2 * MAX_VALUES) + b'"') == "," * (2 * MAX_VALUES)
