"""carrier: the SMTP client against a sink on a real socket."""

import ssl
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from tests.support.certificates import contexts
from tests.support.deliveries import envelope
from tests.support.directories import address
from tests.support.smtp_sink import Sink, sinking

from pymailcore.base.address import Address
from pymailcore.base.envelope import PLAIN, Envelope, Terms
from pymailcore.base.errors import MailError, TemporaryFailure
from pymailcore.queue.carrier import SmtpCarrier, opportunistic_context
from pymailcore.queue.nexthop import Hop
from pymailcore.queue.tls_policy import NAMED, TlsPolicy
from pymailcore.runtime.certificates import load_material
from pymailcore.runtime.settings import TlsSettings
from pymailcore.smtp.client import Outcome, TlsUnavailable
from pymailcore.smtp.pool import Pool
from pymailcore.smtp.protocol.outgoing import NEEDS_REQUIRETLS
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.settings import SmtpSettings

OCTETS = b"Subject: hi\r\n\r\n.dot\r\n..\r\ntext\r\n"


async def carry(sink: Sink, to: Envelope, octets: bytes = OCTETS) -> dict[Address, Reply]:
    pool = Pool(hello="mx.a.example", settings=SmtpSettings())
    carrier = SmtpCarrier(pool, attempt_seconds=10.0, tls=opportunistic_context())
    return dict((await carrier.carry(Hop("sink.example", "127.0.0.1", sink.port), to, octets)).replies)


async def test_a_message_arrives_whole() -> None:
    """RFC 5321 sections 3.3 and 4.5.2."""
    async with sinking() as sink:
        replies = await carry(sink, envelope("x@b.example", "y@b.example"))
        assert [reply.code for reply in replies.values()] == [250, 250]
    (taken,) = sink.taken
    assert (taken.hello, taken.octets, taken.tls) == ("mx.a.example", OCTETS, False)
    assert taken.mail.startswith("FROM:<ann@a.example>")
    assert [text.split()[0] for text in taken.recipients] == ["TO:<x@b.example>", "TO:<y@b.example>"]


async def test_the_null_reverse_path_stays_null() -> None:
    """RFC 5321 section 4.5.5."""
    async with sinking() as sink:
        await carry(sink, envelope("x@b.example", reverse_path=None))
    assert sink.taken[0].mail.startswith("FROM:<>")


async def test_tls_is_used_where_it_is_offered_whatever_the_certificate(tmp_path: Path) -> None:
    """RFC 7435 section 3."""
    material = load_material(TlsSettings(), tmp_path, "other.example")
    async with sinking(Sink(certificate=material.context())) as sink:
        await carry(sink, envelope("x@b.example"))
    assert [taken.tls for taken in sink.taken] == [True]


async def test_broken_tls_falls_back_to_clear() -> None:
    """RFC 7435 section 3: a host with broken TLS is not worse off than one without."""
    async with sinking(Sink(certificate=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))) as sink:
        await carry(sink, envelope("x@b.example"))
    assert [taken.tls for taken in sink.taken] == [False]


async def test_each_recipient_gets_its_reply() -> None:
    """RFC 5321 section 4.2.1."""

    def recipient(argument: str) -> str | None:
        return {"x": "550 5.1.1 no x", "y": "450 4.2.1 busy"}.get(argument[4])

    async with sinking(Sink(replies={"RCPT": recipient})) as sink:
        replies = await carry(sink, envelope("x@b.example", "y@b.example", "z@b.example"))
    assert {str(to)[0]: (reply.code, reply.enhanced) for to, reply in replies.items()} == {
        "x": (550, "5.1.1"),
        "y": (450, "4.2.1"),
        "z": (250, ""),
    }
    assert len(sink.taken[0].recipients) == 1


@pytest.mark.parametrize("stage", ["MAIL", "DATA", "end"])
@pytest.mark.parametrize("code", [451, 554])
async def test_a_reply_to_the_whole_message_counts_for_all(stage: str, code: int) -> None:
    async with sinking(Sink(replies={stage: f"{code} no"})) as sink:
        replies = await carry(sink, envelope("x@b.example", "y@b.example"))
    assert [reply.code for reply in replies.values()] == [code, code]
    assert sink.taken == []


