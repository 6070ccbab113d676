import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.imap.protocol.client_reader import BadResponse, Raw
from pymailcore.imap.protocol.client_responses import (
    MAX_DEPTH,
    Capabilities,
    Condition,
    Continuation,
    Exists,
    Expunged,
    Fetched,
    Listed,
    Namespaces,
    Other,
    Response,
    capabilities_in,
    code_number,
    parse_response,
)


def parse(*pieces: bytes, dropped: bool = False) -> Response:
    return parse_response(Raw(list(pieces), dropped))


@pytest.mark.parametrize(
    ("line", "response"),
    [
        (b"* OK [UIDVALIDITY 7] fine", Condition(b"", "OK", b"UIDVALIDITY 7", "fine")),
        (b"* ok", Condition(b"", "OK", b"", "")),
        (b"* PREAUTH hello", Condition(b"", "PREAUTH", b"", "hello")),
        (b"A1 NO [NOPERM] no", Condition(b"A1", "NO", b"NOPERM", "no")),
        (b"+ go on", Continuation(b"go on")),
        (b"+", Continuation(b"")),
        (b"* CAPABILITY IMAP4rev1 idle", Capabilities(frozenset({"IMAP4REV1", "IDLE"}))),
        (b"* 23 EXISTS", Exists(23)),
        (b"* 5 EXPUNGE", Expunged(5)),
        (b"* 5 RECENT", Other()),
        (b"* SEARCH 1 2", Other()),
        (b"* FLAGS (\\Seen)", Other()),
        (b"* STATUS x (MESSAGES 1)", Other()),
        (b'* LIST (\\Sent \\X) "/" Sent', Listed(frozenset({"\\x", "\\sent"}), "/", b"Sent", False)),
        (b'* LSUB () "." "a \\"b\\""', Listed(frozenset(), ".", b'a "b"', True)),
        (b"* LIST () NIL inbox", Listed(frozenset(), "", b"inbox", False)),
        (b'* LIST () "\\\\" a\\b', Listed(frozenset(), "\\", b"a\\b", False)),
        (b'* LIST () "/" [Gmail]/%', Listed(frozenset(), "/", b"[Gmail]/%", False)),
        (b'* NAMESPACE (("I." ".")) (("u." ".")) NIL', Namespaces(((b"I.", "."),), ((b"u.", "."),))),
    ],
)  # fmt: skip
def test_responses_of_one_line(line: bytes, response: Response) -> None:
    """RFC 3501 section 7; RFC 2342 section 6."""
    assert parse(line) == response


def test_a_name_may_be_a_literal() -> None:
    """RFC 3501 section 9, `list-mailbox`."""
    assert parse(b'* LIST () "/" ', "Entwürfe".encode(), b"") == Listed(
        frozenset(), "/", "Entwürfe".encode(), False
    )


def test_data_of_a_message() -> None:
    """RFC 3501 section 7.4.2, RFC 8474 section 5.2; what nobody asked for is passed over."""
    found = parse(
        b'* 12 FETCH (FLAGS (\\Seen $Label1) UID 7 INTERNALDATE "17-Jul-1996 02:44:25 -0700" MODSEQ (12) '
        b'RFC822.SIZE 44827 ENVELOPE (NIL "x" (("a" NIL "b" "c"))) BODY[HEADER.FIELDS (DATE)] "" '
        b"EMAILID (M1) BODY[] ",
        b"octets",
        b")",
    )
    assert found == Fetched(
        seq=12, uid=7, flags=("\\Seen", "$Label1"), internal_date_ms=837_596_665_000, size_octets=44_827,
        body=b"octets", identity="M1",
    )  # fmt: skip
    assert parse(b"* 1 FETCH (X-GM-MSGID 1278455344230334865 UID 2)") == Fetched(
        1, 2, identity="1278455344230334865"
    )
    assert parse(b'* 1 FETCH (UID 1 BODY[] "quoted" INTERNALDATE "nonsense")') == Fetched(
        1, 1, body=b"quoted"
    )
    assert parse(b"* 1 FETCH (UID 1 BODY[] NIL)") == Fetched(1, 1)
    assert parse(b"* 1 FETCH ()") == Fetched(1)
    assert parse(b"* 1 FETCH (UID 3 BODY[] ", b"", b")", dropped=True) == Fetched(
        1, 3, body=b"", dropped=True
    )


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"*",
        b"* ",
        b"hello",
        b"A1",
        b"A1 MAYBE x",
        b"* 1 FETCH",
        b"* 1 FETCH (UID",
        b"* 1 FETCH (UID 1",
        b"* 1 FETCH UID 1",
        b"* 1 FETCH (FLAGS (\\Seen)",
        b'* 1 FETCH (INTERNALDATE "x)',
        b"* LIST",
        b'* LIST x "/" a',
        b"* LIST () (a) b",
        b"* NAMESPACE ((",
        b"* 1 FETCH (X " + b"(" * (MAX_DEPTH + 1) + b")" * (MAX_DEPTH + 1) + b")",
        b"* 1 FETCH (FLAGS (" + b"a " * 11_000 + b"))",
    ],
)
def test_what_is_no_response(line: bytes) -> None:
    with pytest.raises(BadResponse):
        parse(line)


def test_lists_as_deep_as_allowed() -> None:
    line = b"* 1 FETCH (X " + b"(" * MAX_DEPTH + b")" * MAX_DEPTH + b" UID 9)"
    assert parse(line) == Fetched(1, 9)


def test_codes() -> None:
    assert code_number(b"UIDVALIDITY 7", b"UIDVALIDITY") == 7
    assert code_number(b"UIDVALIDITY", b"UIDVALIDITY") is None
    assert code_number(b"UIDNEXT 7", b"UIDVALIDITY") is None
    assert code_number(b"UIDVALIDITY 99999999999", b"UIDVALIDITY") is None
    assert capabilities_in(b"CAPABILITY a b") == frozenset({"A", "B"})
    assert capabilities_in(b"CAPABLE a") is None


WORDS = b'*_ 1_ FETCH_ ( ) UID_ BODY[]_ " NIL LIST_ \\Seen_ [ ] ~ FLAGS_ _ OK_ A1_ NAMESPACE_ 7 { 99999_'
TOKENS = st.sampled_from([*(word.replace(b"_", b" ") for word in WORDS.split()), b"\0", b"\xff"])


@given(pieces=st.lists(st.lists(TOKENS, max_size=12).map(b"".join), min_size=1, max_size=5))
def test_a_server_that_talks_nonsense_raises_nothing_else(pieces: list[bytes]) -> None:
    if len(pieces) % 2 == 0:
        pieces.append(b"")
    with contextlib.suppress(BadResponse):
        parse(*pieces)


@given(pieces=st.lists(st.binary(max_size=30), min_size=1, max_size=3))
def test_no_octets_raise_anything_else(pieces: list[bytes]) -> None:
    for head in (b"", b"* ", b"* 1 FETCH (", b"* LIST ", b"* NAMESPACE "):
        with contextlib.suppress(BadResponse):
            parse(head + pieces[0], *pieces[1:])
