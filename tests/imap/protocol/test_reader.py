from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.base.budget import MailDataBudget
from pymailcore.imap.protocol.limits import BEFORE_LOGIN, CommandLimits, after_login
from pymailcore.imap.protocol.reader import CommandReader, GoAhead, NoRoom, Taken, TooBig, Whole

SMALL = CommandLimits(
    line_octets=100, literal_octets=20, literals=3, message_octets=50, append_octets=50, discard_octets=80
)

DIALOGUE = (
    b"a1 LOGIN {3}\r\nann {2}\r\npw\r\n"
    b"a2 NOOP\r\n"
    b"a3 APPEND {5+}\r\nINBOX (\\Seen) {50+}\r\n" + b"m" * 50 + b"\r\n"
    b"a4 APPEND INBOX {51}\r\n"
    b"a5 APPEND INBOX {51+}\r\n" + b"n" * 51 + b"\r\n"
    b"a6 NOOP\n"
    b'a7 X "{3}"\r\n'
    b"a8 X {0}\r\n\r\n"
)
EXPECTED: list[Taken] = [
    GoAhead(),
    GoAhead(),
    Whole([b"a1 LOGIN ", b"ann", b" ", b"pw", b""]),
    Whole([b"a2 NOOP"]),
    Whole([b"a3 APPEND ", b"INBOX", b" (\\Seen) ", b"m" * 50, b""]),
    TooBig(b"a4", fatal=False),
    TooBig(b"a5", fatal=False),
    Whole([b"a6 NOOP"]),
    Whole([b'a7 X "{3}"']),
    GoAhead(),
    Whole([b"a8 X ", b"", b""]),
]


def read(octets: bytes, step: int, limits: CommandLimits = SMALL) -> list[Taken]:
    reader = CommandReader(limits, MailDataBudget(1_000_000))
    seen: list[Taken] = []
    for start in range(0, len(octets), step):
        reader.buffer.append(octets[start : start + step])
        while (taken := reader.take()) is not None:
            seen.append(taken)
    return seen


# In the dialogue "a1 LOGIN {3}\r\nann {2}" the literal `ann` is followed by " {2}".
@pytest.mark.parametrize("step", [1, 2, 7, len(DIALOGUE)])
def test_commands_do_not_depend_on_how_octets_are_cut(step: int) -> None:
    """RFC 3501 section 2.2.1, RFC 7888 section 4."""
    assert read(DIALOGUE, step) == EXPECTED


@given(
    st.lists(
        st.sampled_from([b"a", b" ", b"{3}", b"{2+}", b"\r\n", b"\n", b"{", b"}", b"a APPEND x {9}\r\n"])
    )
)
def test_no_input_raises_and_no_cut_matters(words: list[bytes]) -> None:
    """I1."""
    octets = b"".join(words)
    assert read(octets, 1) == read(octets, max(1, len(octets)))


@pytest.mark.parametrize(("octets", "fits"), [(99, True), (100, True), (101, False)])
def test_the_lines_of_a_command_have_a_budget(octets: int, fits: bool) -> None:
    """I1: at the limit less one, the limit, the limit and one."""
    taken = read(b"x" * (octets - 2) + b"\r\n", 7)
    assert isinstance(taken[0], Whole) is fits
    if not fits:
        assert isinstance(taken[0], TooBig)
        assert taken[0].fatal


@pytest.mark.parametrize(("octets", "fits"), [(19, True), (20, True), (21, False)])
@pytest.mark.parametrize("plus", [b"", b"+"])
def test_a_literal_that_is_no_message_has_a_limit(octets: int, plus: bytes, fits: bool) -> None:
    """I1: a synchronising literal is refused before it is asked for."""
    taken = read(b"a X {%d%b}\r\n" % (octets, plus) + (b"y" * octets + b"\r\n" if plus or fits else b""), 5)
    assert isinstance(taken[-1], Whole) is fits
    assert (GoAhead() in taken) is (fits and not plus)
    if not fits:
        assert taken == [TooBig(b"a", fatal=False)]


@pytest.mark.parametrize(("octets", "fits"), [(49, True), (50, True), (51, False)])
def test_a_message_has_a_limit_of_its_own(octets: int, fits: bool) -> None:
    """I1: message data is not counted among the arguments."""
    taken = read(b"a append INBOX {%d+}\r\n" % octets + b"y" * octets + b"\r\n", 9)
    assert isinstance(taken[-1], Whole) is fits


@pytest.mark.parametrize(("size", "fits"), [(29, True), (30, True), (31, False)])
@pytest.mark.parametrize(
    "name", [b"APPEND INBOX", b"append {5+}\r\nINBOX", b"REPLACE 1 x", b"uid replace * {1+}\r\nx"]
)
def test_messages_of_one_command_share_a_limit(name: bytes, size: int, fits: bool) -> None:
    """I1, RFC 3502: MULTIAPPEND and CATENATE are no way round it; one less, just that, one more."""
    limits = replace(SMALL, message_octets=50, append_octets=80)
    taken = read(b"a " + name + b" {50+}\r\n" + b"y" * 50 + b" {%d}\r\n" % size, 4, limits)
    assert taken == ([GoAhead()] if fits else [TooBig(b"a", fatal=False)])


