import pytest

from pymailcore.imap.protocol.fetch_modifiers import (
    NO_MODIFIERS,
    FetchModifiers,
    StoreModifiers,
    parse_fetch_modifiers,
    parse_store_modifiers,
)
from pymailcore.imap.protocol.scanner import BadCommand, Scanner
from pymailcore.imap.protocol.search_options import PartialRange


def parse(text: bytes, *, uid: bool = True) -> FetchModifiers:
    scanner = Scanner([text])
    found = parse_fetch_modifiers(scanner, uid=uid)
    scanner.end()
    return found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"", NO_MODIFIERS),
        (b" (CHANGEDSINCE 5)", FetchModifiers(changed_since=5)),
        (b" (vanished changedsince 5)", FetchModifiers(changed_since=5, vanished=True)),
        (
            b" (PARTIAL 1:2 CHANGEDSINCE 9223372036854775807)",
            FetchModifiers(PartialRange(1, 2, b"1:2"), 2**63 - 1),
        ),
    ],
)
def test_modifiers_of_fetch(text: bytes, found: FetchModifiers) -> None:
    """RFC 7162 section 7, RFC 9394 section 4; their order means nothing."""
    assert parse(text) == found


@pytest.mark.parametrize(
    "text", [b" ()", b" (X)", b" (VANISHED)", b" (CHANGEDSINCE)", b" (CHANGEDSINCE 1", b" (CHANGEDSINCE -1)"]
)
def test_what_is_none(text: bytes) -> None:
    """RFC 7162 section 3.2.6: VANISHED stands with CHANGEDSINCE only."""
    with pytest.raises(BadCommand):
        parse(text)


@pytest.mark.parametrize("text", [b" (CHANGEDSINCE 1 VANISHED)", b" (PARTIAL 1:2)"])
def test_some_are_for_uid_fetch(text: bytes) -> None:
    """RFC 7162 section 3.2.6, RFC 9394 section 3.3."""
    assert parse(text)
    with pytest.raises(BadCommand):
        parse(text, uid=False)


def test_modifiers_of_store() -> None:
    """RFC 7162 section 3.1.3."""
    scanner = Scanner([b"(UNCHANGEDSINCE 0) FLAGS"])
    assert parse_store_modifiers(scanner) == StoreModifiers(0)
    assert scanner.atom("FLAGS") == b"FLAGS"
    assert parse_store_modifiers(Scanner([b"FLAGS"])) == StoreModifiers()
    with pytest.raises(BadCommand):
        parse_store_modifiers(Scanner([b"(CHANGEDSINCE 1) FLAGS"]))
