"""GETQUOTA and GETQUOTAROOT.

Standards: RFC 9208 sections 4.1 and 5 (STORAGE, MESSAGE, MAILBOX).

An account is one quota root, whose name is empty. Limits that a domain or a tenant shares are no roots: what
others hold is not an account's business. They hold all the same, and OVERQUOTA tells of them.
"""

from typing import Final

from pymailcore.imap.protocol import commands as c
from pymailcore.imap.protocol.responses import Status, no, ok
from pymailcore.imap.session import Session

ROOT: Final = b""
NO_ROOT: Final = no("There is no such quota root", b"NONEXISTENT")

_UNIT: Final = 1024


async def get_quota(session: Session, command: c.GetQuota) -> Status:
    """GETQUOTA."""
    if command.root != ROOT:
        return NO_ROOT
    await session.send(await _quota(session))
    return ok("Done")


async def get_quota_root(session: Session, command: c.GetQuotaRoot) -> Status:
    """GETQUOTAROOT; the Mailbox need not be there."""
    await session.send(b'* QUOTAROOT %b ""\r\n' % session.name(command.mailbox) + await _quota(session))
    return ok("Done")


async def _quota(session: Session) -> bytes:
    """Write what has a limit; nothing stands in the list where nothing has."""
    limits, held = await session.store.quotas.of_account(session.account)
    resources = (
        (b"STORAGE", _UNIT, held.octets, limits.octets),
        (b"MESSAGE", 1, held.emails, limits.emails),
        (b"MAILBOX", 1, held.mailboxes, limits.mailboxes),
    )
    listed = [
        b"%b %d %d" % (name, -(-(used or 0) // unit), -(-limit // unit))
        for name, unit, used, limit in resources
        if limit is not None
    ]
    return b'* QUOTA "" (%b)\r\n' % b" ".join(listed)
