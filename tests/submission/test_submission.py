"""submission: complete headers, trace, limits, hand over."""

import re

import pytest
from tests.support.deliveries import Post, envelope, make_post
from tests.support.directories import address

from pymailcore.base.envelope import Envelope
from pymailcore.base.errors import Forbidden, InvalidValue, NotFound, TooLarge
from pymailcore.delivery.delivery import Accepted
from pymailcore.directory.accounts import Changed
from pymailcore.directory.actors import SYSTEM
from pymailcore.directory.errors import RateExceeded, SendingBlocked
from pymailcore.directory.sending import HOUR_MS
from pymailcore.store.housekeeping import alarms
from pymailcore.submission.settings import SubmissionSettings
from pymailcore.submission.submission import Origin, Submission

ORIGIN = Origin(hello="client.example", peer="192.0.2.9", tls="TLSv1.3 X", id="c1")
HEADER = b"From: <ann@a.example>\r\nSubject: hi\r\n"


@pytest.fixture
async def post() -> Post:
    return await make_post()


def make(post: Post, settings: SubmissionSettings | None = None) -> Submission:
    return Submission(
        post.directory,
        post.delivery,
        settings or SubmissionSettings(),
        hostname="mx.a.example",
        ids=post.ids,
        now_ms=post.clock,
    )


async def submit(post: Post, octets: bytes, *recipients: str) -> Accepted:
    principal = await post.directory.principal(post.ann.id)
    return await make(post).submit(principal, envelope(*recipients), octets, origin=ORIGIN)


async def test_a_message_is_completed_and_traced(post: Post) -> None:
    """RFC 6409 section 8, RFC 5321 section 4.4, RFC 3848 section 2."""
    await submit(post, HEADER + b"Bcc: <x@b.example>\r\n\r\ntext\r\n", "ben@a.example")
    (octets,) = post.store.mail_of(post.ben.id)
    header = octets.decode().partition("\r\n\r\n")[0]
    assert header.startswith("Return-Path: <ann@a.example>\r\nReceived: from client.example ([192.0.2.9])")
    assert "by mx.a.example with ESMTPSA id c1" in header
    assert "for <ben@a.example>;" in header
    assert re.search(r"^Message-ID: <q\w+@mx\.a\.example>\r?$", header, re.MULTILINE)
    assert re.search(r"^Date: ", header, re.MULTILINE)
    assert "Bcc" not in header
    assert octets.endswith(b"From: <ann@a.example>\r\nSubject: hi\r\n\r\ntext\r\n")


async def test_what_is_there_stays(post: Post) -> None:
    own = HEADER + b"Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <a@b>\r\n\r\ntext\r\n"
    await submit(post, own, "ben@a.example", "x@b.example")
    (octets,) = post.store.mail_of(post.ben.id)
    assert octets.endswith(own)
    assert b"for <" not in octets


async def test_bare_line_ends_become_whole(post: Post) -> None:
    """RFC 5321 section 2.3.8; and a field behind a bare CR is seen by the check."""
    await submit(post, b"From: <ann@a.example>\n\ntext\n", "ben@a.example")
    assert post.store.mail_of(post.ben.id)[0].endswith(b"From: <ann@a.example>\r\n\r\ntext\r\n")
    with pytest.raises(Forbidden):
        await submit(post, b"From: <ann@a.example>\rFrom: <boss@b.example>\r\n\r\n", "ben@a.example")


@pytest.mark.parametrize(
    ("octets", "recipient", "smtputf8", "eight_bit"),
    [
        (HEADER + b"\r\ntext\r\n", "x@b.example", False, False),
        (HEADER + b"\r\nt\xc3\xa4xt\r\n", "x@b.example", False, True),
        (HEADER + "X: ä\r\n\r\n".encode(), "x@b.example", True, True),
        (HEADER + b"\r\ntext\r\n", "ü@b.example", True, False),
    ],
)
async def test_needs_of_the_message_are_noted(
    post: Post, octets: bytes, recipient: str, smtputf8: bool, eight_bit: bool
) -> None:
    """RFC 6531 section 3.1, RFC 6152 section 2."""
    await submit(post, octets, recipient)
    (lease,) = await post.queue.take(10)
    assert (lease.message.smtputf8, lease.message.eight_bit) == (smtputf8, eight_bit)


