"""What somebody sends in the name of others stands in the audit log.

Contract: the record is on disk before the message is kept, so that nothing goes out without one. What is
refused after that, such as by a limit, has a record, too: it was tried.
"""

from collections.abc import Iterator
from typing import Final

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.directory.actors import Actor
from pymailcore.directory.directory import Directory
from pymailcore.directory.send_rights import ON_BEHALF, SEND_AS
from pymailcore.directory.types import Principal
from pymailcore.message.complete import header_addresses

_NAMES: Final = ("From", "Sender", "Resent-From", "Resent-Sender")


async def record(
    directory: Directory, principal: Principal, envelope: Envelope, octets: bytes, *, peer: str
) -> None:
    """Record that a message, which may be sent, names others as its sender: `mail.send-as`, `mail.on-behalf`.

    Nothing is recorded of a message in which all names are the account's own. One that names several has one
    record, of the first.
    """
    if not await directory.send_rights.holds_any(principal.account):
        return
    for address in _names(envelope, octets):
        kind = await directory.send_standing(principal.account, address)
        if kind in (SEND_AS, ON_BEHALF):
            actor = Actor.owner(principal.name, principal.account, principal.tenant, peer=peer)
            await directory.audit.note(
                actor,
                f"mail.{kind}",
                str(address),
                tenant=principal.tenant,
                new={"recipients": len(envelope.recipients)},
            )
            return


def _names(envelope: Envelope, octets: bytes) -> Iterator[Address]:
    """Whom a message names as its sender; the author first."""
    for name in _NAMES:
        for given in header_addresses(octets, name):
            address = Address.parse(given.email)
            if address is not None:
                yield address
    if envelope.reverse_path is not None:
        yield envelope.reverse_path
