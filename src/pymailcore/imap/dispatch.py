"""From a command to the function that does it.

Standards: RFC 3501 section 7.4.1: no EXPUNGE while FETCH, STORE or SEARCH is answered; RFC 5256 section 3:
nor while SORT or THREAD is; RFC 9586 (UIDONLY).
"""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from pymailcore.base.errors import MailError, TemporaryFailure
from pymailcore.imap.commands.append import append, replace
from pymailcore.imap.commands.connection import compress, get_jmap_access, unauthenticate
from pymailcore.imap.commands.copy import copy
from pymailcore.imap.commands.fetch import fetch
from pymailcore.imap.commands.flags import store_flags
from pymailcore.imap.commands.list import list_mailboxes, lsub, xlist
from pymailcore.imap.commands.login import (
    authenticate,
    capability,
    enable,
    identify,
    login,
    logout,
    noop,
    start_tls,
)
from pymailcore.imap.commands.mailboxes import (
    create,
    delete,
    namespace,
    rename,
    subscribe,
)
from pymailcore.imap.commands.metadata import get_metadata, set_metadata
from pymailcore.imap.commands.quota import get_quota, get_quota_root
from pymailcore.imap.commands.search import cannot_search, search
from pymailcore.imap.commands.select import check, close, expunge, select
from pymailcore.imap.commands.sort import sort
from pymailcore.imap.commands.status import status
from pymailcore.imap.commands.thread import thread
from pymailcore.imap.errors import NOPERM, UID_REQUIRED, refusal
from pymailcore.imap.protocol import commands as c
from pymailcore.imap.protocol.responses import Status
from pymailcore.imap.protocol.search_keys import has_numbers
from pymailcore.imap.session import Session

_BY_NUMBER: Final = (c.Fetch, c.StoreFlags, c.Search, c.Sort, c.Thread, c.CannotSearch)

_Handler = Callable[[Session, Any], Awaitable[Status | None]]

HANDLERS: Final[Mapping[type[c.Command], _Handler]] = MappingProxyType(
    {
        c.Capability: capability,
        c.Noop: noop,
        c.Logout: logout,
        c.Id: identify,
        c.StartTls: start_tls,
        c.Login: login,
        c.Authenticate: authenticate,
        c.Enable: enable,
        c.Namespace: namespace,
        c.Select: select,
        c.Create: create,
        c.Delete: delete,
        c.Rename: rename,
        c.Subscribe: subscribe,
        c.List: list_mailboxes,
        c.Lsub: lsub,
        c.Xlist: xlist,
        c.StatusOf: status,
        c.GetQuota: get_quota,
        c.GetQuotaRoot: get_quota_root,
        c.Compress: compress,
        c.Unauthenticate: unauthenticate,
        c.GetJmapAccess: get_jmap_access,
        c.GetMetadata: get_metadata,
        c.SetMetadata: set_metadata,
        c.Append: append,
        c.Replace: replace,
        c.Check: check,
        c.Close: close,
        c.Expunge: expunge,
        c.Search: search,
        c.Sort: sort,
        c.Thread: thread,
        c.CannotSearch: cannot_search,
        c.Fetch: fetch,
        c.StoreFlags: store_flags,
        c.Copy: copy,
    }
)
"""Every command but IDLE, which the driver serves in two tasks."""


READING: Final = frozenset(
    {
        c.Capability,
        c.Noop,
        c.Logout,
        c.Id,
        c.StartTls,
        c.Login,
        c.Authenticate,
        c.Enable,
        c.Namespace,
        c.Idle,
        c.Select,
        c.List,
        c.Lsub,
        c.Xlist,
        c.StatusOf,
        c.GetQuota,
        c.GetQuotaRoot,
        c.Compress,
        c.Unauthenticate,
        c.GetJmapAccess,
        c.GetMetadata,
        c.Check,
        c.Close,
        c.Search,
        c.Sort,
        c.Thread,
        c.CannotSearch,
        c.Fetch,
    }
)
"""All that a secret is good for that may only read; a Mailbox is then selected read-only."""


async def perform(session: Session, command: c.Command) -> Status | None:
    """Do a command and tell what has changed; gives its tagged response, None when a challenge was sent."""
    session.services.metrics.commands.labels("imap", type(command).__name__.lower()).inc()
    try:
        if session.enabled.uid_only and _names_numbers(command):
            answer: Status | None = UID_REQUIRED
        elif session.may_only_read and type(command) not in READING:
            answer = NOPERM
        else:
            answer = await HANDLERS[type(command)](session, command)
    except MailError as outcome:
        answer = refusal(outcome)
        if isinstance(outcome, TemporaryFailure) or answer is refusal(MailError()):
            session.log.warning("command failed", command=type(command).__name__, fault=repr(outcome))
    if session.view is not None:
        await session.sync(expunge=not _uses_numbers(command))
    return answer


def _names_numbers(command: c.Command) -> bool:
    """Whether a command names messages by number, or asks for numbers (RFC 9586)."""
    return _uses_numbers(command) or (isinstance(command, c.Copy | c.Replace) and not command.uid)


def _uses_numbers(command: c.Command) -> bool:
    """Whether numbers must stay as they are while this is answered (RFC 7162 section 3.2.10.2)."""
    if isinstance(command, c.Search | c.Sort | c.Thread) and has_numbers(command.key):
        return True
    return isinstance(command, _BY_NUMBER) and not command.uid
