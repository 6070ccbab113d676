from dataclasses import dataclass, field

import pytest
import trio
import trio.testing
from tests.support.smtp import FakeConnection, codes

from pymailcore.base.address import Address
from pymailcore.base.budget import MailDataBudget
from pymailcore.base.envelope import Envelope
from pymailcore.base.errors import InsufficientStorage, MailError, NotFound, OverQuota, TemporaryFailure
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.delivery.delivery import Proof
from pymailcore.directory.errors import Loop
from pymailcore.directory.types import LocalRecipient, Posting, Route
from pymailcore.mx.role import MxRole
from pymailcore.runtime.metrics import Metrics
from pymailcore.smtp.role import SmtpRole
from pymailcore.smtp.server import SmtpServer
from pymailcore.smtp.settings import SmtpSettings

NOW_MS = 1_700_000_000_000
B, C = Address("b", "host.example"), Address("c", "host.example")


@dataclass
class FakeDirectory:
    """Two domains of two tenants; some people in each."""

    people: dict[str, TenantId] = field(
        default_factory=lambda: {
            "b@host.example": TenantId(1),
            "c@host.example": TenantId(1),
            "postmaster@host.example": TenantId(1),
            "abuse@host.example": TenantId(1),
            "x@other.example": TenantId(2),
        }
    )
    failure: MailError | None = None
    states: dict[str, str] = field(default_factory=dict)

    async def is_local_domain(self, domain: str) -> bool:
        """Look at the names."""
        if self.failure is not None:
            raise self.failure
        return domain in {"host.example", "other.example"}

    async def route(self, address: Address) -> Route:
        """Look at the names; like the real one it sends strangers' addresses away."""
        tenant = self.people.get(address.key)
        if address.domain not in {"host.example", "other.example"}:
            return Route(local=(), remote=(address,))
        if address.key == "forwarded@host.example":
            return Route(local=(), remote=(Address("y", "remote.example"),))
        if tenant is None:
            raise NotFound(str(address))
        local = (LocalRecipient(address, AccountId(1), tenant, None),)
        posting = (Posting(7, tenant, "members"),) if address.localpart == "staff" else ()
        state = self.states.get(address.localpart, "active")
        return Route(local, (), state=state, postings=posting, tenant=tenant)

    async def may_post(self, route: Route, *, reverse_path: Address | None = None) -> bool:
        """Members come from far.example."""
        return not route.postings or (reverse_path is not None and reverse_path.domain == "far.example")

    async def first_domain(self) -> str | None:
        """One is enough."""
        return "host.example"


@dataclass
class FakeDelivery:
    """Keeps everything, or fails."""

    failure: MailError | None = None
    accepted: list[tuple[Envelope, bytes, TenantId, int]] = field(default_factory=list)
    proof: Proof | None = None

    def require_space(self, octets: int) -> None:
        """There is room for a million."""
        if octets > 1_000_000:
            raise InsufficientStorage

    async def has_room(self, route: Route, octets: int) -> bool:
        """Who is full has room for ten."""
        return octets <= 10 or route.local[0].address.localpart != "full"

    async def accept(
        self,
        envelope: Envelope,
        octets: bytes,
        *,
        tenant: TenantId,
        received_ms: int,
        may_report: Proof | None = None,
    ) -> object:
        """Keep."""
        self.proof = may_report
        if self.failure is not None:
            raise self.failure
        self.accepted.append((envelope, octets, tenant, received_ms))
        return None


@dataclass
class World:
    """One server with the MX role."""

    directory: FakeDirectory = field(default_factory=FakeDirectory)
    delivery: FakeDelivery = field(default_factory=FakeDelivery)
    unknown_recipients: int = 0

    async def converse(self, octets: bytes) -> list[bytes]:
        """Say everything at once, then end; give the codes, the greeting's left out."""
        settings = SmtpSettings(
            hard_errors_count=1_000,
            soft_errors_count=1_000,
            refuse_early_talkers=False,
            unknown_recipients_count=self.unknown_recipients,
        )
        role: SmtpRole = MxRole(
            self.delivery, self.directory, settings, hostname="mx.example", now_ms=lambda: NOW_MS
        )
        server = SmtpServer(
            role=role,
            settings=settings,
            hostname="mx.example",
            budget=MailDataBudget(10_000_000),
            metrics=Metrics(),
        )
        ours, theirs = trio.testing.memory_stream_pair()
        answers = b""
        async with trio.open_nursery() as nursery:

            async def serve() -> None:
                async with ours:
                    await server.serve_connection(FakeConnection(ours))

            nursery.start_soon(serve)
            await theirs.send_all(b"EHLO client.example\r\n" + octets + b"QUIT\r\n")
            while more := await theirs.receive_some():
                answers += more
        self.answers = answers
        return codes(answers)[2:-1]


