import base64
from dataclasses import dataclass, field

import pytest
import trio
import trio.testing
from tests.support.party_spy import turns_of
from tests.support.sasl import OneAccount
from tests.support.smtp import FakeConnection, codes

from pymailcore.base.address import Address
from pymailcore.base.budget import MailDataBudget
from pymailcore.base.envelope import Envelope
from pymailcore.base.errors import (
    Forbidden,
    InsufficientStorage,
    MailError,
    NotFound,
    OverQuota,
    TemporaryFailure,
)
from pymailcore.base.ids import DEFAULT_TENANT, AccountId, TenantId
from pymailcore.base.parties import party_of
from pymailcore.directory.errors import Loop, RateExceeded, SendingBlocked
from pymailcore.directory.types import Posting, Principal, Route
from pymailcore.msa.role import MsaRole
from pymailcore.runtime.metrics import Metrics
from pymailcore.smtp.role import SmtpRole
from pymailcore.smtp.server import SmtpServer
from pymailcore.smtp.settings import SmtpSettings
from pymailcore.submission.submission import Origin

TIM = "tim@host.example"
TOKEN = "abcdefgh"


@dataclass
class FakeAccounts(OneAccount):
    """One account, with an app password that may only read."""

    name: str = TIM
    passwords: tuple[str, ...] = ("tanstaaf", "only for reading")
    token: str = TOKEN
    read_only: frozenset[int] = frozenset({1})

    async def send_standing(self, account: AccountId, address: Address) -> str:
        """Its own name only."""
        return "own" if account == 1 and address.key == TIM else ""

    async def may_post(self, route: Route, **_: object) -> bool:
        """One group is closed."""
        return not route.postings

    async def is_local_domain(self, domain: str) -> bool:
        """One domain."""
        return domain == "host.example"

    async def tenant_of(self, domain: str) -> TenantId | None:
        """One domain."""
        return DEFAULT_TENANT if domain == "host.example" else None

    async def members_of(self, principal: Principal, address: Address, *, most: int) -> list[str]:
        """Nobody is in any group."""
        raise NotFound(f"{address} has not {most} members that {principal.name} may know")

    async def route(self, address: Address) -> Route:
        """One person, one whose account is being removed, and a group."""
        if address.localpart == "staff":
            return Route((), (), postings=(Posting(7, DEFAULT_TENANT, "members"),))
        if address.localpart in {"gone", "away"}:
            return Route((), (), {"gone": "closing", "away": "suspended"}[address.localpart])
        if address.key != "tim@host.example":
            raise NotFound
        return Route(local=(), remote=())


@dataclass
class FakeSubmission:
    """Keeps everything, or fails."""

    failure: MailError | None = None
    taken: list[tuple[Principal, Envelope, bytes, Origin]] = field(default_factory=list)

    def require_space(self, octets: int) -> None:
        """There is room for a million."""
        if octets > 1_000_000:
            raise InsufficientStorage

    async def submit(
        self, principal: Principal, envelope: Envelope, octets: bytes, *, origin: Origin
    ) -> object:
        """Keep."""
        if self.failure is not None:
            raise self.failure
        self.taken.append((principal, envelope, octets, origin))
        return None


@dataclass
class World:
    """One server with the MSA role, on loopback, where passwords in clear are allowed."""

    accounts: FakeAccounts = field(default_factory=FakeAccounts)
    submission: FakeSubmission = field(default_factory=FakeSubmission)
    answers: bytes = b""

    async def converse(self, octets: bytes) -> list[bytes]:
        """Say everything at once, then end; give the codes, the greeting's left out."""
        settings = SmtpSettings()
        metrics = Metrics()
        role: SmtpRole = MsaRole(self.submission, self.accounts, settings, metrics=metrics)
        server = SmtpServer(
            role=role,
            settings=settings,
            hostname="mx.example",
            budget=MailDataBudget(10_000_000),
            metrics=metrics,
            plaintext_login=True,
        )
        ours, theirs = trio.testing.memory_stream_pair()
        self.answers = b""
        async with trio.open_nursery() as nursery:

            async def serve() -> None:
                async with ours:
                    await server.serve_connection(FakeConnection(ours))

            nursery.start_soon(serve)
            await theirs.send_all(b"EHLO client.example\r\n" + octets)
            await theirs.send_stream.aclose()
            while more := await theirs.receive_some():
                self.answers += more
        return codes(self.answers)[2:]


@pytest.fixture
def world() -> World:
    return World()


def plain(name: str, password: str, acting_for: str = "") -> bytes:
    response = base64.b64encode(f"{acting_for}\0{name}\0{password}".encode())
    return b"AUTH PLAIN " + response + b"\r\n"


LOGIN = plain("tim@host.example", "tanstaaf")
SEND = b"MAIL FROM:<tim@host.example>\r\nRCPT TO:<x@remote.example>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\n"


