"""What the MX role makes of who its peers are, and of room on disk and in mailboxes."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

import pytest
import trio
import trio.testing
from tests.mx.test_role import FakeDelivery, FakeDirectory
from tests.support.smtp import DIGEST

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.errors import InsufficientStorage, NotFound
from pymailcore.base.ids import TenantId
from pymailcore.mx.lmtp import LmtpRole
from pymailcore.mx.peer_names import PeerNames
from pymailcore.mx.role import HELLO_REFUSED, MxConversation, MxRole
from pymailcore.runtime.metrics import Metrics
from pymailcore.smtp import lookups
from pymailcore.smtp.protocol import events
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.recipients import MAILBOX_FULL
from pymailcore.smtp.role import Session
from pymailcore.smtp.settings import SmtpSettings

PEER = "192.0.2.1"
B = Address("b", "host.example")


class NoNames:
    """A zone in which one peer has a name, after a second."""

    async def names(self, address: str) -> tuple[str, ...]:
        """Look."""
        await trio.sleep(1)
        if address != "192.0.2.7":
            raise NotFound(address)
        return ("mail.client.example",)

    async def addresses(self, host: str) -> tuple[str, ...]:
        """Look."""
        return ("192.0.2.7",) if host == "mail.client.example" else ()


def begin(
    settings: SmtpSettings | None = None,
    *,
    peer: str = PEER,
    delivery: FakeDelivery | None = None,
    trusted: Sequence[IPv4Network | IPv6Network] = (),
    names: PeerNames | None = None,
) -> tuple[MxConversation, Session]:
    directory = FakeDirectory()
    directory.people["full@host.example"] = TenantId(1)
    role = MxRole(
        delivery or FakeDelivery(),
        directory,
        settings or SmtpSettings(),
        hostname="mx.example",
        trusted=trusted,
        peer_names=names,
    )
    session = Session(connection_id="c1", peer=peer, tls="")
    return role.begin(session), session


async def hello(conversation: MxConversation, name: str) -> Reply | None:
    return await conversation.hello(events.Hello(name, extended=True))


async def test_our_own_name_is_refused_and_other_oddities_are_noted() -> None:
    """RFC 5321 section 4.1.4: what does not fit the address is no reason to refuse mail."""
    conversation, session = begin()
    assert await hello(conversation, "mx.example") == HELLO_REFUSED
    assert session.marks == set()
    for name, mark in (("localhost", "hello-localhost"), ("[192.0.2.9]", "hello-foreign-literal")):
        assert await hello(conversation, name) is None
        assert session.marks == {mark}
    assert await hello(conversation, "mail.client.example") is None
    assert session.marks == set()


async def test_what_is_refused_is_a_setting() -> None:
    conversation, _ = begin(SmtpSettings(hello_refused=("hello-short-name",)))
    assert await hello(conversation, "desktop") == HELLO_REFUSED
    assert await hello(conversation, "mx.example") is None


async def test_hosts_of_ours_are_not_judged(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    names = PeerNames(NoNames())
    await nursery.start(names.run)
    conversation, session = begin(trusted=[ip_network("192.0.2.0/24")], names=names)
    assert await hello(conversation, "mx.example") is None
    assert await conversation.mail(events.Mail(None)) is None
    assert session.marks == set()
    assert trio.current_time() == 0


@pytest.mark.parametrize(
    ("peer", "seconds", "marks", "waited"),
    [
        (PEER, 2.0, {"no-peer-name"}, 1.0),
        ("192.0.2.7", 2.0, set(), 1.0),
        (PEER, 0.5, set(), 0.5),
        (PEER, 0.0, set(), 0.0),
    ],
)
async def test_a_peer_without_a_name_looks_bad(
    peer: str,
    seconds: float,
    marks: set[str],
    waited: float,
    nursery: trio.Nursery,
    autojump_clock: trio.testing.MockClock,
) -> None:
    """MAIL waits so long at most; the answer to EHLO waits for nothing."""
    names = PeerNames(NoNames())
    await nursery.start(names.run)
    conversation, session = begin(SmtpSettings(peer_name_seconds=seconds), peer=peer, names=names)
    assert await hello(conversation, "mail.client.example") is None
    assert trio.current_time() == 0
    assert await conversation.mail(events.Mail(None)) is None
    assert session.marks == marks
    assert trio.current_time() == waited


async def test_a_name_that_was_found_stands_in_received(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """RFC 5321 section 4.4: TCP-info."""
    names, delivery = PeerNames(NoNames()), FakeDelivery()
    await nursery.start(names.run)
    conversation, _ = begin(peer="192.0.2.7", delivery=delivery, names=names)
    await hello(conversation, "c.example")
    await conversation.mail(events.Mail(None))
    await conversation.recipient(events.Mail(None), events.Recipient(B))
    await conversation.message(Envelope(reverse_path=None, recipients=(B,)), b"From: <a@x>\r\n\r\n", DIGEST)
    assert b"from c.example (mail.client.example [192.0.2.7])" in delivery.accepted[0][1]


async def test_mail_is_put_off_when_there_is_no_room_for_it() -> None:
    """RFC 1870 section 6.1: what was declared is what there must be room for."""
    conversation, _ = begin()
    for octets in (0, 999_999, 1_000_000):
        assert await conversation.mail(events.Mail(None, size_octets=octets)) is None
    with pytest.raises(InsufficientStorage):
        await conversation.mail(events.Mail(None, size_octets=1_000_001))


async def test_a_full_mailbox_is_told_at_rcpt() -> None:
    """RFC 3463 section 3.3 (X.2.2): 452, so that its owner can make room; others get the message."""
    conversation, _ = begin()
    full = events.Recipient(Address("full", "host.example"))
    for octets, answer in ((9, None), (10, None), (11, MAILBOX_FULL)):
        mail = events.Mail(None, size_octets=octets)
        assert await conversation.recipient(mail, full) == answer
        assert await conversation.recipient(mail, events.Recipient(B)) is None


@pytest.mark.parametrize(
    ("text", "code"),
    [("b@host.example", 250), ("nobody@host.example", 550), ("x@elsewhere.example", None)],
)
async def test_everybody_may_be_told_whether_an_address_exists(text: str, code: int | None) -> None:
    """RFC 5321 section 3.5; what does not exist counts as a guess (S12)."""
    conversation, _ = begin(SmtpSettings(vrfy="everybody", unknown_recipients_count=2))
    found = Address.parse(text)
    assert found is not None
    answers = [await conversation.verify(events.Verify(found)) for _ in range(2)]
    assert [one and one.code for one in answers] == [code, 421 if code == 550 else code]


@pytest.mark.parametrize(
    ("vrfy", "expected"), [("nobody", set()), ("signed-in", set()), ("everybody", {"VRFY"})]
)
def test_on_the_mx_port_nobody_is_signed_in(vrfy: str, expected: set[str]) -> None:
    role = MxRole(FakeDelivery(), FakeDirectory(), SmtpSettings(vrfy=vrfy, expn="signed-in"), hostname="h")
    assert role.lookups == expected
    assert lookups.MOST_MEMBERS > 0


async def bring(conversation: MxConversation, octets: bytes, *recipients: Address) -> int:
    """A transaction; gives the code of its end."""
    await conversation.mail(events.Mail(None))
    for recipient in recipients:
        assert await conversation.recipient(events.Mail(None), events.Recipient(recipient)) is None
    answer = await conversation.message(Envelope(reverse_path=None, recipients=recipients), octets, DIGEST)
    assert isinstance(answer, Reply)
    return answer.code


async def test_who_got_a_message_stands_in_it_and_it_does_not_come_in_again() -> None:
    """S16; RFC 9228: where there are two, neither is named to the other, and hops are counted as ever."""
    delivery, other = FakeDelivery(), Address("c", "host.example")
    conversation, _ = begin(delivery=delivery)
    mail = b"From: <a@x.example>\r\n\r\ntext\r\n"
    assert await bring(conversation, mail, B, other) == 250
    assert b"Delivered-To" not in delivery.accepted[0][1]
    assert await bring(conversation, mail, B) == 250
    round_trip = delivery.accepted[1][1]
    assert round_trip.startswith(b"Delivered-To: b@host.example\r\nReceived: ")
    assert await bring(conversation, round_trip, B) == 554
    assert await bring(conversation, round_trip, other, B) == 554
    assert await bring(conversation, round_trip, other) == 250
    assert len(delivery.accepted) == 3


async def test_lmtp_brings_what_was_delivered_somewhere_else_before() -> None:
    """A mail server of ours, or a program that fetches mail, may have named the recipient already."""
    delivery = FakeDelivery()
    role = LmtpRole(
        delivery,
        FakeDirectory(),
        SmtpSettings(),
        hostname="mx.example",
        trusted=[ip_network("192.0.2.0/24")],
        metrics=Metrics(),
    )
    conversation = role.begin(Session(connection_id="c1", peer=PEER, tls="", lmtp=True))
    named = b"Delivered-To: b@host.example\r\nFrom: <a@x.example>\r\n\r\n"
    assert await bring(conversation, named, B) == 250
    assert delivery.accepted[0][1].startswith(b"Received: ")
