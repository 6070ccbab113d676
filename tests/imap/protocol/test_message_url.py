import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.imap.protocol.fetch_items import BodySection
from pymailcore.imap.protocol.message_url import MAX_URL_OCTETS, parse_message_url, url_text

WHOLE = BodySection(b"BODY[]", peek=True)


@pytest.mark.parametrize(
    ("text", "mailbox", "validity", "uid", "section"),
    [
        (b"/INBOX/;UID=20", "INBOX", None, 20, WHOLE),
        (b"INBOX/;uid=20/", "INBOX", None, 20, WHOLE),
        (b";UID=1", "", None, 1, WHOLE),
        (b"/;UID=1", "", None, 1, WHOLE),
        (b"/a%20b/c%C3%BC;uidvalidity=7/;UID=4294967295", "a b/cü", 7, 4294967295, WHOLE),
        (
            b"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=1.2",
            "Drafts",
            385759045,
            20,
            BodySection(b"BODY[1.2]", (1, 2), peek=True),
        ),
        (b"/x/;UID=2/;SECTION=HEADER", "x", None, 2, BodySection(b"BODY[HEADER]", what="HEADER", peek=True)),
        (
            b"/x/;UID=2;SECTION=HEADER.FIELDS%20(TO%20CC)",
            "x",
            None,
            2,
            BodySection(b"BODY[HEADER.FIELDS (TO CC)]", (), "HEADER.FIELDS", ("TO", "CC"), peek=True),
        ),
        (b"/x/;UID=2/;PARTIAL=5.9", "x", None, 2, BodySection(b"BODY[]<5>", first=5, count=9, peek=True)),
        (
            b"/x/;UID=2/;SECTION=1/;PARTIAL=5",
            "x",
            None,
            2,
            BodySection(b"BODY[1]<5>", (1,), first=5, count=2**32 - 1, peek=True),
        ),
    ],
)
def test_what_a_url_names(
    text: bytes, mailbox: str, validity: int | None, uid: int, section: BodySection
) -> None:
    """RFC 5092 sections 6 and 7, RFC 4469 section 6 (examples)."""
    url = parse_message_url(text)
    assert url is not None
    assert (url.text, url.mailbox, url.uid_validity, url.uid, url.section) == (
        text,
        mailbox,
        validity,
        uid,
        section,
    )


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"/",
        b"/INBOX",
        b"/INBOX/",
        b"/INBOX?SUBJECT",
        b"/INBOX/;UID=0",
        b"/INBOX/;UID=4294967296",
        b"/INBOX/;UID=1x",
        b"/INBOX;UIDVALIDITY=0/;UID=1",
        b";UIDVALIDITY=1/;UID=1",
        b"/INBOX/;UID=1/;SECTION=",
        b"/INBOX/;UID=1/;SECTION=X",
        b"/INBOX/;UID=1/;SECTION=1%5D",
        b"/INBOX/;UID=1/;SECTION=1%5D%20BODY%5B2",
        b"/INBOX/;UID=1/;PARTIAL=1.0",
        b"/INBOX/;UID=1/;PARTIAL=99999999999",
        b"/INBOX/;UID=1/;URLAUTH=anonymous",
        b"/a%zz/;UID=1",
        b"/a%ff/;UID=1",
        b"imap://host/INBOX/;UID=1",
        b"//host/INBOX/;UID=1",
    ],
)
def test_what_is_no_message(text: bytes) -> None:
    """RFC 4469 section 3: no scheme, no server, nothing but a message or its part."""
    assert parse_message_url(text) is None


@pytest.mark.parametrize(("more", "fits"), [(-1, True), (0, True), (1, False)])
def test_a_url_has_a_limit(more: int, fits: bool) -> None:
    """I1."""
    start = b"/x/;UID=1/;SECTION=HEADER.FIELDS%20("
    text = start + b"a" * (MAX_URL_OCTETS + more - len(start) - 1) + b")"
    assert (parse_message_url(text) is not None) is fits


@given(st.binary(max_size=80))
def test_no_octets_raise(text: bytes) -> None:
    """I5; what goes into a response code stays in it."""
    parse_message_url(text)
    parse_message_url(b"/x/;UID=1/;SECTION=" + text)
    assert not set(url_text(text)) & set(b"]\\\r\n\0 ")
    assert url_text(text)