@pytest.fixture
def world() -> World:
    return World()


def transaction(*recipients: str, message: str = "Subject: x\r\n\r\nx\r\n", sender: str = "") -> bytes:
    commands = [f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{address}>" for address in recipients), "DATA"]
    return ("\r\n".join(commands) + "\r\n" + message + ".\r\n").encode()


async def test_a_message_for_somebody_here_gets_a_received_field_and_nothing_else(world: World) -> None:
    """RFC 5321 section 4.4; RFC 3848."""
    octets = transaction("b@host.example", sender="a@client.example")
    assert await world.converse(octets) == [b"250", b"250", b"354", b"250"]
    ((envelope, message, tenant, received_ms),) = world.delivery.accepted
    assert envelope == Envelope(reverse_path=Address("a", "client.example"), recipients=(B,))
    received, _, rest = message.partition(b"Subject: ")
    assert rest == b"x\r\n\r\nx\r\n"
    assert received.startswith(
        b"Delivered-To: b@host.example\r\nReceived: from client.example ([192.0.2.1])\r\n"
    )
    assert b"by mx.example with ESMTP id c1.1" in received
    assert b"for <b@host.example>" in received
    assert (tenant, received_ms) == (TenantId(1), NOW_MS)
    assert b"250 2.0.0 Accepted as c1.1\r\n" in world.answers


async def test_a_return_path_that_the_peer_wrote_does_not_stand_behind_our_received(world: World) -> None:
    """RFC 5321 section 4.4, S17: there is one, and it is ours; a forged one would name another sender."""
    forged = "Return-Path: <boss@host.example>\r\nreturn-path:\r\n <other@host.example>\r\n"
    message = forged + "Subject: x\r\n\r\nx\r\n"
    await world.converse(transaction("b@host.example", message=message))
    ((_, kept, _, _),) = world.delivery.accepted
    assert b"return-path" not in kept.lower()
    assert kept.endswith(b"\r\nSubject: x\r\n\r\nx\r\n")


async def test_several_recipients_are_not_told_of_each_other(world: World) -> None:
    """RFC 5321 section 7.6."""
    await world.converse(transaction("b@host.example", "c@host.example"))
    ((envelope, message, _, _),) = world.delivery.accepted
    assert envelope.reverse_path is None
    assert envelope.recipients == (B, C)
    assert b"for <" not in message


@pytest.mark.parametrize(
    "address",
    ["postmaster", "Postmaster", "postmaster@host.example", "abuse@host.example", "postmaster@mx.example"],
)
async def test_postmaster_and_abuse_are_always_there(address: str, world: World) -> None:
    """RFC 5321 section 4.5.1, RFC 2142 section 2."""
    assert await world.converse(transaction(address)) == [b"250", b"250", b"354", b"250"]
    assert world.delivery.accepted[0][0].recipients[0].domain == "host.example"


async def test_somebody_unknown_is_refused(world: World) -> None:
    """RFC 5321 section 3.3, RFC 3463 section 3.2."""
    await world.converse(b"MAIL FROM:<>\r\nRCPT TO:<nobody@host.example>\r\n")
    assert b"550 5.1.1 " in world.answers


async def test_an_alias_to_elsewhere_is_taken(world: World) -> None:
    """RFC 5321 section 3.9.1."""
    assert (await world.converse(transaction("forwarded@host.example")))[-1] == b"250"


@pytest.mark.parametrize(
    ("state", "expected"), [("active", b"250"), ("suspended", b"450 4.2.1 "), ("closing", b"550 5.2.1 ")]
)
async def test_mail_for_who_is_suspended_is_put_off_and_for_who_goes_is_refused(
    state: str, expected: bytes, world: World
) -> None:
    """RFC 3463 section 3.3."""
    world.directory.states["b"] = state
    await world.converse(b"MAIL FROM:<>\r\nRCPT TO:<b@host.example>\r\n")
    assert expected in world.answers


@pytest.mark.parametrize(
    ("sender", "expected"),
    [("", b"550 5.7.2 "), ("x@near.example", b"550 5.7.2 "), ("x@far.example", b"250")],
)
async def test_a_closed_group_takes_mail_of_those_who_may_post(
    sender: str, expected: bytes, world: World
) -> None:
    """RFC 3463 section 3.8."""
    world.directory.people["staff@host.example"] = TenantId(1)
    replies = await world.converse(f"MAIL FROM:<{sender}>\r\nRCPT TO:<staff@host.example>\r\n".encode())
    assert replies[-1] == expected[:3]
    assert expected in world.answers


async def test_two_tenants_in_one_transaction_come_one_after_the_other(world: World) -> None:
    """RFC 5321 section 4.5.3.1.10: what got 452 is sent again."""
    assert await world.converse(transaction("b@host.example", "x@other.example")) == [
        b"250",
        b"250",
        b"452",
        b"354",
        b"250",
    ]
    assert await world.converse(transaction("x@other.example")) == [b"250", b"250", b"354", b"250"]
    assert [accepted[2] for accepted in world.delivery.accepted] == [TenantId(1), TenantId(2)]


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (TemporaryFailure(), b"451 4.3.0 "),
        (OverQuota(), b"452 4.2.2 "),
        (Loop(), b"554 5.4.6 "),
        (NotFound(), b"550 5.1.1 "),
    ],
)
async def test_250_is_only_said_when_it_is_on_disk(failure: MailError, expected: bytes, world: World) -> None:
    """RFC 5321 section 6.1."""
    world.delivery.failure = failure
    await world.converse(transaction("b@host.example"))
    assert expected in world.answers
    assert b"Accepted" not in world.answers


