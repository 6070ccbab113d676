"""Which parts are text, HTML and attachments."""

from tests.message.samples import NESTED

from pymailcore.message.bodies import bodies, has_attachment
from pymailcore.message.parse import parse
from pymailcore.message.structure import Part


def part(
    kind: str, *, disposition: str | None = None, name: str | None = None, cid: str | None = None
) -> bytes:
    out = f"Content-Type: {kind}" + (f"; name={name}" if name else "") + "\r\n"
    out += f"Content-Disposition: {disposition}\r\n" if disposition else ""
    out += f"Content-ID: <{cid}>\r\n" if cid else ""
    return (out + "\r\nx").encode()


def multi(kind: str, *parts: bytes) -> bytes:
    boundary = f"b{abs(hash((kind, parts)))}".encode()
    body = b"".join(b"--" + boundary + b"\r\n" + child + b"\r\n" for child in parts)
    return b"Content-Type: multipart/%b; boundary=%b\r\n\r\n%b--%b--" % (
        kind.encode(),
        boundary,
        body,
        boundary,
    )


def sort(octets: bytes) -> tuple[list[str], list[str], list[str]]:
    def paths(parts: list[Part]) -> list[str]:
        return [found.path for found in parts]

    result = bodies(parse(octets).root)
    return paths(result.text_body), paths(result.html_body), paths(result.attachments)


def attached(octets: bytes) -> bool:
    return has_attachment(bodies(parse(octets).root))


def test_the_example_of_the_rfc() -> None:
    """RFC 8621 section 4.1.4: the tree with parts A to K."""
    octets = multi(
        "mixed",
        part("text/plain", disposition="inline"),  # A
        multi(
            "mixed",
            multi(
                "alternative",
                multi(
                    "mixed",
                    part("text/plain", disposition="inline"),  # B
                    part("image/jpeg", disposition="inline"),  # C
                    part("text/plain", disposition="inline"),  # D
                ),
                multi("related", part("text/html"), part("image/jpeg", cid="f")),  # E, F
            ),
            part("image/jpeg", disposition="attachment"),  # G
            part("application/x-excel"),  # H
            part("message/rfc822"),  # J
        ),
        part("text/plain", disposition="inline"),  # K
    )
    a, k = "1", "3"
    b, c, d, e, f = "2.1.1.1", "2.1.1.2", "2.1.1.3", "2.1.2.1", "2.1.2.2"
    g, h, j = "2.2", "2.3", "2.4"
    assert sort(octets) == ([a, b, c, d, k], [a, e, k], [c, f, g, h, j])
    assert attached(octets)


def test_a_plain_message_is_its_own_body() -> None:
    assert sort(b"\r\nx") == (["1"], ["1"], [])
    assert sort(part("text/html")) == (["1"], ["1"], [])
    assert sort(part("application/pdf")) == ([], [], ["1"])
    assert sort(part("text/plain", disposition="attachment")) == ([], [], ["1"])
    assert sort(part("image/png")) == (["1"], ["1"], [])


def test_an_alternative_with_one_side_shows_it_in_both() -> None:
    assert sort(multi("alternative", part("text/html"))) == (["1"], ["1"], [])
    assert sort(multi("alternative", part("text/plain"))) == (["1"], ["1"], [])
    assert sort(multi("alternative", part("text/plain"), part("text/html"))) == (["1"], ["2"], [])
    assert sort(multi("alternative", part("image/png"), part("text/html"))) == (["2"], ["2"], ["1"])


def test_a_list_that_an_alternative_closed_stays_closed_inside() -> None:
    octets = multi("alternative", multi("mixed", part("text/plain"), multi("alternative", part("text/html"))))
    assert sort(octets) == (["1.1"], ["1.1"], [])


def test_named_text_is_an_attachment_unless_it_is_first() -> None:
    octets = multi(
        "mixed", part("text/plain", name="a"), part("text/plain", name="b"), part("image/png", name="c")
    )
    assert sort(octets) == (["1", "3"], ["1", "3"], ["2"])


def test_only_the_first_part_of_related_is_body() -> None:
    assert sort(multi("related", part("text/html"), part("text/plain"))) == (["1"], ["1"], ["2"])


def test_a_multipart_without_parts_has_nothing() -> None:
    assert sort(b"Content-Type: multipart/mixed\r\n\r\n") == ([], [], [])


def test_inline_parts_and_signatures_are_no_attachments() -> None:
    """RFC 8621 section 4.1.4 (hasAttachment)."""
    html = part("text/html")
    assert not attached(multi("related", html, part("image/png", cid="x")))
    assert not attached(multi("related", html, part("image/png", disposition="inline")))
    assert not attached(multi("signed", part("text/plain"), part("application/pgp-signature")))
    assert attached(multi("mixed", html, part("image/png", cid="x", disposition="attachment")))
    assert attached(multi("mixed", html, part("application/pdf")))
    assert attached(NESTED)
