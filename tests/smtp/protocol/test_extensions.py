from dataclasses import replace

from tests.support.smtp import OPTIONS, feed, opened

from pymailcore.smtp.protocol.extensions import Extensions
from pymailcore.smtp.protocol.options import ServerOptions
from pymailcore.smtp.protocol.states import State

ALL = Extensions(
    chunking=True,
    binarymime=True,
    dsn=True,
    requiretls=True,
    max_hold_seconds=86_400,
    deliverby=True,
    priority=True,
    limits=True,
    no_soliciting="",
)
ALWAYS = {"PIPELINING", "SIZE 100000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"}


def announced(options: ServerOptions) -> set[str]:
    return set(options.extended_hello.text.split("\n")[1:])


def test_what_is_off_is_not_announced() -> None:
    """RFC 5321 section 4.1.1.1."""
    assert announced(OPTIONS) == ALWAYS
    assert announced(replace(OPTIONS, extensions=Extensions(binarymime=True))) == ALWAYS


def test_what_is_on_is_announced() -> None:
    """RFC 3030, 3461, 8689, 4865, 2852, 6710, 9422, 3865."""
    options = replace(
        OPTIONS, extensions=ALL, encrypted=True, max_transactions=100, now_ms=lambda: 1_700_000_000_000
    )
    assert announced(options) == ALWAYS | {
        "CHUNKING",
        "BINARYMIME",
        "DSN",
        "REQUIRETLS",
        "DELIVERBY",
        "MT-PRIORITY",
        "FUTURERELEASE 86400 2023-11-15T22:13:20Z",
        "LIMITS MAILMAX=100 RCPTMAX=1000",
        "NO-SOLICITING",
    }
    assert "REQUIRETLS" not in announced(replace(options, encrypted=False))
    wanted = replace(options, extensions=replace(ALL, no_soliciting="org.example:ADV"))
    assert "NO-SOLICITING org.example:ADV" in announced(wanted)


def test_the_announced_number_of_transactions_holds() -> None:
    """RFC 9422 section 4.1: MAILMAX, at n and n + 1; a refused MAIL does not count."""
    protocol = opened(replace(OPTIONS, max_transactions=2), b"EHLO c.example\r\n")
    feed(protocol, b"MAIL FROM:<refused@x.example>\r\nMAIL FROM:<>\r\nRSET\r\nMAIL FROM:<>\r\nRSET\r\n")
    assert b"421" not in protocol.bytes_to_send()
    feed(protocol, b"MAIL FROM:<>\r\n")
    assert protocol.bytes_to_send().startswith(b"421 ")
    assert protocol.state is State.CLOSED
