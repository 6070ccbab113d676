"""message/partial and message/external-body."""

from datetime import UTC, datetime

import pytest

from pymailcore.message.parse import parse
from pymailcore.message.typed_leaves import external_body, partial_message


def test_a_fragment_says_which_it_is() -> None:
    """RFC 2046 section 5.2.2, example of section 5.2.2.2."""
    octets = (
        b'Content-type: message/partial; id="ABC@host.com";\r\n number=1; total=2\r\n\r\n'
        b"X-Weird-Header-1: Foo\r\nContent-type: audio/basic\r\n\r\nfirst half"
    )
    root = parse(octets).root
    assert root.children == ()
    assert partial_message(root) == ("ABC@host.com", 1, 2)
    assert external_body(octets, root) is None


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (b"id=x; number=2", ("x", 2, None)),
        (b"id=x; number=3; total=2", ("x", 3, None)),
        (b"id=x", None),
        (b"number=1", None),
        (b"id=x; number=0", None),
        (b"id=x; number=-1", None),
        (b"id=x; number=1111111111", None),
        (b"id=x; number=\xc2\xb2", None),
    ],
)
def test_a_fragment_without_its_parameters_is_none(parameters: bytes, expected: object) -> None:
    root = parse(b"Content-Type: message/partial; " + parameters + b"\r\n\r\nx").root
    assert partial_message(root) == expected


def test_a_body_that_is_elsewhere_says_where() -> None:
    """RFC 2046 section 5.2.3."""
    octets = (
        b'Content-type: message/external-body; access-type=ANON-FTP; name="BodyFormats.ps";\r\n'
        b' site="thumper.bellcore.com"; expiration="Fri, 14 Jun 1991 19:13:14 -0400 (EDT)"; size=99\r\n\r\n'
        b"Content-type: application/postscript\r\nContent-ID: <id42@guppylake.bellcore.com>\r\n\r\nphantom"
    )
    root = parse(octets).root
    assert root.children == ()
    body = external_body(octets, root)
    assert body is not None
    assert (body.access_type, body.size, body.permission) == ("anon-ftp", 99, "read")
    assert body.expiration == datetime(1991, 6, 14, 23, 13, 14, tzinfo=UTC)
    assert body.parameters == {"name": "BodyFormats.ps", "site": "thumper.bellcore.com"}
    assert body.fields[b"content-type"] == b"application/postscript"
    assert body.phantom == b"phantom"
    assert partial_message(root) is None


def test_a_body_elsewhere_without_access_type_is_none() -> None:
    octets = b"Content-Type: message/external-body\r\n\r\nx"
    assert external_body(octets, parse(octets).root) is None
