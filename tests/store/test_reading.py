import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.stores import Opened, a_message

from pymailcore.message.parse import parse
from pymailcore.message.split import split

LINES = st.sampled_from(
    [
        b"A: b\r\n",
        b"\r\n",
        b"--b\r\n",
        b"--b--\r\n",
        b"Content-Type: multipart/mixed; boundary=b\r\n",
        b"Content-Type: message/rfc822\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"t" * 1500 + b"\r\n",
        (b"QUJD" * 19 + b"\r\n") * 20,
        b" x\n",
        b"no end",
    ]
)


@given(lines=st.lists(LINES, max_size=12))
@settings(suppress_health_check=list(HealthCheck))
def test_the_header_of_a_message_begins_its_skeleton(lines: list[bytes]) -> None:
    """No leaf lies before the body of the message, so `headers` needs the skeleton's beginning alone."""
    octets = b"".join(lines)
    root, _ = parse(octets)
    skeleton = split(octets, root).skeleton
    assert skeleton[: root.body_start] == octets[: root.body_start]


@pytest.mark.parametrize(
    "octets",
    [
        a_message(),
        a_message(body="text " * 2000),
        a_message(body="text " * 20_000),
        a_message(extra="X-Long: " + "x" * 5000, body="t" * 3000),
        b"Subject: no body",
        b"Subject: an empty line\r\n\r\n",
        b"\r\nno header at all",
        b"",
    ],
)
async def test_headers_are_those_of_the_message(opened: Opened, octets: bytes) -> None:
    """RFC 9051 section 6.4.5.1, HEADER."""
    filed = await opened.deliver(octets)
    ((email, header),) = await opened.store.headers(opened.account, [filed.email])
    assert email == filed.email
    root, _ = parse(octets)
    assert header == octets[: root.body_start]


async def test_headers_come_in_the_order_asked_for_and_only_to_their_account(opened: Opened) -> None:
    filed = [await opened.deliver(a_message(f"{n}")) for n in range(3)]
    ids = [filed[2].email, 5, filed[0].email]
    found = await opened.store.headers(opened.account, ids)
    assert [email for email, _ in found] == [filed[2].email, filed[0].email]
    assert b"Subject: 2\r\n" in found[0][1]
    assert await opened.store.headers(type(opened.account)(9), ids) == []
