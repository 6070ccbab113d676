from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.base.ids import MailboxId
from pymailcore.imap.protocol.enabled import Enabled
from pymailcore.imap.protocol.sequence import SequenceSet, parse_set
from pymailcore.imap.view import View
from pymailcore.store.types import FetchRow, Mailbox, MailboxDelta, Snapshot


def mailbox(uid_next: int = 100, modseq: int = 7) -> Mailbox:
    counters = [0] * 8
    return Mailbox(MailboxId(5), "x", "x", None, None, 0, True, 9, uid_next, modseq, *counters)


def view(*uids: int, read_only: bool = False) -> View:
    return View(Snapshot(mailbox(), array("I", uids), 0), read_only=read_only)


def a_set(text: bytes) -> SequenceSet:
    parsed = parse_set(text)
    assert parsed is not None
    return parsed


def row(uid: int, modseq: int, flags: int = 1) -> FetchRow:
    return FetchRow(uid, uid, flags, "", 0, modseq)


def delta(
    arrived: tuple[int, ...] = (),
    changed: tuple[FetchRow, ...] = (),
    expunged: tuple[int, ...] = (),
    modseq: int = 8,
) -> MailboxDelta:
    return MailboxDelta(modseq, arrived, changed, expunged)


@pytest.mark.parametrize(
    ("text", "uid", "expected"),
    [
        (b"1", False, ((10, 10),)),
        (b"2:*", False, ((20, 40),)),
        (b"*", False, ((40, 40),)),
        (b"1,3", False, ((10, 10), (30, 30))),
        (b"5", False, None),
        (b"1:5", False, None),
        (b"10:29", True, ((10, 20),)),
        (b"41:*", True, ((40, 40),)),
        (b"11:19", True, ()),
        (b"1:15,25:4294967295", True, ((10, 10), (30, 40))),
    ],
)
def test_sets_become_ranges_of_known_uids(text: bytes, uid: bool, expected: object) -> None:
    """RFC 3501 section 9: `*`, numbers that are too large, and UIDs that are not there."""
    assert view(10, 20, 30, 40).ranges(a_set(text), uid=uid) == expected


@pytest.mark.parametrize(("text", "expected"), [(b"5", ()), (b"3:9", ((30, 40),)), (b"1,9", ((10, 10),))])
def test_search_just_does_not_find_numbers_that_are_too_large(text: bytes, expected: object) -> None:
    """Leniency: SEARCH names no message by such a number."""
    assert view(10, 20, 30, 40).ranges(a_set(text), uid=False, lenient=True) == expected


@pytest.mark.parametrize("text", [b"1", b"*", b"1:*"])
def test_an_empty_mailbox_has_no_number(text: bytes) -> None:
    """RFC 3501 section 9: not even `*`."""
    assert view().ranges(a_set(text), uid=False) is None
    assert view().ranges(a_set(text), uid=False, lenient=True) == ()
    assert view().ranges(a_set(text), uid=True) == ()


def test_uids_and_numbers() -> None:
    """RFC 3501 section 2.3.1."""
    seen = view(10, 20, 30, 40)
    assert seen.seq(30) == 3
    assert seen.seq(31) is None
    assert list(seen.seqs([20, 30])) == [2, 3]
    assert list(seen.seqs([10, 30, 50])) == [1, 3, 0]
    assert list(seen.seqs([])) == []
    assert seen.count(10, 30) == 3
    assert seen.last_uid == 40
    assert view().last_uid == 0


def test_arrivals_are_recent_and_told() -> None:
    r"""RFC 3501 sections 7.3.1 and 2.3.2: `\Recent` is what arrived since SELECT."""
    seen = view(10, 20)
    assert seen.apply(delta(arrived=(100, 101)), expunge=False, told={}) == [b"* 4 EXISTS\r\n* 2 RECENT\r\n"]
    assert seen.apply(delta(changed=(row(100, 9),), modseq=9), expunge=True, told={}) == [
        b"* 3 FETCH (UID 100 FLAGS (\\Seen \\Recent))\r\n"
    ]
    assert seen.modseq == 9