async def test_somebody_elses_name_is_refused_and_nothing_is_kept(post: Post) -> None:
    with pytest.raises(Forbidden):
        await submit(post, b"From: <ben@a.example>\r\n\r\n", "x@b.example")
    principal = await post.directory.principal(post.ann.id)
    with pytest.raises(Forbidden):
        await make(post).authorise(principal, envelope("x@b.example"), b"From: <ben@a.example>\r\n\r\n")
    assert post.store.count("queue_messages") == 0


async def test_recipients_are_needed_and_must_exist(post: Post) -> None:
    with pytest.raises(InvalidValue):
        await submit(post, HEADER + b"\r\n")
    with pytest.raises(NotFound):
        await submit(post, HEADER + b"\r\n", "nobody@a.example")


async def test_an_account_may_send_so_much_and_refused_mail_does_not_count(post: Post) -> None:
    submission = make(post, SubmissionSettings(messages_per_hour=2))
    principal = await post.directory.principal(post.ann.id)

    async def send(to: Envelope) -> Accepted:
        return await submission.submit(principal, to, HEADER + b"\r\n", origin=ORIGIN)

    for _ in range(5):
        with pytest.raises(NotFound):
            await send(envelope("nobody@a.example"))
    await send(envelope("ben@a.example"))
    await send(envelope("ben@a.example"))
    with pytest.raises(RateExceeded):
        await send(envelope("ben@a.example"))
    assert len(post.store.mail_of(post.ben.id)) == 2
    post.clock.ms += 2 * HOUR_MS
    await send(envelope("ben@a.example"))


async def test_who_reaches_a_limit_is_told_to_operators_after_the_refusal(post: Post) -> None:
    """A8 of the security notes; what is refused is counted as that only."""
    submission = make(post, SubmissionSettings(recipients_per_hour=1))
    principal = await post.directory.principal(post.ann.id)
    for _ in range(3):
        with pytest.raises(RateExceeded):
            await submission.submit(
                principal, envelope("x@b.example", "y@b.example"), HEADER + b"\r\n", origin=ORIGIN
            )
    (alarm,) = await post.store.database.read(alarms.read)
    assert alarm.kind == alarms.SENDING
    assert alarm.detail == "ann@a.example: the account may send no more recipients in this hour"
    (used,) = await post.store.database.read(
        lambda tx: tx.rows("SELECT sum(messages), sum(recipients), sum(refused) FROM sent")
    )
    assert (*used, post.store.count("queue_messages")) == (0, 0, 3, 0)


async def test_an_accounts_own_limits_go_before_those_of_the_configuration(post: Post) -> None:
    limits, principal = post.directory.limits, await post.directory.principal(post.ann.id)
    submission = make(post, SubmissionSettings(recipients_per_day=1))
    to = envelope("ben@a.example", "x@b.example")
    with pytest.raises(RateExceeded, match="recipients in this day"):
        await submission.submit(principal, to, HEADER + b"\r\n", origin=ORIGIN)
    changes = {"recipients_per_day": 2, "message_octets": len(HEADER) + 2}
    await limits.set(SYSTEM, "account", "ann@a.example", changes)
    with pytest.raises(TooLarge):
        await submission.submit(principal, to, HEADER + b"\r\n.", origin=ORIGIN)
    await submission.submit(principal, to, HEADER + b"\r\n", origin=ORIGIN)


async def test_who_is_blocked_sends_nothing(post: Post) -> None:
    principal = await post.directory.principal(post.ann.id)
    await post.directory.accounts.set(SYSTEM, address("ann@a.example"), Changed(send_blocked=True))
    with pytest.raises(SendingBlocked):
        await make(post).submit(principal, envelope("ben@a.example"), HEADER + b"\r\n", origin=ORIGIN)
    assert post.store.count("emails") == 0


async def test_a_null_reverse_path_may_be_used_for_notifications(post: Post) -> None:
    """RFC 8098 section 3."""
    principal = await post.directory.principal(post.ann.id)
    to = Envelope(reverse_path=None, recipients=(address("x@b.example"),))
    accepted = await make(post).submit(principal, to, HEADER + b"\r\n", origin=ORIGIN)
    assert accepted.remote == (address("x@b.example"),)


async def test_on_behalf_of_others_sender_is_put_in(post: Post) -> None:
    """RFC 5322 section 3.6.2."""
    await post.directory.send_rights.grant(
        SYSTEM, address("ann@a.example"), address("ben@a.example"), "on-behalf"
    )
    await submit(post, b"From: <ben@a.example>\r\n\r\ntext\r\n", "ben@a.example")
    (octets,) = post.store.mail_of(post.ben.id)
    assert octets.count(b"\r\nSender: ann@a.example\r\n") == 1
