import pytest

from pymailcore.imap.protocol import words
from pymailcore.imap.protocol.scanner import BadCommand, Scanner


@pytest.mark.parametrize(
    ("octets", "utf8", "name"),
    [
        (b" Entw&APw-rfe", False, "Entwürfe"),
        (b" Entw&APw-rfe", True, "Entw&APw-rfe"),
        (' "Entwürfe"'.encode(), True, "Entwürfe"),
        (' "Entwu\u0308rfe"'.encode(), True, "Entwu\u0308rfe"),
    ],
)
def test_names_are_in_utf8_once_that_is_agreed_on(octets: bytes, utf8: bool, name: str) -> None:
    """RFC 9051 appendix A.1 and section 5.1."""
    assert words.mailbox(Scanner([octets], utf8=utf8)) == name


@pytest.mark.parametrize("octets", [' "Entwürfe"'.encode(), b" &", b' "\xff"'])
@pytest.mark.parametrize("utf8", [False, True])
def test_what_is_no_name(octets: bytes, utf8: bool) -> None:
    if utf8 and octets != b' "\xff"':
        assert words.mailbox(Scanner([octets], utf8=True))
        return
    with pytest.raises(BadCommand):
        words.mailbox(Scanner([octets], utf8=utf8))


def test_patterns_are_in_the_form_of_names() -> None:
    """RFC 9051 section 5.1: NFC, as names are kept."""
    assert words.decoded_name(Scanner([b""], utf8=True), "u\u0308*".encode()) == "ü*"
