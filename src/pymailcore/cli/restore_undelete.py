"""`pymailcore restore --at`, `--message`: expunged mail, from the store itself.

Times are RFC 3339; without a zone they are the server's local time; `90m`, `3h` and `2d` are so long ago.
"""

import re
import time
from datetime import datetime
from typing import Final

from pymailcore.app.core import Core
from pymailcore.base.address import Address
from pymailcore.base.errors import NotFound
from pymailcore.base.ids import EMAIL, EmailId, decode_id
from pymailcore.cli.common import Failure
from pymailcore.cli.transferring import account_of
from pymailcore.store.types import Restored

COLUMNS: Final = ("mailbox", "messages", "made")
"""What `undelete` tells of each Mailbox: its path, how many messages came back, whether it was made again."""

_AGO: Final = re.compile(r"(\d{1,6})([mhd])\Z", re.ASCII)
_UNIT_MS: Final = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}


def parse_moment(text: str, now_ms: int) -> int:
    """Read a time as milliseconds since 1970.

    Raises:
        Failure: it is none, or lies in the future.
    """
    ago = _AGO.match(text.strip())
    if ago is not None:
        return now_ms - int(ago[1]) * _UNIT_MS[ago[2]]
    try:
        at_ms = int(datetime.fromisoformat(text.strip()).astimezone().timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        raise Failure(
            f"{text!r} is no time; give 2026-11-20T10:00:00Z, 2026-11-20 10:00 or 3h for three hours ago"
        ) from None
    if at_ms > now_ms:
        raise Failure(f"{text} lies in the future")
    return at_ms


async def undelete(
    core: Core,
    *,
    account: str,
    at: str | None,
    mailbox: str | None,
    message: str | None,
    only_deleted: bool = False,
    dry_run: bool = False,
) -> list[dict[str, object]]:
    """Bring expunged mail back; tells what came back to which Mailbox.

    Args:
        account: its address.
        at: the moment as of which; None for a single message goes to the Mailbox that it left last.
        mailbox: path of the only Mailbox; for a single message without `at`, the Mailbox that it goes to.
        message: the id that an Email had.
        only_deleted: nothing that is in another Mailbox now.
        dry_run: change nothing.

    Raises:
        Failure: something named is not there, or not understood.
        NotFound: no such account.
        OverQuota: it does not fit.
    """
    address = Address.parse(account)
    if address is None:
        raise Failure(f"{account!r} is no mail address")
    owner = (await account_of(core, address)).id
    email = None if message is None else decode_id(EMAIL, message)
    if message is not None and email is None:
        raise Failure(f"{message!r} is no id of an Email")
    service = core.store.undelete
    try:
        if at is not None:
            emails = None if email is None else [EmailId(email)]
            at_ms = parse_moment(at, time.time_ns() // 1_000_000)
            done = await service.restore(
                owner, at_ms=at_ms, path=mailbox, emails=emails, moved=not only_deleted, dry_run=dry_run
            )
        elif email is not None:
            to = None if mailbox is None else await core.store.mailbox_named(owner, mailbox)
            if mailbox is not None and to is None:
                raise Failure(f"{account} has no Mailbox {mailbox}")
            done = await service.restore_emails(
                owner, [EmailId(email)], to=None if to is None else to.id, dry_run=dry_run
            )
        else:
            raise Failure("as of when? give --at TIME, or --message ID")
    except NotFound:
        raise Failure(f"{account} had no Mailbox {mailbox} then") from None
    if email is not None and not done.mailboxes:
        raise Failure(f"{message} cannot be brought back: it is there, or gone for good")
    return _rows(done)


def _rows(done: Restored) -> list[dict[str, object]]:
    return [{"mailbox": one.path, "messages": one.messages, "made": one.made} for one in done.mailboxes]
