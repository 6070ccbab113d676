import pytest

from pymailcore.imap.protocol.append_grammar import (
    MAX_MESSAGES,
    MAX_PARTS,
    NewMessage,
    UrlPart,
    parse_message,
    parse_messages,
)
from pymailcore.imap.protocol.flags import Flags
from pymailcore.imap.protocol.scanner import BadCommand, Scanner


def parse(*pieces: bytes) -> tuple[NewMessage, ...]:
    scanner = Scanner(list(pieces))
    messages = parse_messages(scanner)
    scanner.end()
    return messages


def plain(*parts: bytes | UrlPart, **more: bool) -> NewMessage:
    return NewMessage(Flags(), None, parts, **more)


@pytest.mark.parametrize(
    ("pieces", "messages"),
    [
        ((b" ", b"x", b""), (plain(b"x"),)),
        ((b" ~", b"x", b"  "), (plain(b"x", binary=True),)),
        ((b" utf8 (~", b"x", b")"), (plain(b"x", binary=True, utf8=True),)),
        ((b" ", b"x", b" () ", b"y", b" ~", b"", b""), (plain(b"x"), plain(b"y"), plain(b"", binary=True))),
        (
            (b' (\\Seen) " 1-Jan-1970 00:00:01 +0000" CATENATE (url "/a/;UID=1" TEXT ', b"x", b" URL b)"),
            (
                NewMessage(
                    Flags(("$seen",)), 1000, (UrlPart(b"/a/;UID=1"), b"x", UrlPart(b"b")), catenated=True
                ),
            ),
        ),
        (
            (b" CATENATE (UTF8 (~", b"x", b") TEXT ~", b"y", b" URL ", b"u", b") ", b"z", b""),
            (plain(b"x", b"y", UrlPart(b"u"), binary=True, utf8=True, catenated=True), plain(b"z")),
        ),
    ],
)
def test_the_forms_of_a_message(pieces: tuple[bytes, ...], messages: tuple[NewMessage, ...]) -> None:
    """RFC 4466 section 6, RFC 3502 section 6, RFC 3516 section 7, RFC 4469 section 5, RFC 6855 section 4."""
    assert parse(*pieces) == messages


@pytest.mark.parametrize(
    "pieces",
    [
        (b"",),
        (b" ",),
        (b" x",),
        (b" ()",),
        (b" ()", b"x", b""),
        (b" UTF8 (", b"x", b")"),
        (b" UTF8 (~", b"x", b""),
        (b" CATENATE ()",),
        (b" CATENATE (TEXT)",),
        (b" CATENATE (TEXT x)",),
        (b" CATENATE (URL)",),
        (b" CATENATE (FILE x)",),
        (b" CATENATE (URL a  URL b)",),
        (b" CATENATE (URL a",),
        (b" ", b"x", b"y"),
        (b" ", b"x", b" (\\Recent) ", b"y", b""),
        (b' "32-Jan-1970 00:00:01 +0000" ', b"x", b""),
    ],
)
def test_what_is_no_message(pieces: tuple[bytes, ...]) -> None:
    """RFC 3501 section 7.1.3."""
    with pytest.raises(BadCommand):
        parse(*pieces)


@pytest.mark.parametrize(("more", "fits"), [(-1, True), (0, True), (1, False)])
def test_messages_and_parts_are_counted(more: int, fits: bool) -> None:
    """I1."""
    messages = [b" ", *[b"x", b" "] * (MAX_MESSAGES + more)]
    parts = [b" CATENATE (%b)" % b" ".join([b"URL u"] * (MAX_PARTS + more))]
    both = [
        b" CATENATE (%b)" % b" ".join([b"URL u"] * 100)
        + b" CATENATE (%b)" % b" ".join([b"URL u"] * (150 + more))
    ]
    for pieces in (messages, parts, both):
        if fits:
            assert parse(*pieces)
        else:
            with pytest.raises(BadCommand):
                parse(*pieces)


def test_replace_has_one() -> None:
    """RFC 8508 section 5."""
    scanner = Scanner([b" ", b"x", b" ", b"y", b""])
    assert parse_message(scanner) == plain(b"x")
    with pytest.raises(BadCommand):
        scanner.end()