def test_flags_that_were_just_told_are_not_told_again() -> None:
    """The answer of STORE said so; a later change of somebody else is told."""
    seen = view(10, 20)
    changed = (row(10, 8), row(20, 9), row(999, 9))
    assert seen.apply(delta(changed=changed), expunge=True, told={10: 8, 20: 8}) == [
        b"* 2 FETCH (UID 20 FLAGS (\\Seen))\r\n"
    ]


def test_an_expunge_waits_until_it_may_be_said() -> None:
    """RFC 3501 section 7.4.1: numbers stay as they are while FETCH, STORE or SEARCH is answered."""
    seen = view(10, 20, 30, 40)
    assert seen.apply(delta(expunged=(20, 40, 99)), expunge=False, told={}) == []
    assert seen.seq(30) == 3
    assert seen.apply(delta(arrived=(50,), expunged=(10,)), expunge=False, told={}) == [
        b"* 5 EXISTS\r\n* 0 RECENT\r\n"
    ]
    assert seen.say_expunged() == [b"* 4 EXPUNGE\r\n", b"* 2 EXPUNGE\r\n", b"* 1 EXPUNGE\r\n"]
    assert list(seen.uids) == [30, 50]
    assert not seen.waiting
    assert seen.say_expunged() == []


def test_expunges_come_before_arrivals() -> None:
    """RFC 3501 section 7.3.1: EXISTS tells the size that the client then has."""
    seen = view(10, 20)
    assert seen.apply(delta(arrived=(100,), expunged=(10,)), expunge=True, told={}) == [
        b"* 1 EXPUNGE\r\n",
        b"* 2 EXISTS\r\n* 1 RECENT\r\n",
    ]


def test_a_view_that_is_too_old_is_renewed() -> None:
    """The change log does not reach back: the difference of two lists of UIDs."""
    seen = view(10, 20, 30)
    fresh = Snapshot(mailbox(uid_next=200, modseq=50), array("I", (20, 30, 150)), 0)
    assert seen.renew(fresh, (row(20, 40),), expunge=True) == [
        b"* 1 EXPUNGE\r\n",
        b"* 1 FETCH (UID 20 FLAGS (\\Seen))\r\n",
        b"* 3 EXISTS\r\n* 1 RECENT\r\n",
    ]
    assert list(seen.uids) == [20, 30, 150]
    assert seen.modseq == 50


@given(
    st.sets(st.integers(1, 60), max_size=30), st.lists(st.sets(st.integers(1, 60), max_size=9), max_size=5)
)
def test_a_client_that_follows_has_the_same_list(uids: set[int], rounds: list[set[int]]) -> None:
    """RFC 3501 section 7.4.1: applying EXPUNGE one by one leads to the view's own list."""
    seen = view(*sorted(uids))
    client = sorted(uids)
    for gone in rounds:
        seen.apply(delta(expunged=tuple(sorted(gone))), expunge=False, told={})
        for response in seen.say_expunged():
            del client[int(response.split()[1]) - 1]
        assert client == list(seen.uids)


def test_a_saved_result_is_what_is_left_of_it() -> None:
    """RFC 5182 section 2.1: what was expunged is not in it; it may name messages by number or UID."""
    some = view(10, 20, 30, 40)
    assert some.ranges(a_set(b"$"), uid=False) == ()
    some.save([30, 10])
    for uid in (False, True):
        assert some.ranges(a_set(b"$"), uid=uid) == ((10, 10), (30, 30))
    assert some.ranges(a_set(b"2,$"), uid=False) == ((10, 30),)
    assert some.ranges(a_set(b"40:*,$"), uid=True) == ((10, 10), (30, 40))
    assert some.ranges(a_set(b"9,$"), uid=False) is None
    some.apply(delta(expunged=(10,)), expunge=True, told={})
    assert some.ranges(a_set(b"$"), uid=False) == ((30, 30),)
    some.save([])
    assert some.ranges(a_set(b"$"), uid=True) == ()