def test_a_refused_message_is_read_to_its_end_with_all_behind_it() -> None:
    """RFC 7888 section 4: the octets of no literal are ever taken for a command."""
    limits = replace(SMALL, message_octets=10, append_octets=80)
    octets = b"a APPEND INBOX {11+}\r\n" + b"b LOGOUT\r\n\r" + b" ~{8+}\r\nc NOOP\r\n\r\nd NOOP\r\n"
    assert read(octets, 3, limits) == [TooBig(b"a", fatal=False), Whole([b"d NOOP"])]


def test_the_name_of_a_mailbox_is_no_message() -> None:
    """I1: it is small."""
    limits = replace(SMALL, message_octets=500, append_octets=800)
    for start in (b"a APPEND ", b"a REPLACE 1 ", b"a UID REPLACE 1 "):
        assert read(start + b"{99}\r\n", 4, limits) == [TooBig(b"a", fatal=False)]
        assert read(start + b"b {99}\r\n", 4, limits) == [GoAhead()]


@pytest.mark.parametrize(("count", "fits"), [(2, True), (3, True), (4, False)])
def test_literals_are_counted(count: int, fits: bool) -> None:
    """I1."""
    taken = read(b"a X" + b" {1+}\r\ny" * count + b"\r\n", 3)
    assert isinstance(taken[-1], Whole) is fits


@pytest.mark.parametrize(("octets", "fatal"), [(79, False), (80, False), (81, True)])
def test_a_literal_that_comes_unasked_is_dropped_up_to_a_size(octets: int, fatal: bool) -> None:
    """RFC 7888 section 4: read and discard, or close."""
    taken = read(b"a X {%d+}\r\n" % octets + (b"" if fatal else b"y" * octets + b"\r\n"), 6)
    assert taken == [TooBig(b"a", fatal)]


def test_many_literals_within_their_limit_are_over_the_budget_together() -> None:
    """I1 (Cyrus CVE-2024-34055)."""
    limits = CommandLimits(
        line_octets=100, literal_octets=20, literals=99, message_octets=0, append_octets=0, discard_octets=80
    )
    taken = read(b"a X" + b" {20+}\r\n" + (b"y" * 20 + b" {20+}\r\n") * 20, 11, limits)
    assert taken[0] == TooBig(b"a", fatal=True)


def test_before_login_no_message_is_taken() -> None:
    """I1: strangers get 8 KiB."""
    assert read(b"a APPEND INBOX {1}\r\n", 30, BEFORE_LOGIN) == [TooBig(b"a", fatal=False)]
    assert read(b"a APPEND INBOX {1+}\r\n", 30, BEFORE_LOGIN) == [TooBig(b"a", fatal=True)]


def test_a_huge_length_is_no_trouble() -> None:
    """I1: numbers beyond 64 bits."""
    limits = after_login(1000, 1000)
    assert read(b"a APPEND INBOX {99999999999999999999}\r\n", 30, limits) == [TooBig(b"a", fatal=False)]
    assert read(b"a APPEND INBOX {99999999999999999999+}\r\n", 30, limits) == [TooBig(b"a", fatal=True)]


@pytest.mark.parametrize(("free", "fits"), [(39, False), (40, True), (41, True)])
@pytest.mark.parametrize("plus", [b"", b"+"])
def test_messages_in_transit_share_one_budget(free: int, plus: bytes, fits: bool) -> None:
    """I1: what is left less one, just that, and one more; refused before it is asked for, or dropped."""
    budget = MailDataBudget(100)
    assert budget.take(100 - free)
    reader = CommandReader(SMALL, budget)
    reader.buffer.append(b"a APPEND INBOX {40%b}\r\n" % plus)
    if plus or fits:
        reader.buffer.append(b"m" * 40 + b"\r\n")
    taken = []
    while (one := reader.take()) is not None:
        taken.append(one)
    assert taken[-1] == (Whole([b"a APPEND INBOX ", b"m" * 40, b""]) if fits else NoRoom(b"a"))
    assert (GoAhead() in taken) is (fits and not plus)
    assert budget.free_octets == (free - 40 if fits else free)
    reader.release()
    assert budget.free_octets == free


def test_who_only_announces_a_message_takes_nothing_of_the_budget() -> None:
    """I1: otherwise a few idle connections would keep all mail out."""
    budget = MailDataBudget(100)
    reader = CommandReader(SMALL, budget)
    reader.buffer.append(b"a APPEND INBOX {50}\r\n")
    assert reader.take() == GoAhead()
    assert reader.take() is None
    assert budget.free_octets == 100
    reader.buffer.append(b"m" * 10)
    assert reader.take() is None
    assert budget.free_octets == 90
    reader.release()
    assert budget.free_octets == 100


@pytest.mark.parametrize(("size", "large"), [(131_071, False), (131_072, False), (131_073, True)])
def test_a_large_annotation_is_told_apart(size: int, large: bool) -> None:
    """RFC 5464 section 4.3."""
    limits = after_login(1000, 1000)
    (taken,) = read(b"a setmetadata b (/shared/c ~{%d}\r\n" % size, 30, limits)
    assert taken == (TooBig(b"a", fatal=False, annotation=True) if large else GoAhead())
    (taken,) = read(b"a CREATE {%d}\r\n" % size, 30, limits)
    assert taken == (TooBig(b"a", fatal=False) if large else GoAhead())