async def test_a_directory_that_is_away_is_temporary(world: World) -> None:
    """RFC 5321 section 4.2.1."""
    world.directory.failure = TemporaryFailure()
    assert await world.converse(b"MAIL FROM:<>\r\nRCPT TO:<b@host.example>\r\n") == [b"250", b"451"]


@pytest.mark.parametrize(("count", "expected"), [(49, b"250"), (50, b"250"), (51, b"554")])
async def test_a_loop_is_noticed_by_its_received_fields(count: int, expected: bytes, world: World) -> None:
    """RFC 5321 section 6.3."""
    message = "Received: from a by b; x\r\n" * count + "\r\nReceived: not in the header\r\n"
    assert (await world.converse(transaction("b@host.example", message=message)))[-1] == expected
    assert (b"554 5.4.6 " in world.answers) is (expected == b"554")


async def test_login_is_not_offered(world: World) -> None:
    """RFC 4954 section 3."""
    assert await world.converse(b"AUTH PLAIN AHRpbQB0YW5zdGFhZg==\r\n") == [b"502"]
    assert b"AUTH" not in world.answers


LOCAL, REMOTE = "host.example", "remote.example"
RELAY_FORMS = [
    f"u@{REMOTE}",
    f"u@{REMOTE}.",
    f"U@{REMOTE.upper()}",
    f"postmaster@{REMOTE}",
    f"abuse@{REMOTE}",
    f'"u"@{REMOTE}',
    f'"b@{LOCAL}"@{REMOTE}',
    f"b%{LOCAL}@{REMOTE}",
    f"{LOCAL}!b@{REMOTE}",
    f"b={LOCAL}@{REMOTE}",
    f"b+{LOCAL}@{REMOTE}",
    # percent hack
    f"u%{REMOTE}@{LOCAL}",
    f"u%{REMOTE}%{LOCAL}@{LOCAL}",
    f"u%{REMOTE}@[192.0.2.25]",
    f'"u%{REMOTE}"@{LOCAL}',
    f"%{REMOTE}@{LOCAL}",
    f"u%@{LOCAL}",
    f"b%{LOCAL}@{LOCAL}",
    # bang paths
    f"{REMOTE}!u@{LOCAL}",
    f"{LOCAL}!{REMOTE}!u@{LOCAL}",
    f"{REMOTE}!u",
    f'"{REMOTE}!u"@{LOCAL}',
    f"{REMOTE}!u%{LOCAL}@{LOCAL}",
    f"!u@{LOCAL}",
    # quoted local parts that hold an address
    f'"u@{REMOTE}"@{LOCAL}',
    f'"u@{REMOTE}"',
    f'"u@{REMOTE}"@[192.0.2.25]',
    f'"u\\@{REMOTE}"@{LOCAL}',
    f'"@{REMOTE}:u"@{LOCAL}',
    f'"@{LOCAL}:u@{REMOTE}"@{LOCAL}',
    f'"<u@{REMOTE}>"@{LOCAL}',
    # two domains
    f"u@{REMOTE}@{LOCAL}",
    f"u@{LOCAL}@{REMOTE}",
    f"u@{REMOTE}@",
    f"@{REMOTE}",
    # source routes, RFC 5321 appendix C
    f"@{LOCAL}:u@{REMOTE}",
    f"@{LOCAL},@{REMOTE}:u@{REMOTE}",
    f"@{REMOTE}:u@{REMOTE}",
    f"@{LOCAL}:u%{REMOTE}@{LOCAL}",
    f"@{LOCAL}:{REMOTE}!u@{LOCAL}",
    f"@{LOCAL}:@{REMOTE}:u@{REMOTE}",
    f"@mx.example:u@{REMOTE}",
    # address literals
    "u@[192.0.2.99]",
    "u@[127.0.0.1]",
    "u@[192.0.2.25]",
    "b@[127.0.0.1]",
    "u@[IPv6:::1]",
    "u@[IPv6:2001:db8::1]",
    "u@[IPv6:::ffff:127.0.0.1]",
    "u@127.0.0.1",
    "u@2130706433",
    "u@localhost",
    "u@localhost.localdomain",
    "u@mx.example",
    # names that look like ours
    f"b@{LOCAL}.{REMOTE}",
    f"b@sub.{LOCAL}",
    f"b@x{LOCAL}",
    "b@xn--host.example",
    f"b@{LOCAL}..",
    f"b@.{LOCAL}",
    f"b@{LOCAL}\\",
    f"b@{LOCAL}/{REMOTE}",
    f"b@{LOCAL}:25",
    f"b@{LOCAL} u@{REMOTE}",
    f"b@{LOCAL},u@{REMOTE}",
    f"b@{LOCAL}><u@{REMOTE}",
    "u",
    "",
]


