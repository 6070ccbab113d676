"""May this account send this message in this name, and to these recipients?

Standards: RFC 6409 sections 6.1 and 8.2 (checking and refusing senders), RFC 5322 sections 3.6.2 and 3.6.6.

Theory: what a reader takes for the author must be the account's, or one that it may send as: From, and Sender
and the Resent- fields where they are. Programs differ in which of two From fields, or of two addresses in
one, they show; so there may be one field with one address only. Who only writes on behalf of From is named in
Sender, which is put in where it is missing; a Resent-From of that kind needs a Resent-Sender of its own. The
null reverse-path is allowed, since disposition notifications need it (RFC 8098 section 3).
"""

import re
from typing import Final

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.errors import Forbidden
from pymailcore.base.ids import AccountId
from pymailcore.directory.directory import Directory
from pymailcore.directory.send_rights import NONE, ON_BEHALF
from pymailcore.directory.types import Principal
from pymailcore.message.complete import field_values, header_addresses

MAX_AUTHOR_OCTETS: Final = 4_096

_APART: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"|\([^()]*+\)', re.DOTALL)  # quoted strings and comments


class ReversePathNotYours(Forbidden):
    """The envelope's sender is an address that the account may not write as."""


async def authorise(
    directory: Directory, principal: Principal, envelope: Envelope, octets: bytes
) -> Address | None:
    """Refuse a message that names others as its sender, or goes to a group that is closed to the account.

    Args:
        octets: the message, all lines ended with CRLF.

    Returns:
        What is to stand in Sender, when From is written on behalf of somebody and there is no Sender.

    Raises:
        ReversePathNotYours: the reverse-path is not the account's.
        Forbidden: From, Sender or a Resent- field is not the account's; or it may not post.
    """
    account = principal.account
    if envelope.reverse_path is not None and not await directory.send_standing(
        account, envelope.reverse_path
    ):
        raise ReversePathNotYours("the envelope sender is not yours")
    _check_form(octets)
    behalf = await _standings(directory, account, octets, "From")
    for name in ("Sender", "Resent-Sender"):
        if await _standings(directory, account, octets, name):
            raise Forbidden(f"the address in {name} is not yours")
    resent = await _standings(directory, account, octets, "Resent-From")
    if resent and not field_values(octets, "Resent-Sender"):
        raise Forbidden("Resent-From on behalf of somebody needs a Resent-Sender")
    for recipient in envelope.recipients:
        await _may_post(directory, principal, recipient)
    if not behalf or field_values(octets, "Sender"):
        return None
    return (await directory.addresses_of(account))[0]


async def _standings(directory: Directory, account: AccountId, octets: bytes, name: str) -> bool:
    """Check the addresses of a field; gives whether one is only written on behalf of its owner.

    Raises:
        Forbidden: one is not the account's to write as.
    """
    if not field_values(octets, name):
        return False
    behalf = False
    addresses = header_addresses(octets, name)
    if not addresses:
        raise Forbidden(f"{name} names nobody")
    for given in addresses:
        address = Address.parse(given.email)
        standing = NONE if address is None else await directory.send_standing(account, address)
        if standing == NONE:
            raise Forbidden(f"the address in {name} is not yours")
        behalf = behalf or standing == ON_BEHALF
    return behalf


async def _may_post(directory: Directory, principal: Principal, recipient: Address) -> None:
    if not await directory.is_local_domain(recipient.domain):
        return
    route = await directory.route(recipient)
    if not await directory.may_post(route, account=principal.account, tenant=principal.tenant):
        raise Forbidden(f"you may not write to {recipient}")


def _check_form(octets: bytes) -> None:
    """Refuse From and Sender in forms that programs show differently."""
    if len(field_values(octets, "From")) != 1:
        raise Forbidden("there must be one From field")
    if len(header_addresses(octets, "From")) != 1:
        raise Forbidden("there must be one address in From")
    if len(field_values(octets, "Sender")) > 1:
        raise Forbidden("there must be no more than one Sender field")
    for name in ("From", "Sender"):
        if not all(_is_plain(raw) for raw in field_values(octets, name)):
            raise Forbidden(f"{name} can be read in more than one way")


def _is_plain(raw: bytes) -> bool:
    """Whether all programs must find the same address: one `@`, angle brackets only around it and last.

    Stricter than RFC 5322 section 4.4 allows, because programs read broken forms differently.
    Lenient in one point: programs write `me@here <me@here>` without quotes, and that is the same either way.
    """
    if len(raw) > MAX_AUTHOR_OCTETS:
        return False
    rest = _APART.sub(b"", raw).strip()
    if b'"' in rest:
        return False
    if b"<" not in rest and b">" not in rest:
        return rest.count(b"@") == 1
    phrase, _, path = rest.partition(b"<")
    if not path.endswith(b">") or path.count(b"@") != 1 or rest.count(b"<") + rest.count(b">") != 2:
        return False
    return b"@" not in phrase or phrase.strip().lower() == path[:-1].strip().lower()