@pytest.mark.parametrize("stage", ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "end"])
async def test_a_lost_connection_is_never_a_success(stage: str) -> None:
    """RFC 5321 section 4.2.5: without a reply nobody has answered for the message."""
    outcome: MailError | None = None
    async with sinking(Sink(replies={stage: ""})) as sink:
        try:
            await carry(sink, envelope("x@b.example"))
        except TemporaryFailure as failure:
            outcome = failure
    assert outcome is not None


@pytest.mark.parametrize("code", [421, 554])
async def test_a_greeting_that_turns_away_is_for_another_host(code: int) -> None:
    """RFC 5321 sections 3.1 and 5.1."""
    outcome: MailError | None = None
    async with sinking(Sink(replies={"greeting": f"{code} go away"})) as sink:
        try:
            await carry(sink, envelope("x@b.example"))
        except TemporaryFailure as failure:
            outcome = failure
    assert outcome is not None


async def test_nobody_listening_is_temporary() -> None:
    async with sinking() as sink:
        pass
    with pytest.raises(TemporaryFailure):
        await carry(sink, envelope("x@b.example"))


async def test_a_host_without_smtputf8_cannot_take_such_an_address() -> None:
    """RFC 6531 section 3.2: the address cannot go in another form."""
    to = Envelope(reverse_path=None, recipients=(address("ü@b.example"),), smtputf8=True)
    async with sinking(Sink(extensions=["8BITMIME"])) as sink:
        with trio.fail_after(10):
            replies = await carry(sink, to)
    assert [reply.permanent for reply in replies.values()] == [True]
    assert sink.taken == []


# What goes over verified TLS only


def strict() -> Envelope:
    return replace(envelope("x@b.example"), terms=Terms(require_tls=True))


async def carry_strictly(sink: Sink, hop: Hop, verifying: ssl.SSLContext) -> Outcome:
    pool = Pool(hello="mx.a.example", settings=SmtpSettings())
    carrier = SmtpCarrier(pool, attempt_seconds=10.0, verifying=verifying)
    return await carrier.carry(hop._replace(port=sink.port), strict(), OCTETS)


HOP = Hop("mx.example", "127.0.0.1", 25, NAMED)


async def test_required_tls_is_kept_where_the_host_proves_its_name() -> None:
    """RFC 8689 section 4.2.1."""
    server, verifying = contexts()
    async with sinking(Sink(certificate=server, tls_extensions=["REQUIRETLS"])) as sink:
        outcome = await carry_strictly(sink, HOP, verifying)
    assert [reply.code for reply in outcome.replies.values()] == [250]
    (taken,) = sink.taken
    assert taken.tls
    assert taken.mail.endswith(" REQUIRETLS")


@pytest.mark.parametrize("hop", [HOP._replace(host="other.example"), HOP])
async def test_required_tls_fails_where_the_name_is_not_proved(hop: Hop) -> None:
    """RFC 8689 section 4.2.1 (4); there is no second try in clear."""
    server, verifying = contexts()
    if hop is HOP:
        verifying = ssl.create_default_context()  # which does not know the authority
    outcome: object = None
    async with sinking(Sink(certificate=server, tls_extensions=["REQUIRETLS"])) as sink:
        try:
            outcome = await carry_strictly(sink, hop, verifying)
        except TlsUnavailable as failure:
            outcome = failure
    assert isinstance(outcome, TlsUnavailable)
    assert (sink.connections, sink.taken) == (1, [])


async def test_required_tls_fails_where_tls_is_not_offered() -> None:
    outcome: object = None
    async with sinking() as sink:
        try:
            outcome = await carry_strictly(sink, HOP, contexts()[1])
        except TlsUnavailable as failure:
            outcome = failure
    assert isinstance(outcome, TlsUnavailable)
    assert sink.taken == []


