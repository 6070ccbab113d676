from dataclasses import replace

import pytest
from tests.support.smtp import OFFER, OPTIONS

from pymailcore.sasl.steps import Credentials
from pymailcore.smtp.protocol import reply
from pymailcore.smtp.protocol.authentication import Exchange
from pymailcore.smtp.protocol.events import Authenticate
from pymailcore.smtp.protocol.reply import CommandRefused, Reply

LOGIN = replace(OPTIONS, offer=OFFER)
TIM = Credentials("tim", "", "tanstaaf")


def test_plain_with_an_initial_response_is_one_step() -> None:
    """RFC 4954 section 4."""
    assert Exchange.begin(b"plain AHRpbQB0YW5zdGFhZg==", LOGIN)[1] == Authenticate("PLAIN", TIM)


def test_plain_without_is_two() -> None:
    """RFC 4954 section 4.1: the challenge is empty."""
    exchange, challenge = Exchange.begin(b"PLAIN", LOGIN)
    assert challenge == b"334 \r\n"
    assert exchange.respond(b"AHRpbQB0YW5zdGFhZg==") == Authenticate("PLAIN", TIM)


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        (b"", reply.SYNTAX),
        (b"CRAM-MD5", reply.UNKNOWN_MECHANISM),
        (b"\xff", reply.UNKNOWN_MECHANISM),
        (b"PLAIN x", reply.BAD_BASE64),
        (b"PLAIN =", reply.AUTH_SYNTAX),
        (b"PLAIN AHRpbQB0YW5zdGFhZg== more", reply.BAD_BASE64),
    ],
)
def test_bad_arguments_are_refused(arguments: bytes, refusal: Reply) -> None:
    """RFC 4954 sections 4 and 6."""
    with pytest.raises(CommandRefused) as refused:
        Exchange.begin(arguments, LOGIN)
    assert refused.value.reply == refusal


@pytest.mark.parametrize(
    ("line", "refusal"),
    [
        (b"*", reply.AUTH_CANCELLED),
        (b"=", reply.BAD_BASE64),
        (b"", reply.AUTH_SYNTAX),
        (b"eA", reply.BAD_BASE64),
    ],
)
def test_bad_responses_are_refused(line: bytes, refusal: Reply) -> None:
    """RFC 4954 section 4."""
    exchange, _ = Exchange.begin(b"LOGIN", LOGIN)
    with pytest.raises(CommandRefused) as refused:
        exchange.respond(line)
    assert refused.value.reply == refusal


def test_what_is_not_offered_is_refused() -> None:
    """RFC 4954 section 6: 538 says that TLS is the way."""
    with pytest.raises(CommandRefused) as refused:
        Exchange.begin(b"PLAIN", OPTIONS)
    assert refused.value.reply == reply.NOT_IMPLEMENTED
    with pytest.raises(CommandRefused) as refused:
        Exchange.begin(b"PLAIN", replace(OPTIONS, starttls=True))
    assert refused.value.reply == reply.TLS_REQUIRED
    with pytest.raises(CommandRefused) as refused:
        Exchange.begin(b"SCRAM-SHA-256-PLUS", LOGIN)
    assert refused.value.reply == reply.UNKNOWN_MECHANISM
