import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.imap.protocol import threading
from pymailcore.imap.protocol.threading import Forest, encode_threads, ordered_subject, references


class Mails:
    """Messages written with letters as ids; what stands before a colon is the subject."""

    def __init__(self) -> None:
        self.dates: list[int] = []
        self.ids: list[int] = []
        self.subjects: list[int] = []
        self.replies: list[int] = []
        self.references: list[int] = []
        self.ends: list[int] = []

    def add(self, id_: str, refs: str = "", *, subject: str = "", date: int | None = None) -> "Mails":
        """Add a message: its id, the ids that it refers to, and a subject, "Re: " before it for a reply."""
        plain = subject.removeprefix("Re: ")
        self.dates.append(len(self.dates) if date is None else date)
        self.ids.append(ord(id_) if id_ else 0)
        self.subjects.append(sum(ord(letter) << 8 * place for place, letter in enumerate(plain)))
        self.replies.append(int(plain != subject))
        self.references += map(ord, refs)
        self.ends.append(len(self.references))
        return self

    def threads(self) -> str:
        """THREAD REFERENCES, messages numbered from 1."""
        forest = references(self.dates, self.ids, self.subjects, self.replies, self.references, self.ends)
        return encode_threads(forest, range(1, len(self.dates) + 1)).decode()


def test_the_example_of_the_thread_response() -> None:
    """RFC 5256 section 4: (2)(3 6 (4 23)(44 7 96))."""
    forest = Forest(8, [0, 1], {1: [2], 2: [3, 5], 3: [4], 5: [6], 6: [7]})
    assert encode_threads(forest, [2, 3, 6, 4, 23, 44, 7, 96]) == b"(2)(3 6 (4 23)(44 7 96))"


def test_siblings_whose_parent_is_not_there() -> None:
    """RFC 5256 section 4: ((3)(5))."""
    assert encode_threads(Forest(2, [2], {2: [0, 1]}), [3, 5]) == b"((3)(5))"
    assert Mails().add("a", "x").add("b", "x").threads() == "((1)(2))"


def test_a_chain_of_references() -> None:
    """RFC 5256 section 3, step 1."""
    assert Mails().add("a").add("b", "a").add("c", "ab").add("d", "a").threads() == "(1 (2 3)(4))"


def test_a_reply_that_came_before_what_it_replies_to() -> None:
    assert Mails().add("b", "a").add("a").threads() == "(2 1)"


def test_a_parent_that_is_not_there_is_left_out_when_it_has_one_child() -> None:
    """RFC 5256 section 3, step 3."""
    assert Mails().add("b", "a").threads() == "(1)"
    assert Mails().add("c", "ab").add("d", "ab").threads() == "((1)(2))"
    assert Mails().add("a").add("c", "ab").add("d", "ab").threads() == "(1 (2)(3))"


def test_what_the_last_reference_says_is_what_counts() -> None:
    """RFC 5256 section 3, step 1.B: a link that truncated references have made is broken."""
    assert Mails().add("a").add("b").add("c").add("d", "abc").add("c", "").threads() == "(1 2 3 4)(5)"
    # c is below b by d's references, but itself refers to a
    assert Mails().add("a").add("b").add("d", "bc").add("c", "a").threads() == "(1 4 3)(2)"


def test_a_link_that_is_there_stays() -> None:
    """RFC 5256 section 3, step 1.A: references may have been truncated."""
    assert Mails().add("a").add("b", "a").add("c", "ab").add("d", "ac").threads() == "(1 2 3 4)"


def test_a_message_without_references_has_no_parent() -> None:
    """RFC 5256 section 3, step 1.B, its last sentence but one."""
    assert Mails().add("a").add("c", "ab").add("b").threads() == "(1)(3 2)"


def test_of_two_messages_with_one_id_the_first_has_it() -> None:
    """RFC 5256 section 3, step 1.A."""
    assert Mails().add("a").add("a").add("b", "a").threads() == "(1 3)(2)"


def test_messages_without_an_id_are_threads_of_their_own() -> None:
    assert Mails().add("").add("").add("b", "a").threads() == "(1)(2)(3)"


def test_no_link_makes_a_loop() -> None:
    """RFC 5256 section 3, step 1.A."""
    assert Mails().add("a", "b").add("b", "a").threads() == "(2 1)"
    assert Mails().add("a", "a").threads() == "(1)"
    assert Mails().add("a", "bc").add("b", "ca").add("c", "ab").threads() == "(2 3 1)"


def test_siblings_and_threads_are_in_the_order_of_their_dates() -> None:
    """RFC 5256 section 3, steps 4 and 6; section 2.2 for equal dates."""
    mails = Mails().add("a", date=5).add("b", "a", date=9).add("c", "a", date=7).add("d", date=1)
    assert mails.threads() == "(4)(1 (3)(2))"
    assert Mails().add("a", date=1).add("b", date=1).threads() == "(1)(2)"
    # a thread whose first message is not there has the date of the first child
    assert Mails().add("b", "x", date=9).add("c", "x", date=2).add("d", date=5).threads() == "((2)(1))(3)"


