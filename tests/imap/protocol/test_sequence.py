import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.imap.protocol.sequence import MAX_RANGES, encode_runs, parse_set, runs

NUMBERS = st.integers(min_value=1, max_value=40)


@pytest.mark.parametrize(
    ("text", "largest", "expected"),
    [
        (b"1", 5, ((1, 1),)),
        (b"2,4:7,9,12:*", 15, ((2, 2), (4, 7), (9, 9), (12, 15))),
        (b"*:4,5:7", 10, ((4, 10),)),
        (b"*", 5, ((5, 5),)),
        (b"559:*", 5, ((5, 559),)),
        (b"1:*,1:*,3", 9, ((1, 9),)),
        (b"5:1", 9, ((1, 5),)),
        (b"4294967295", 9, ((4294967295, 4294967295),)),
        (b"*", 0, ((0, 0),)),
    ],
)
def test_a_set_becomes_merged_intervals(text: bytes, largest: int, expected: object) -> None:
    """RFC 3501 section 9, the examples of `sequence-set` among them."""
    parsed = parse_set(text)
    assert parsed is not None
    assert parsed.resolve(largest) == expected


@pytest.mark.parametrize(
    "text", [b"", b"0", b"01", b"1:", b":1", b"1,,2", b"1:2:3", b"4294967296", b"1;2", b",", b"*1"]
)
def test_what_is_no_set_is_refused(text: bytes) -> None:
    """RFC 3501 section 9: nz-number has no leading zero and 32 bits."""
    assert parse_set(text) is None


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=20))
def test_resolving_keeps_the_numbers(pairs: list[tuple[int, int]]) -> None:
    """RFC 3501 section 9: order and repeats do not matter."""
    parsed = parse_set(b",".join(b"%d:%d" % pair for pair in pairs))
    assert parsed is not None
    ranges = parsed.resolve(40)
    assert {n for low, high in ranges for n in range(low, high + 1)} == {
        n for a, b in pairs for n in range(min(a, b), max(a, b) + 1)
    }
    assert all(a[1] + 1 < b[0] for a, b in itertools.pairwise(ranges))


@given(st.lists(NUMBERS, max_size=30))
def test_runs_keep_numbers_and_their_order(numbers: list[int]) -> None:
    """RFC 4315 section 3: COPYUID pairs numbers by place."""
    assert [n for low, high in runs(numbers) for n in range(low, high + 1)] == numbers


def test_a_set_is_written_as_it_is_read() -> None:
    """RFC 4315 section 3."""
    assert encode_runs([(304, 304), (319, 320)]) == b"304,319:320"


def test_a_set_may_have_just_so_many_members() -> None:
    """I4: sequence-set bombs."""
    assert parse_set(b",".join([b"1"] * MAX_RANGES)) is not None
    assert parse_set(b",".join([b"1"] * (MAX_RANGES + 1))) is None


def test_the_longest_set_is_quick() -> None:
    """I4: a set as large as a command may be stops nobody."""
    text = b",".join([b"1:*"] * MAX_RANGES)
    start = time.process_time()
    parsed = parse_set(text)
    assert parsed is not None
    assert parsed.resolve(10) == ((1, 10),)
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    ("text", "ranges"), [(b"$", ()), (b"1,$", ((1, 1),)), (b"5:*,9,$", ((5, 0), (9, 9)))]
)
def test_the_saved_result_stands_at_the_end(text: bytes, ranges: object) -> None:
    """RFC 5182 section 3 (`seq-last-command`)."""
    parsed = parse_set(text)
    assert parsed is not None
    assert (parsed.ranges, parsed.saved) == (ranges, True)


def test_the_saved_result_stands_nowhere_else() -> None:
    assert parse_set(b"$,1") is None
    assert parse_set(b"$:1") is None
