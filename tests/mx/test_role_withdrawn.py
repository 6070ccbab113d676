"""The MX role and a recipient that a plug-in refuses after the role took it."""

from dataclasses import dataclass, field
from typing import Final

from tests.support.hooks import converse, hooked
from tests.support.smtp import codes

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.delivery.delivery import Proof
from pymailcore.directory.types import LocalRecipient, Route
from pymailcore.mx.role import MxRole
from pymailcore.smtp.hooks import PutOff, hook
from pymailcore.smtp.settings import SmtpSettings

TENANTS: Final = {"host.example": TenantId(1), "other.example": TenantId(2)}


class TwoTenants:
    """Everybody is here, in one of two domains."""

    async def is_local_domain(self, domain: str) -> bool:
        """Both."""
        return domain in TENANTS

    async def route(self, address: Address) -> Route:
        """Everybody."""
        tenant = TENANTS[address.domain]
        return Route((LocalRecipient(address, AccountId(1), tenant, None),), (), tenant=tenant)

    async def may_post(self, route: Route, *, reverse_path: Address | None = None) -> bool:  # noqa: ARG002
        """There are no groups."""
        return True

    async def first_domain(self) -> str | None:
        """One."""
        return "host.example"


@dataclass
class Delivery:
    """Notes for whom and of which tenant a message is."""

    accepted: list[tuple[tuple[Address, ...], TenantId]] = field(default_factory=list)

    def require_space(self, octets: int) -> None:
        """There is always room."""

    async def has_room(self, route: Route, octets: int) -> bool:  # noqa: ARG002 - part of the contract
        """Always."""
        return True

    async def accept(
        self,
        envelope: Envelope,
        octets: bytes,  # noqa: ARG002 - part of the contract
        *,
        tenant: TenantId,
        received_ms: int,  # noqa: ARG002
        may_report: Proof | None = None,  # noqa: ARG002
    ) -> None:
        """Note it."""
        self.accepted.append((envelope.recipients, tenant))


class NotHere:
    """Puts off one domain."""

    @hook
    async def recipient(self, recipient: Address) -> PutOff | None:
        return PutOff("later") if recipient.domain == "host.example" else None


async def test_the_next_recipient_may_be_of_another_tenant() -> None:
    """Otherwise no try would ever reach the second one: the first is put off again, and it with it."""
    delivery = Delivery()
    role = MxRole(delivery, TwoTenants(), SmtpSettings(), hostname="mx.example")
    octets = (
        b"EHLO x.example\r\nMAIL FROM:<a@far.example>\r\nRCPT TO:<b@host.example>\r\n"
        b"RCPT TO:<x@other.example>\r\nDATA\r\n\r\n.\r\n"
    )
    said = await converse(hooked(role, NotHere()), octets)
    assert codes(said)[3:] == [b"451", b"250", b"354", b"250"]
    assert delivery.accepted == [((Address("x", "other.example"),), TenantId(2))]