@pytest.mark.parametrize(("certain", "offers"), [(False, ["REQUIRETLS"]), (True, [])])
async def test_required_tls_fails_where_the_dns_named_the_host_or_it_does_not_keep_it(
    certain: bool, offers: list[str]
) -> None:
    """RFC 8689 section 4.2.1 (2) and (5): an MX record that nobody has signed proves nothing."""
    server, verifying = contexts()
    async with sinking(Sink(certificate=server, tls_extensions=offers)) as sink:
        outcome = await carry_strictly(sink, HOP._replace(tls=TlsPolicy(certain=certain)), verifying)
    assert list(outcome.replies.values()) == [NEEDS_REQUIRETLS]
    assert sink.taken == []


STRICT_DOMAIN = HOP._replace(tls=TlsPolicy(certain=True, required=True))


@pytest.mark.parametrize("header", [b"", b"TLS-Required: No\r\n"])
async def test_tls_that_the_domain_requires_is_kept_unless_the_message_says_otherwise(header: bytes) -> None:
    """RFC 8689 section 4.2.2: a report of a broken certificate gets through, with TLS as it is."""
    server, _ = contexts()
    pool = Pool(hello="mx.a.example", settings=SmtpSettings())
    carrier = SmtpCarrier(pool, attempt_seconds=10.0, verifying=ssl.create_default_context())
    failed = False
    async with sinking(Sink(certificate=server)) as sink:
        try:
            await carrier.carry(
                STRICT_DOMAIN._replace(port=sink.port), envelope("x@b.example"), header + OCTETS
            )
        except TlsUnavailable:
            failed = True
    assert failed is not bool(header)
    assert [taken.tls for taken in sink.taken] == [True] * bool(header)
    assert all(taken.octets.startswith(header) for taken in sink.taken)


async def test_required_tls_goes_before_the_field() -> None:
    """RFC 8689 section 4.1: beside REQUIRETLS the field has no meaning."""
    carrier = SmtpCarrier(
        Pool(hello="mx.a.example", settings=SmtpSettings()), attempt_seconds=10.0, verifying=contexts()[1]
    )
    failed = False
    async with sinking() as sink:
        try:
            await carrier.carry(HOP._replace(port=sink.port), strict(), b"TLS-Required: No\r\n" + OCTETS)
        except TlsUnavailable:
            failed = True
    assert failed
    assert sink.taken == []


# LMTP


async def lmtp(sink: Sink, host: str, port: int, *, terms: Terms = PLAIN) -> dict[str, int]:
    pool = Pool(hello="mx.a.example", settings=SmtpSettings())
    carrier = SmtpCarrier(pool, attempt_seconds=10.0)
    hop = Hop(host, host, port, lmtp=True)
    given = replace(envelope("x@b.example", "y@b.example"), terms=terms)
    outcome = await carrier.carry(hop, given, OCTETS)
    assert sink.said[0] == "LHLO mx.a.example"
    return {str(to): reply.code for to, reply in outcome.replies.items()}


async def test_another_store_answers_for_each_recipient() -> None:
    """RFC 2033 section 4.2."""

    def full(argument: str) -> str | None:
        return "452 4.2.2 full" if "y@" in argument else None

    async with sinking(Sink(lmtp=True, replies={"end": full})) as sink:
        replies = await lmtp(sink, "127.0.0.1", sink.port)
    assert replies == {"x@b.example": 250, "y@b.example": 452}
    assert len(sink.taken[0].recipients) == 1


async def test_another_store_may_listen_on_a_socket_with_a_path(tmp_path: Path) -> None:
    """RFC 2033 section 3: LMTP is for connections that stay on a machine, so TLS has nothing to protect."""
    sink = Sink(lmtp=True)
    path = tmp_path / "lmtp"
    listening = trio.socket.socket(trio.socket.AF_UNIX)
    await listening.bind(str(path))
    listening.listen()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, sink.serve, [trio.SocketListener(listening)])
        replies = await lmtp(sink, f"unix:{path}", 0, terms=Terms(require_tls=True, ret="HDRS"))
        nursery.cancel_scope.cancel()
    assert replies == {"x@b.example": 250, "y@b.example": 250}
    assert sink.taken[0].octets == OCTETS
