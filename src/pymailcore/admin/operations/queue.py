"""The outbound queue."""

from typing import Annotated, Final, TypedDict

import msgspec

from pymailcore.admin import finders
from pymailcore.admin.operation import Arguments, Call, Operation, Record, moment, read_address, read_domain
from pymailcore.base.errors import InvalidValue
from pymailcore.base.ids import AccountId, decode_id, encode_id
from pymailcore.directory.permissions import Permission
from pymailcore.queue.queue import Check
from pymailcore.queue.types import Entry

QUEUED: Final = "q"
"""First letter of the id of a queued message."""


class Some(Arguments):
    """Which recipients; `after`: id and recipient of the last one of the page before."""

    after: tuple[str, str] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 1_000


class Which(Arguments):
    """Recipients of one message, of one domain, of all that an account has sent, or all."""

    message: str | None = None
    domain: str | None = None
    account: str | None = None


async def _list(call: Call, given: Some) -> Record:
    start = (0, "") if given.after is None else (_number(given.after[0]), given.after[1])
    entries = await call.queue.entries(after=start, limit=given.limit)
    items = [_record(entry) for entry in entries]
    more = [items[-1]["id"], items[-1]["recipient"]] if len(items) >= given.limit else None
    return {"items": items, "next": more}


async def _retry(call: Call, given: Which) -> Record:
    return {"count": await call.queue.retry(**await _chosen(call, given, "queue.retry"))}


async def _release(call: Call, given: Which) -> Record:
    return {"count": await call.queue.release(**await _chosen(call, given, "queue.release"))}


async def _drop(call: Call, given: Which) -> Record:
    return {"count": await call.queue.drop(**await _chosen(call, given, "queue.drop"))}


def _number(text: str) -> int:
    number = decode_id(QUEUED, text)
    if number is None:
        raise InvalidValue(f"{text!r} is no id of the queue")
    return number


class _Chosen(TypedDict):
    """Arguments of `Queue.retry` and its like."""

    message: int | None
    domain: str | None
    account: AccountId | None
    check: Check


async def _chosen(call: Call, given: Which, action: str) -> _Chosen:
    """Which recipients, and what records the action in the transaction that takes it."""
    account = (
        None if given.account is None else await call.directory.accounts.get(read_address(given.account))
    )
    message = None if given.message is None else _number(given.message)
    domain = None if given.domain is None else read_domain(given.domain)
    subject = [
        "" if message is None else f"message {given.message}",
        "" if domain is None else f"to {domain}",
        "" if account is None else f"from {account.name}",
    ]
    check = call.directory.audit.beside(
        call.actor,
        action,
        " ".join(filter(None, subject)) or "everything",
        tenant=None if account is None else account.tenant,
    )
    return _Chosen(
        message=message, domain=domain, account=None if account is None else account.id, check=check
    )


def _record(entry: Entry) -> Record:
    return {
        "id": encode_id(QUEUED, entry.id),
        "recipient": entry.recipient,
        "sender": entry.sender,
        "state": entry.state,
        "tries": entry.tries,
        "next_try": moment(entry.next_try_ms),
        "size_octets": entry.size_octets,
        "created": moment(entry.created_ms),
        "last_reply": entry.last_reply,
    }


_ALL = (finders.installation,)

OPERATIONS = (
    Operation(name="queue.list", permission=Permission.QUEUE_READ, arguments=Some, run=_list, finders=_ALL),
    Operation(name="queue.retry", permission=Permission.QUEUE_WRITE, arguments=Which, run=_retry,
              finders=_ALL),
    Operation(name="queue.release", permission=Permission.QUEUE_WRITE, arguments=Which, run=_release,
              finders=_ALL),
    Operation(name="queue.drop", permission=Permission.QUEUE_WRITE, arguments=Which, run=_drop, finders=_ALL),
)  # fmt: skip
"""All of this module."""
