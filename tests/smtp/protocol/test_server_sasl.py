"""Exchanges of several steps inside the SMTP core."""

import base64

import pytest
from tests.support.sasl import ScramClient, keys_for
from tests.support.smtp import OFFER, OPTIONS, PASSWORD, codes, decide, feed, opened

from pymailcore.base.errors import LocalProtocolError
from pymailcore.smtp.protocol import events, reply
from pymailcore.smtp.protocol.command_lines import MAX_RESPONSE_OCTETS
from pymailcore.smtp.protocol.options import ServerOptions
from pymailcore.smtp.protocol.server import SmtpServerProtocol
from pymailcore.smtp.protocol.states import State

LOGIN = ServerOptions(
    hostname=OPTIONS.hostname, postmaster_domain=OPTIONS.postmaster_domain, offer=OFFER, hard_errors=4
)


def ready() -> SmtpServerProtocol:
    return opened(LOGIN, b"EHLO c.example\r\n")


def told(protocol: SmtpServerProtocol) -> bytes:
    """The octets of the challenge that the core has just sent."""
    line = protocol.bytes_to_send()
    assert line.startswith(b"334 "), line
    return base64.b64decode(line[4:])


def at_server_final(protocol: SmtpServerProtocol, password: str = PASSWORD) -> bytes:
    """Play SCRAM up to the server's last message."""
    client = ScramClient("SCRAM-SHA-256", "tim", password)
    feed(protocol, b"AUTH SCRAM-SHA-256 " + base64.b64encode(client.first()) + b"\r\n")
    feed(protocol, base64.b64encode(client.final(told(protocol))) + b"\r\n")
    return told(protocol)


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_the_reply_waits_for_the_answer_to_the_servers_proof(step: int) -> None:
    """RFC 4954 section 4: no additional data with the outcome, so it is a challenge."""
    protocol = ready()
    assert at_server_final(protocol).startswith(b"v=")
    feed(protocol, b"\r\n", step)
    assert codes(protocol.bytes_to_send()) == [b"235"]
    feed(protocol, b"AUTH PLAIN\r\n", step)
    assert codes(protocol.bytes_to_send()) == [b"503"]


@pytest.mark.parametrize("line", [b"*", b"AAAA", b"no base64", b"x" * MAX_RESPONSE_OCTETS, b"\0"])
def test_a_client_that_does_not_trust_us_ends_the_conversation(line: bytes) -> None:
    """What the role has accepted it knows, so there is no way back but the end."""
    protocol = ready()
    at_server_final(protocol)
    feed(protocol, line + b"\r\nMAIL FROM:<>\r\n")
    assert codes(protocol.bytes_to_send()) == [b"421"]
    assert protocol.state is State.CLOSED


@pytest.mark.parametrize("line", [b"", b"*", b"AAAA", b"no base64"])
def test_whatever_follows_the_servers_refusal_it_stands(line: bytes) -> None:
    """RFC 5802 section 7, RFC 7628 section 3.2.3."""
    protocol = ready()
    assert at_server_final(protocol, "wrong") == b"e=invalid-proof"
    feed(protocol, line + b"\r\nNOOP\r\n")
    assert codes(protocol.bytes_to_send()) == [b"535", b"250"]
    assert protocol.errors == 1


def test_what_breaks_the_mechanism_is_explained_before_it_is_refused() -> None:
    """RFC 5802 section 7."""
    protocol = ready()
    feed(protocol, b"AUTH SCRAM-SHA-256 " + base64.b64encode(b"n,,m=x,n=u,r=a") + b"\r\n")
    assert told(protocol) == b"e=extensions-not-supported"
    feed(protocol, b"*\r\n")
    assert codes(protocol.bytes_to_send()) == [b"535"]


def test_a_refusal_that_closes_needs_no_answer() -> None:
    """RFC 5321 section 3.8."""
    protocol = ready()

    def closing(event: events.Event) -> reply.Reply | None:
        return reply.TOO_MANY_LOGINS if isinstance(event, events.Authenticate) else decide(event)

    client = ScramClient("SCRAM-SHA-256", "tim", "wrong")
    feed(protocol, b"AUTH SCRAM-SHA-256 " + base64.b64encode(client.first()) + b"\r\n")
    final = client.final(told(protocol))
    feed(protocol, base64.b64encode(final) + b"\r\n", decision=closing)
    assert codes(protocol.bytes_to_send()) == [b"421"]
    assert protocol.state is State.CLOSED


def test_keys_are_given_when_they_are_needed_only() -> None:
    protocol = ready()
    keys = keys_for("SCRAM-SHA-256", PASSWORD)
    with pytest.raises(LocalProtocolError):
        protocol.give_keys(keys)
    protocol.receive_data(b"AUTH SCRAM-SHA-256 " + base64.b64encode(b"n,,n=tim,r=abc") + b"\r\n")
    assert isinstance(protocol.next_event(), events.KeysNeeded)
    with pytest.raises(LocalProtocolError):
        protocol.accept()
    protocol.answer(reply.AUTH_FAILED)
    assert codes(protocol.bytes_to_send()) == [b"535"]
    with pytest.raises(LocalProtocolError):
        protocol.give_keys(keys)


def test_failed_exchanges_count_as_errors() -> None:
    """RFC 4954 section 4: a server may end after too many."""
    protocol = ready()
    for _ in range(3):
        at_server_final(protocol, "wrong")
        feed(protocol, b"\r\n")
        assert codes(protocol.bytes_to_send()) == [b"535"]
    at_server_final(protocol, "wrong")
    feed(protocol, b"\r\n")
    assert codes(protocol.bytes_to_send()) == [b"535", b"421"]