CASES = [
    # neither is a reply, so both go below a new dummy
    (Mails().add("a", subject="s").add("b", subject="s"), "((1)(2))"),
    (Mails().add("a", subject="s").add("b", subject="s").add("c", subject="s"), "((1)(2)(3))"),
    # a reply goes below what is none, also when it is older
    (Mails().add("a", subject="s").add("b", subject="Re: s"), "(1 2)"),
    (Mails().add("a", subject="Re: s").add("b", subject="s"), "(2 1)"),
    # both are replies
    (Mails().add("a", subject="Re: s").add("b", subject="Re: s"), "((1)(2))"),
    # the one in the table is a dummy
    (Mails().add("a", "x", subject="s").add("b", "x", subject="s").add("c", subject="s"), "((1)(2)(3))"),
    (Mails().add("c", subject="s").add("a", "x", subject="s").add("b", "x", subject="s"), "((1)(2)(3))"),
    # both are dummies
    (
        Mails().add("a", "x", subject="s").add("b", "x").add("c", "y", subject="s").add("d", "y"),
        "((1)(2)(3)(4))",
    ),
    # what has children keeps them
    (Mails().add("a", subject="s").add("b", "a").add("c", subject="Re: s").add("d", "c"), "(1 (2)(3 4))"),
    # an empty subject joins nothing
    (Mails().add("a").add("b"), "(1)(2)"),
    (Mails().add("a", subject="Re: ").add("b", subject="Re: "), "(1)(2)"),
]


@pytest.mark.parametrize(("mails", "threads"), CASES)
def test_threads_of_one_subject_become_one(mails: Mails, threads: str) -> None:
    """RFC 5256 section 3, step 5."""
    assert mails.threads() == threads


def test_ordered_subject() -> None:
    """RFC 5256 section 3, ORDEREDSUBJECT: no grandchildren; threads by the date of their first message."""
    forest = ordered_subject([5, 4, 3, 2, 1], [8, 6, 8, 4, 8])
    assert encode_threads(forest, [1, 2, 3, 4, 5]) == b"(5 (3)(1))(4)(2)"
    assert encode_threads(ordered_subject([1, 2], [8, 8]), [194, 195]) == b"(194 195)"
    assert encode_threads(ordered_subject([], []), []) == b""


MESSAGES = st.lists(
    st.tuples(
        st.integers(0, 5),  # date
        st.integers(0, 8),  # id
        st.sampled_from((0, 2, 4)),  # subject
        st.integers(0, 1),
        st.lists(st.integers(1, 12), max_size=5),
    ),
    max_size=14,
)


@given(MESSAGES)
def test_every_message_is_there_once(messages: list[tuple[int, int, int, int, list[int]]]) -> None:
    """Whatever the references are."""
    dates = [message[0] for message in messages]
    ids = [message[1] for message in messages]
    subjects = [message[2] for message in messages]
    replies = [message[3] for message in messages]
    flat: list[int] = []
    ends = []
    for *_, refs in messages:
        flat += refs
        ends.append(len(flat))
    forest = references(dates, ids, subjects, replies, flat, ends)
    seen = []
    waiting = list(forest.roots)
    while waiting:
        node = waiting.pop()
        below = forest.children.get(node, [])
        if node < forest.messages:
            seen.append(node)
        else:
            assert node in forest.roots
            assert len(below) > 1
        order = [(dates[one], one) for one in below]
        assert order == sorted(order)  # step 6
        waiting += below
    assert sorted(seen) == list(range(len(messages)))
    wire = encode_threads(forest, range(1, len(messages) + 1))
    assert wire.count(b"(") == wire.count(b")")
    assert sorted(map(int, wire.replace(b"(", b" ").replace(b")", b" ").split())) == [
        number + 1 for number in range(len(messages))
    ]


@pytest.mark.slow
def test_a_chain_of_many_messages_takes_no_stack() -> None:
    count = 20_000
    ids = list(range(1, count + 1))
    forest = references(ids, ids, [0] * count, [0] * count, ids[:-1], list(range(count)))
    assert encode_threads(forest, ids) == b"(%b)" % b" ".join([b"%d" % one for one in ids])


def test_hostile_references_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """P12: cycles are broken deterministically; links that are dear to check are few."""
    monkeypatch.setattr(threading, "MAX_STEPS", 1_000)
    count = 2_000
    ids = list(range(1, count + 1))
    # each message but the first replies to the next, and names its predecessor before it
    refs = [one for n in range(count) for one in (ids[n - 1], ids[(n + 1) % count])]
    ends = [2 * (n + 1) for n in range(count)]
    begun = time.thread_time()
    forest = references([0] * count, ids, [0] * count, [0] * count, refs, ends)
    assert time.thread_time() - begun < 1.0
    again = references([0] * count, ids, [0] * count, [0] * count, refs, ends)
    assert forest == again
