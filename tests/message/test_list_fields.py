"""What mailing lists write."""

import pytest

from pymailcore.message.fields import read_fields
from pymailcore.message.list_fields import list_fields, parse_list_id


@pytest.mark.parametrize(
    ("raw", "id_", "name"),
    [
        (b" List Header Mailing List <list-header.nisto.com>",
         "list-header.nisto.com", "List Header Mailing List"),
        (b" <commonspace-users.list-id.within.com>", "commonspace-users.list-id.within.com", None),
        (b' "Lena\'s Personal Joke List"\r\n <Lenas-Jokes.da39efc25c530ad145d41b86f7420c3b@x.EXAMPLE>',
         "lenas-jokes.da39efc25c530ad145d41b86f7420c3b@x.example", "Lena's Personal Joke List"),
        (b" =?utf-8?q?Caf=C3=A9?= <cafe.example.org> (a comment)", "cafe.example.org", "Café"),
        (b" no brackets", None, None),
        (b"", None, None),
    ],
)  # fmt: skip
def test_the_list_id_and_its_name_are_read(raw: bytes, id_: str | None, name: str | None) -> None:
    """RFC 2919 section 3, whose examples come first; ids are compared without regard to case (section 6)."""
    assert parse_list_id(raw) == (id_, name)


def test_urls_are_in_the_order_of_preference() -> None:
    """RFC 2369 section 2."""
    header = (
        b"List-Help: <https://example.org/help> (info), <mailto:help@example.org>\r\n"
        b"List-Unsubscribe: (Use this) <mailto:list@example.org?subject=un\r\n subscribe>\r\n"
        b"List-Subscribe: none\r\nList-Owner: <mailto:o@example.org>\r\nList-Archive: <https://a.example/>\r\n"
        b"List-Post: <mailto:list@example.org>\r\nList-Id: x <l.example.org>\r\n\r\n"
    )
    read = list_fields(read_fields(header, 0, len(header)))
    assert read.id == "l.example.org"
    assert read.help == ("https://example.org/help", "mailto:help@example.org")
    assert read.unsubscribe == ("mailto:list@example.org?subject=unsubscribe",)
    assert (read.subscribe, read.owner, read.archive) == (
        (),
        ("mailto:o@example.org",),
        ("https://a.example/",),
    )
    assert (read.post, read.post_closed) == (("mailto:list@example.org",), False)


def test_a_list_may_be_closed() -> None:
    """RFC 2369 section 3.4."""
    header = b"List-Post: NO (posting not allowed on this list)\r\n\r\n"
    read = list_fields(read_fields(header, 0, len(header)))
    assert (read.post, read.post_closed, read.id) == ((), True, None)