@pytest.mark.parametrize("sender", ["", "a@client.example", f"b@{LOCAL}"], ids=["null", "other", "ours"])
@pytest.mark.parametrize("form", RELAY_FORMS)
async def test_nobody_relays_through_us(form: str, sender: str, world: World) -> None:
    """RFC 5321 section 3.6.1, appendix C; whoever the sender claims to be."""
    octets = f"MAIL FROM:<{sender}>\r\nRCPT TO:<{form}>\r\nDATA\r\n".encode()
    answers = await world.converse(octets)
    assert answers[0] == b"250"
    assert answers[1] in {b"550", b"501"}
    assert answers[2:] == [b"554"]
    assert world.delivery.accepted == []


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (f"u@{REMOTE}", b"550 5.7.1 "),
        (f"u%{REMOTE}@{LOCAL}", b"550 5.7.1 "),
        (f"{REMOTE}!u@{LOCAL}", b"550 5.7.1 "),
        (f'"u@{REMOTE}"@{LOCAL}', b"550 5.7.1 "),
        (f"nobody@{LOCAL}", b"550 5.1.1 "),
    ],
)
async def test_the_reason_is_given(form: str, expected: bytes, world: World) -> None:
    """RFC 3463 section 3.8."""
    await world.converse(f"MAIL FROM:<>\r\nRCPT TO:<{form}>\r\n".encode())
    assert expected in world.answers


def test_the_table_is_as_long_as_promised() -> None:
    assert len(set(RELAY_FORMS)) >= 60


async def test_a_source_route_to_somebody_here_is_dropped(world: World) -> None:
    """RFC 5321 section 4.1.1.3."""
    assert (await world.converse(transaction(f"@{REMOTE}:b@{LOCAL}")))[-1] == b"250"
    assert world.delivery.accepted[0][0].recipients == (B,)


async def test_who_guesses_too_many_addresses_is_sent_away(world: World) -> None:
    """S12: 421, for the whole network, until the time is over."""
    world.unknown_recipients = 3
    guesses = b"MAIL FROM:<>\r\n" + b"".join(b"RCPT TO:<x%d@host.example>\r\n" % n for n in range(5))
    assert await world.converse(guesses) == [b"250", b"550", b"550"]
    assert world.answers.splitlines()[-1].startswith(b"421 4.7.0 Too many unknown recipients")