def test_numbers_of_uids_in_any_order() -> None:
    assert view(10, 20, 30).numbered([30, 5, 10, 99, 20]) == [3, 1, 2]
    assert view(7, 8, 9).numbered([9, 6, 7, 10, 8]) == [3, 1, 2]
    assert view().numbered([1]) == []


def test_the_uids_in_ranges() -> None:
    some = view(10, 20, 30, 40)
    assert list(some.uids_in(((5, 20), (40, 99)))) == [10, 20, 40]
    assert list(some.uids_in(())) == []


def test_nothing_is_recent_in_rev2() -> None:
    """RFC 9051 appendix E, 12."""
    enabled = Enabled()
    seen = View(Snapshot(mailbox(), array("I", (10,)), 0), read_only=False, enabled=enabled)
    enabled.rev2 = True
    assert seen.apply(delta(arrived=(100,)), expunge=True, told={}) == [b"* 2 EXISTS\r\n"]
    assert seen.changed(2, row(100, 9)) == b"* 2 FETCH (UID 100 FLAGS (\\Seen))\r\n"


def test_who_asked_for_it_is_told_of_modseqs_and_uids() -> None:
    """RFC 7162 sections 3.2.4 and 3.2.10.2: one VANISHED, and only what was there."""
    seen = View(
        Snapshot(mailbox(), array("I", (10, 11, 12, 20)), 0),
        read_only=False,
        enabled=Enabled(condstore=True, qresync=True),
    )
    assert seen.apply(delta(changed=(row(20, 8),), expunged=(10, 11, 19)), expunge=True, told={}) == [
        b"* VANISHED 10:11\r\n",
        b"* 2 FETCH (UID 20 MODSEQ (8) FLAGS (\\Seen))\r\n",
    ]


def test_an_expunge_that_waits_holds_the_modseq_back() -> None:
    """RFC 7162 section 3.2: who loses the connection now must hear of it when he comes back."""
    seen = view(10, 20)
    assert seen.highest_modseq() == b"* OK [HIGHESTMODSEQ 7] Highest\r\n"
    seen.apply(delta(expunged=(10,), modseq=8), expunge=False, told={})
    seen.apply(delta(changed=(row(20, 12),), expunged=(20,), modseq=12), expunge=False, told={})
    assert seen.safe_modseq == 7
    seen.say_expunged()
    assert seen.safe_modseq == 12


@pytest.mark.parametrize(
    ("ranges", "missing"),
    [
        (((1, 2**32 - 1),), ((1, 9), (11, 19), (22, 99))),
        (((10, 10), (20, 21)), ()),
        (((9, 11), (21, 22)), ((9, 9), (11, 11), (22, 22))),
        (((100, 200),), ()),
        (((30, 20),), ()),
        ((), ()),
    ],
)
def test_what_once_was_and_is_not_there(ranges: tuple[tuple[int, int], ...], missing: object) -> None:
    """RFC 7162 section 3.2.6: UIDs that no message has had yet have not vanished."""
    assert view(10, 20, 21).missing(ranges) == missing


@pytest.mark.parametrize(
    ("pairs", "last"),
    [
        ((), 0),
        (((1, 10, 1),), 10),
        (((1, 10, 1), (2, 20, 2)), 21),
        (((1, 10, 1), (2, 20, 9)), 21),
        (((1, 10, 1), (2, 21, 1)), 10),
        (((1, 11, 1),), 0),
        (((1, 1, 2**32 - 1),), 0),
        (((1, 10, 1), (2**31, 2**31, 2**31)), 10),
        (((9, 90, 1),), 0),
    ],
)
def test_the_last_number_that_client_and_server_agree_on(
    pairs: tuple[tuple[int, int, int], ...], last: int
) -> None:
    """RFC 7162 section 3.2.5.2."""
    assert view(10, 20, 21).last_match(pairs) == last
