"""States of a conversation: which command each allows, and where a command leads.

Standards: RFC 3501 section 3.
"""

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pymailcore.imap.protocol import commands as c
from pymailcore.imap.protocol.responses import Status, bad


class State(enum.Enum):
    """Where the conversation stands; RFC 3501 section 3."""

    CONNECTED = enum.auto()  # no greeting yet
    NOT_AUTHENTICATED = enum.auto()
    AUTHENTICATED = enum.auto()
    SELECTED = enum.auto()
    CLOSED = enum.auto()  # nothing more will be read


_BEFORE: Final = frozenset({State.NOT_AUTHENTICATED})
_AFTER: Final = frozenset({State.AUTHENTICATED, State.SELECTED})
_SELECTED: Final = frozenset({State.SELECTED})
_ALWAYS: Final = _BEFORE | _AFTER
ALLOWED: Final[Mapping[type[c.Command], frozenset[State]]] = MappingProxyType(
    {
        c.Capability: _ALWAYS,
        c.Noop: _ALWAYS,
        c.Logout: _ALWAYS,
        c.Id: _ALWAYS,
        c.StartTls: _BEFORE,
        c.Login: _BEFORE,
        c.Authenticate: _BEFORE,
        c.Enable: _AFTER,
        c.Namespace: _AFTER,
        c.Idle: _AFTER,
        c.Select: _AFTER,
        c.Create: _AFTER,
        c.Delete: _AFTER,
        c.Rename: _AFTER,
        c.Subscribe: _AFTER,
        c.List: _AFTER,
        c.Lsub: _AFTER,
        c.Xlist: _AFTER,
        c.StatusOf: _AFTER,
        c.GetQuota: _AFTER,
        c.GetQuotaRoot: _AFTER,
        c.Compress: _AFTER,
        c.Unauthenticate: _AFTER,
        c.GetJmapAccess: _AFTER,
        c.GetMetadata: _AFTER,
        c.SetMetadata: _AFTER,
        c.Append: _AFTER,
        c.Replace: _SELECTED,
        c.Check: _SELECTED,
        c.Close: _SELECTED,
        c.Expunge: _SELECTED,
        c.Search: _SELECTED,
        c.Sort: _SELECTED,
        c.Thread: _SELECTED,
        c.CannotSearch: _SELECTED,
        c.Fetch: _SELECTED,
        c.StoreFlags: _SELECTED,
        c.Copy: _SELECTED,
    }
)
AFTER_OK: Final[Mapping[type[object], State]] = MappingProxyType(
    {
        c.Login: State.AUTHENTICATED,
        c.Authenticate: State.AUTHENTICATED,
        c.Select: State.SELECTED,
        c.Close: State.AUTHENTICATED,
        c.Unauthenticate: State.NOT_AUTHENTICATED,
        c.Logout: State.CLOSED,
    }
)
WRONG_STATE: Final[Mapping[State, Status]] = MappingProxyType(
    {
        State.NOT_AUTHENTICATED: bad("Log in first"),
        State.AUTHENTICATED: bad("Not now: no mailbox is selected, or you are logged in already"),
        State.SELECTED: bad("Not now: you are logged in already"),
    }
)
