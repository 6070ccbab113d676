import time
import unicodedata

import pytest
from tests.support.stores import a_message

from pymailcore.message.facts import unpack
from pymailcore.message.prepare import prepare
from pymailcore.store.ordering import MAX_SORT_TEXT, SortValues, casemap, first_groups, sort_values


def values(extra: str = "", *, subject: str = "s", sender: str = "Ada <ada@example.org>") -> SortValues:
    prepared = prepare(a_message(subject, sender=sender, extra=extra))
    return sort_values(unpack(prepared.facts), prepared.envelope)


def test_case_and_accents_sort_as_the_collation_says() -> None:
    """RFC 5256 section 7 (i;unicode-casemap): titlecase, decomposed, octet by octet."""
    words = ["zoo", "Étude", "a_b", "AB", "eta", "straße", "ﬁn", "", "Ähre"]
    ordered = sorted(words, key=lambda word: casemap(word).encode())
    assert ordered == ["", "AB", "a_b", "Ähre", "eta", "Étude", "straße", "zoo", "ﬁn"]
    assert casemap("é") == casemap("É") == casemap("e\u0301") == "E\u0301"
    assert casemap("ß") == "ß"  # its titlecase is two characters, so it has none there


def test_the_mailbox_is_sorted_by_and_not_the_name() -> None:
    """RFC 5256 section 3: addr-mailbox of the first address; RFC 5957 section 3: name or address."""
    found = values("Cc: carl@x, Abe <abe@x>", sender="Zoe <ada@example.org>")
    assert (found.from_mailbox, found.from_sort) == ("ADA", "ZOE")
    assert (found.to_mailbox, found.to_sort) == ("BOB", "BOB")
    assert found.cc_mailbox == "CARL"
    assert values(sender='"quo ted"@x').from_mailbox == "QUO TED"
    assert values(sender="ada@x").from_sort == "ADA@X"
    assert values(sender="=?utf-8?q?=C3=96l?= <x@y>").from_sort == "O\u0308L"


def test_what_is_not_there_is_empty() -> None:
    """RFC 5256 section 3."""
    prepared = prepare(b"\r\n")
    assert sort_values(unpack(prepared.facts), prepared.envelope)[:6] == ("",) * 6


def test_a_group_at_the_beginning_is_what_is_sorted_by() -> None:
    """RFC 9051 section 7.5.2: the first address structure of a list that begins with a group is its name."""
    found = values("Cc: list: a@x, b@x;, c@x", sender="ada@x")
    assert found.cc_mailbox == "LIST"
    assert values("Cc: a@x, list: b@x;").cc_mailbox == "A"
    octets = b"From: Friends:;\r\nTo: undisclosed-recipients:;\r\nSubject: (NIL NIL NIL NIL)\r\n\r\n"
    prepared = prepare(octets)
    assert sort_values(unpack(prepared.facts), prepared.envelope)[1:5] == (
        "FRIENDS", "UNDISCLOSED-RECIPIENTS", "FRIENDS", "UNDISCLOSED-RECIPIENTS",
    )  # fmt: skip


@pytest.mark.parametrize(
    "envelope", [b"", b"(", b"()", b"NIL", b"((((", b")))", b'("x" "y" (((', b"(NIL NIL NIL)"]
)
def test_an_envelope_that_is_none_has_no_groups(envelope: bytes) -> None:
    assert first_groups(envelope) == {}


def test_literals_in_an_envelope_are_read() -> None:
    envelope = (
        b'("d" {3}\r\n((( ((NIL NIL {4}\r\na)b( NIL)("x" NIL "y" "z")) NIL NIL ((NIL NIL "g" NIL)) NIL)'
    )
    assert first_groups(envelope) == {"from": "a)b(", "to": "g"}


def test_replies_are_told_apart() -> None:
    """RFC 5256 section 3, REFERENCES: what base subject extraction takes away."""
    assert values(subject="Re: s").base_subject == values(subject="s").base_subject == "S"
    assert values(subject="Re: s").threading != values(subject="s").threading
    assert values(subject="[x] s").threading == values(subject="s").threading


@pytest.mark.parametrize("bomb", ["a" + "\u0301" * 320_000, "\ufdfa" * 100_000, "\u202e" * 100_000])
def test_bombs_are_bounded(bomb: str) -> None:
    """P6: combining runs, growth under NFKD, controls: each in less than 50 ms."""
    begun = time.thread_time()
    key = casemap(bomb)
    assert time.thread_time() - begun < 0.05
    assert len(key) <= 18 * MAX_SORT_TEXT
    assert unicodedata.is_normalized("NFKD", key)


def test_lone_surrogates_and_nul_do_not_reach_the_database() -> None:
    assert casemap("a\ud800\0") == "A?\ufffd"
