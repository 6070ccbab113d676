import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.imap.protocol.scanner import BadCommand, Scanner
from pymailcore.imap.protocol.select_options import NO_OPTIONS, Resync, SelectOptions, parse_select_options


def parse(text: bytes) -> SelectOptions:
    scanner = Scanner([text])
    options = parse_select_options(scanner)
    scanner.end()
    return options


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (b"", NO_OPTIONS),
        (b" ", NO_OPTIONS),
        (b" (CONDSTORE)", SelectOptions(condstore=True)),
        (b" (qresync (67 90))", SelectOptions(resync=Resync(67, 90))),
        (b" (QRESYNC (67 90 5,1:3))", SelectOptions(resync=Resync(67, 90, ((1, 3), (5, 5))))),
        (
            b" (QRESYNC (67 90 (4,12 8,24)))",
            SelectOptions(resync=Resync(67, 90, None, ((4, 8, 1), (12, 24, 1)))),
        ),
        (
            b" (CONDSTORE QRESYNC (67 90 1:9 (1:3,5 1:2,7:8)))",
            SelectOptions(
                condstore=True, resync=Resync(67, 90, ((1, 9),), ((1, 1, 2), (3, 7, 1), (5, 8, 1)))
            ),
        ),
    ],
)
def test_what_a_client_may_say(text: bytes, options: SelectOptions) -> None:
    """RFC 7162 section 7 (`select-param`)."""
    assert parse(text) == options


@pytest.mark.parametrize(
    "text",
    [
        b" ()",
        b" (X)",
        b" (CONDSTORE",
        b" (CONDSTORE CONDSTORE)",
        b" (QRESYNC)",
        b" (QRESYNC 1 1)",
        b" (QRESYNC (1))",
        b" (QRESYNC (1 1 1:*))",
        b" (QRESYNC (1 1 $))",
        b" (QRESYNC (1 1 1 1))",
        b" (QRESYNC (1 1 (1)))",
        b" (QRESYNC (1 1 (1 1 1)))",
        b" (QRESYNC (1 1 (1:2 1)))",
        b" (QRESYNC (1 1 (1 1:2)))",
        b" (QRESYNC (1 1 (2,1 1,2)))",
        b" (QRESYNC (1 1 (1,2 2,1)))",
        b" (QRESYNC (1 1 (2:1 1:2)))",
        b" (QRESYNC (1 9223372036854775808))",
    ],
)
def test_what_is_none(text: bytes) -> None:
    """RFC 7162 section 3.2.5: BAD, and nothing is selected."""
    with pytest.raises(BadCommand):
        parse(text)


@given(st.sets(st.integers(1, 40), min_size=1))
def test_numbers_and_uids_pair_up_in_order(numbers: set[int]) -> None:
    """RFC 7162 section 3.2.5.2: whatever the ranges in which they are written."""
    ordered = sorted(numbers)
    uids = [number * 3 for number in ordered]
    text = b" (QRESYNC (1 1 (%b %b)))" % tuple(
        b",".join(b"%d" % one for one in some) for some in (ordered, uids)
    )
    resync = parse(text).resync
    assert resync is not None
    pairs = [(number + k, uid + k) for number, uid, length in resync.matches for k in range(length)]
    assert pairs == list(zip(ordered, uids, strict=True))


def test_huge_ranges_cost_nothing() -> None:
    """I1: stretches are kept as they are written."""
    resync = parse(b" (QRESYNC (1 1 1:4294967295 (1:4294967295 1:4294967295)))").resync
    assert resync == Resync(1, 1, ((1, 2**32 - 1),), ((1, 1, 2**32 - 1),))
