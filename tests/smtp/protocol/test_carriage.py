from dataclasses import replace

import pytest
from tests.support.smtp import OPTIONS

from pymailcore.base.envelope import DeliverBy, Terms
from pymailcore.smtp.protocol import reply
from pymailcore.smtp.protocol.commands import parse_mail
from pymailcore.smtp.protocol.extensions import Extensions
from pymailcore.smtp.protocol.reply import CommandRefused, Reply

NOW_MS = 1_700_000_000_000  # 2023-11-14T22:13:20Z
EVERYTHING = Extensions(
    requiretls=True, max_hold_seconds=86_400, deliverby=True, priority=True, no_soliciting="org.example:ADV"
)
ALL = replace(OPTIONS, extensions=EVERYTHING, encrypted=True, now_ms=lambda: NOW_MS)


@pytest.mark.parametrize(
    ("parameters", "terms"),
    [
        (b"REQUIRETLS", Terms(require_tls=True)),
        (b"HOLDFOR=1", Terms(hold_until_ms=NOW_MS + 1_000)),
        (b"HOLDFOR=86400", Terms(hold_until_ms=NOW_MS + 86_400_000)),
        (b"HOLDUNTIL=2023-11-15T22:13:20Z", Terms(hold_until_ms=NOW_MS + 86_400_000)),
        (b"HOLDUNTIL=2023-11-14t23:13:21+01:00", Terms(hold_until_ms=NOW_MS + 1_000)),
        (b"HOLDUNTIL=2020-01-01T00:00:00Z", Terms(hold_until_ms=NOW_MS)),
        (b"HOLDUNTIL=0001-01-01T00:00:00+00:00", Terms(hold_until_ms=NOW_MS)),
        (b"BY=120;R", Terms(deliver_by=DeliverBy(at_ms=NOW_MS + 120_000, give_up=True))),
        (b"BY=-5;nT", Terms(deliver_by=DeliverBy(at_ms=NOW_MS - 5_000, give_up=False, trace=True))),
        (b"MT-PRIORITY=-9", Terms(priority=-9)),
        (b"MT-PRIORITY=9", Terms(priority=9)),
        (b"SOLICIT=org.example:LIST", Terms()),
    ],
)
def test_wishes_are_read(parameters: bytes, terms: Terms) -> None:
    """RFC 8689 section 2, RFC 4865 section 4, RFC 2852 section 4, RFC 6710 section 4."""
    assert parse_mail(b"FROM:<> " + parameters, ALL).terms == terms


@pytest.mark.parametrize(
    ("parameters", "refusal"),
    [
        (b"REQUIRETLS=1", reply.SYNTAX),
        (b"HOLDFOR=0", reply.SYNTAX),
        (b"HOLDFOR=86401", reply.SYNTAX),
        (b"HOLDFOR=x", reply.SYNTAX),
        (b"HOLDFOR=1 HOLDUNTIL=2023-11-14T22:13:21Z", reply.SYNTAX),
        (b"HOLDUNTIL=2023-11-15T22:13:21Z", reply.SYNTAX),
        (b"HOLDUNTIL=2023-13-45T22:13:21Z", reply.SYNTAX),
        (b"HOLDUNTIL=tomorrow", reply.SYNTAX),
        (b"BY=0;R", reply.SYNTAX),
        (b"BY=-1;R", reply.SYNTAX),
        (b"BY=1", reply.SYNTAX),
        (b"BY=1;X", reply.SYNTAX),
        (b"MT-PRIORITY=10", reply.SYNTAX),
        (b"MT-PRIORITY=-0", reply.SYNTAX),
        (b"SOLICIT=org.example:adv", reply.SOLICITING),
        (b"SOLICIT=a,", reply.SYNTAX),
        (b"SOLICIT=" + b"a" * 1_001, reply.SYNTAX),
    ],
)
def test_bad_wishes_are_refused(parameters: bytes, refusal: Reply) -> None:
    """The same standards; RFC 3865 section 2.7."""
    with pytest.raises(CommandRefused) as refused:
        parse_mail(b"FROM:<> " + parameters, ALL)
    assert refused.value.reply == refusal


@pytest.mark.parametrize(
    "parameters",
    [
        b"REQUIRETLS",
        b"HOLDFOR=1",
        b"HOLDUNTIL=2023-11-14T22:13:21Z",
        b"BY=1;N",
        b"MT-PRIORITY=1",
        b"SOLICIT=a",
    ],
)
def test_who_does_not_offer_it_does_not_know_it(parameters: bytes) -> None:
    """RFC 5321 section 4.1.1.11: 555; REQUIRETLS is offered inside TLS only."""
    for options in (OPTIONS, replace(ALL, encrypted=False)):
        if options is not OPTIONS and parameters != b"REQUIRETLS":
            continue
        with pytest.raises(CommandRefused) as refused:
            parse_mail(b"FROM:<> " + parameters, options)
        assert refused.value.reply == reply.UNKNOWN_PARAMETER
