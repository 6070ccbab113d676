"""Who tries names to find addresses (S12): a network has its guesses, in however many connections."""

from dataclasses import dataclass, field

import pytest
import trio.testing
from tests.support.hooks import converse, hooked
from tests.support.smtp import codes

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.errors import NotFound
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.delivery.delivery import Proof
from pymailcore.directory.types import LocalRecipient, Route
from pymailcore.mx.plugins.ratelimit import Ratelimit
from pymailcore.mx.plugins.settings import RatelimitSettings
from pymailcore.mx.role import MxRole
from pymailcore.runtime.shared_counters import SharedCounters
from pymailcore.smtp.role import SmtpRole
from pymailcore.smtp.settings import SmtpSettings

SETTINGS = SmtpSettings()
NOW_MS = 1_700_000_000_000
IN_ONE_TRY = 40
KNOWN = b"EHLO x.example\r\nMAIL FROM:<>\r\nRCPT TO:<b@host.example>\r\n"


@dataclass
class OnePerson:
    """A directory that counts who asks for somebody that is not there."""

    unknown: list[Address] = field(default_factory=list)

    async def is_local_domain(self, domain: str) -> bool:
        """One."""
        return domain == "host.example"

    async def route(self, address: Address) -> Route:
        """One."""
        if address.localpart.partition("+")[0] != "b":
            self.unknown.append(address)
            raise NotFound(str(address))
        return Route((LocalRecipient(address, AccountId(1), TenantId(1), None),), (), tenant=TenantId(1))

    async def may_post(self, route: Route, *, reverse_path: Address | None = None) -> bool:  # noqa: ARG002
        """There are no groups."""
        return True

    async def first_domain(self) -> str | None:
        """One."""
        return "host.example"


class NoDelivery:
    """Is never reached."""

    def require_space(self, octets: int) -> None:
        """There is always room."""

    async def has_room(self, route: Route, octets: int) -> bool:  # noqa: ARG002 - part of the contract
        """Always."""
        return True

    async def accept(
        self,
        envelope: Envelope,
        octets: bytes,
        *,
        tenant: TenantId,
        received_ms: int,
        may_report: Proof | None = None,
    ) -> None:
        """Nobody sends anything."""
        raise NotImplementedError


async def guess(role: SmtpRole, count: int, network: str) -> list[bytes]:
    """Guess so many names, forty in a connection, from many addresses; give the codes of the replies."""
    said: list[bytes] = []
    for first in range(0, count, IN_ONE_TRY):
        names = [f"RCPT TO:<name{first + number}@host.example>\r\n" for number in range(IN_ONE_TRY)]
        octets = ("EHLO x.example\r\nMAIL FROM:<>\r\n" + "".join(names)).encode()
        peer = network.format(first // IN_ONE_TRY % 90)
        said += codes(await converse(role, octets, settings=SETTINGS, peer=peer))
    return said


@pytest.mark.parametrize("network", ["192.0.2.{}", "2001:db8:0:{}::1"])
async def test_a_network_has_its_guesses_and_then_none(
    network: str, autojump_clock: trio.testing.MockClock
) -> None:
    """Of 10,000 names the directory is asked for as many as the budget says."""
    directory = OnePerson()
    role = MxRole(NoDelivery(), directory, SETTINGS, hostname="mx.example", now_ms=lambda: NOW_MS)
    said = await guess(role, 10_000, network)
    budget = SETTINGS.unknown_recipients_count
    assert len(directory.unknown) == budget
    assert said.count(b"550") <= budget
    assert said[-1] == b"421"
    assert codes(await converse(role, KNOWN, settings=SETTINGS, peer="198.51.100.1"))[-1] == b"250"


async def test_one_connection_has_fewer(autojump_clock: trio.testing.MockClock) -> None:
    """S9: after `hard_errors_count` mistakes it is over."""
    directory = OnePerson()
    role = MxRole(NoDelivery(), directory, SETTINGS, hostname="mx.example")
    said = await guess(role, IN_ONE_TRY, "192.0.2.{}")
    assert len(directory.unknown) == SETTINGS.hard_errors_count
    assert said[-1] == b"421"


async def test_more_than_a_thousand_recipients_wait(autojump_clock: trio.testing.MockClock) -> None:
    """RFC 5321 section 4.5.3.1.10; n and n+1 of the message, and of the network in a minute."""
    names = [f"RCPT TO:<b+{number}@host.example>\r\n" for number in range(1_001)]
    role = hooked(
        MxRole(NoDelivery(), OnePerson(), SETTINGS, hostname="mx.example"),
        Ratelimit(
            RatelimitSettings(recipients_per_minute=1_500), SharedCounters.create(1_000), lambda: NOW_MS
        ),
    )
    octets = ("EHLO x.example\r\nMAIL FROM:<>\r\n" + "".join(names)).encode()
    said = codes(await converse(role, octets, settings=SETTINGS))
    assert said[3:] == [b"250"] * 1_000 + [b"452"]
    said = codes(await converse(role, octets, settings=SETTINGS))
    assert said[3:503] == [b"250"] * 500
    assert set(said[503:]) == {b"451"}