async def test_after_a_login_mail_goes_anywhere(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 6409 section 3, RFC 3848."""
    turns = turns_of(monkeypatch)
    assert await world.converse(LOGIN + SEND) == [b"235", b"250", b"250", b"354", b"250"]
    ((principal, envelope, octets, origin),) = world.submission.taken
    assert principal.name == TIM
    sender = Address("tim", "host.example")
    assert envelope == Envelope(reverse_path=sender, recipients=(Address("x", "remote.example"),))
    assert octets == b"Subject: x\r\n\r\nx\r\n"
    assert origin == Origin(hello="client.example", peer="192.0.2.1", protocol="ESMTPA", tls=None, id="c1.1")
    assert world.accounts.asked == [("192.0.2.1", "smtp")]
    assert turns == [party_of(principal.tenant, principal.account)]


async def test_nothing_is_taken_without_a_login(world: World) -> None:
    """RFC 6409 section 4.3, RFC 4954 section 6."""
    assert (await world.converse(SEND[:-3]))[:3] == [b"530", b"503", b"503"]
    assert b"530 5.7.0 " in world.answers
    assert world.submission.taken == []


@pytest.mark.parametrize("sender", ["other@host.example", "tim@remote.example", "tim@sub.host.example"])
async def test_the_sender_must_be_the_accounts_own(sender: str, world: World) -> None:
    """RFC 6409 section 6.1; espoofer client_a1."""
    assert await world.converse(LOGIN + f"MAIL FROM:<{sender}>\r\n".encode()) == [b"235", b"550"]
    assert b"550 5.7.1 " in world.answers


async def test_the_null_reverse_path_is_allowed(world: World) -> None:
    """RFC 8098 section 3."""
    assert await world.converse(LOGIN + b"MAIL FROM:<>\r\n") == [b"235", b"250"]


async def test_somebody_unknown_here_is_refused_at_once(world: World) -> None:
    """RFC 5321 section 3.3."""
    octets = b"MAIL FROM:<>\r\nRCPT TO:<nobody@host.example>\r\nRCPT TO:<tim@host.example>\r\n"
    assert await world.converse(LOGIN + octets) == [b"235", b"250", b"550", b"250"]


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (Forbidden(), b"550 5.7.1 "),
        (RateExceeded(), b"451 4.7.1 "),
        (SendingBlocked(), b"550 5.7.1 "),
        (Loop(), b"554 5.4.6 "),
        (OverQuota(), b"452 4.2.2 "),
        (TemporaryFailure(), b"451 4.3.0 "),
    ],
)
async def test_what_submission_says_is_the_reply(failure: MailError, expected: bytes, world: World) -> None:
    """RFC 6409 section 6.1; espoofer client_a2 and a3."""
    world.submission.failure = failure
    await world.converse(LOGIN + SEND)
    assert expected in world.answers
    assert b"Accepted" not in world.answers


async def test_the_third_failed_login_ends_the_connection_and_each_waits(
    world: World, autojump_clock: trio.testing.MockClock
) -> None:
    """RFC 4954 section 4: 421 after too many; the directory says how long each waits."""
    world.accounts.pause_seconds = 2.0
    wrong = plain("tim@host.example", "wrong")
    assert await world.converse(wrong * 4) == [b"535", b"535", b"421"]
    assert b"535 5.7.8 " in world.answers
    assert trio.current_time() == pytest.approx(6.0)
    assert len(world.accounts.asked) == 3


async def test_unknown_names_and_wrong_passwords_are_answered_alike(
    world: World, autojump_clock: trio.testing.MockClock
) -> None:
    """RFC 4954 section 4; enumeration by text."""
    await world.converse(plain("tim@host.example", "wrong"))
    wrong = world.answers
    await world.converse(plain("nobody@host.example", "wrong"))
    assert world.answers == wrong


async def test_acting_for_somebody_else_is_refused(
    world: World, autojump_clock: trio.testing.MockClock
) -> None:
    """RFC 4616 section 2."""
    refused = plain("tim@host.example", "tanstaaf", "admin@host.example")
    assert await world.converse(refused + b"MAIL FROM:<>\r\n") == [b"535", b"530"]
    assert await world.converse(plain("tim@host.example", "tanstaaf", "tim@host.example")) == [b"235"]


async def test_too_many_attempts_elsewhere_are_temporary(
    world: World, autojump_clock: trio.testing.MockClock
) -> None:
    """RFC 4954 section 6: 454 4.7.0."""
    world.accounts.throttled = True
    assert await world.converse(LOGIN) == [b"454"]


@pytest.mark.parametrize(
    ("localpart", "expected"),
    [("gone", b"550 5.2.1 "), ("staff", b"550 5.7.2 "), ("away", b"250 2.1.5 "), ("tim", b"250 2.1.5 ")],
)
async def test_recipients_here_are_judged_at_once(localpart: str, expected: bytes, world: World) -> None:
    """RFC 3463 sections 3.3 and 3.8; mail for who is suspended waits in the queue."""
    to = f"RCPT TO:<{localpart}@host.example>\r\n".encode()
    await world.converse(LOGIN + b"MAIL FROM:<tim@host.example>\r\n" + to)
    assert world.answers.split(b"\r\n")[-2].startswith(expected)
