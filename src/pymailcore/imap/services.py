"""What the IMAP server needs from others.

The store is `pymailcore.store.store.Store`; the directory and the change hub are seen through these small
interfaces, so that tests can put simple ones in their place.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from pymailcore.base.budget import MailDataBudget
from pymailcore.directory.sign_in import SignIn
from pymailcore.directory.types import Principal
from pymailcore.imap.places import Places
from pymailcore.runtime.claims import Claims
from pymailcore.runtime.metrics import Metrics
from pymailcore.store.store import Store


class People(SignIn, Protocol):
    """The directory: directory.directory.Directory."""

    async def administers(self, principal: Principal) -> bool:
        """Whether somebody administers the tenant that he belongs to."""
        ...

    def note_ids(self, principal: Principal, method: str, given: Iterable[str], *, peer: str) -> None:
        """Take note that somebody has asked with ids that may be somebody else's."""
        ...


class Watch(Protocol):
    """Waits for news of one account."""

    async def changed(self) -> int:
        """Wait for a modseq newer than the one last returned."""
        ...


class Hub(Protocol):
    """Change notices: runtime.hub.ChangeHub."""

    def current(self, channel: int) -> int:
        """The newest modseq heard of for an account, or 0."""
        ...

    def watch(self, channel: int) -> AbstractContextManager[Watch]:
        """Watch an account from now on."""
        ...


class Wire(Protocol):
    """What a command may do with its connection while it runs."""

    async def flush(self) -> None:
        """Send what is due; returns when the peer has room for more."""
        ...

    async def receive(self) -> None:
        """Give the core what the peer sends next; ends the conversation when the peer is silent too long."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """All that stands behind the wire.

    Attributes:
        budget: what messages in transit may take in this process.
        places: who may do dear work now.
        now_ms: milliseconds since 1970.
        jmap_url: where clients find JMAP for the same mail; empty for nowhere.
        claims: takes note of what peers say about where they come from.
    """

    store: Store
    directory: People
    hub: Hub
    metrics: Metrics
    budget: MailDataBudget
    places: Places
    now_ms: Callable[[], int]
    jmap_url: str = ""
    claims: Claims = field(default_factory=Claims)
