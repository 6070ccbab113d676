"""What JMAP needs of the packages below, as narrow protocols, and the bundle that methods are given."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from pymailcore.base.envelope import Envelope
from pymailcore.base.ids import AccountId, IdMint
from pymailcore.delivery.delivery import Accepted
from pymailcore.directory.types import Identity, Principal
from pymailcore.jmap.asgi import HttpRequest
from pymailcore.jmap.settings import JmapSettings
from pymailcore.smtp.protocol.options import ServerOptions
from pymailcore.store.store import Store
from pymailcore.store.types import StoredMessage, Transaction
from pymailcore.submission.submission import Origin

PROTOCOL: Final = "jmap"
"""What the secrets are called that may be used with requests, and who is connected here."""


class Authenticator(Protocol):
    """Finds out whose request this is; `web` supplies it from cookies and `directory`."""

    async def authenticate(self, request: HttpRequest) -> Principal | None:
        """Give the principal, or None when the request carries no credentials, or only ones that ended.

        Raises:
            Forbidden: the password is wrong, or a cookie came with a request from another origin.
            TemporaryFailure: too many attempts.
        """
        ...

    async def still_valid(self, request: HttpRequest) -> bool:
        """Whether a sign-in that `authenticate` found good still is; for streams that stay open."""
        ...


class Directory(Protocol):
    """What methods ask of the directory; `directory.directory.Directory` is one."""

    def here(
        self, principal: Principal, end: Callable[[], None], *, protocol: str, peer: str, client: str = ""
    ) -> AbstractContextManager[object]:
        """Hold a place for a stream that stays open; `end` is called when its sign-in counts no more."""
        ...

    async def identities(self, account: AccountId) -> Sequence[Identity]:
        """All identities of an account."""
        ...

    async def update_identity(
        self,
        account: AccountId,
        identity: int,
        *,
        name: str | None = None,
        text_signature: str | None = None,
        html_signature: str | None = None,
    ) -> int:
        """Change an identity; None leaves a thing as it is.

        Raises:
            NotFound: the account has no such identity.
        """
        ...

    def note_ids(self, principal: Principal, method: str, given: Iterable[str], *, peer: str) -> None:
        """Take note that somebody has asked with ids that led to nothing."""
        ...


class Submission(Protocol):
    """Puts a message on its way; `submission.submission.Submission` is one."""

    async def submit(
        self,
        principal: Principal,
        envelope: Envelope,
        octets: bytes,
        *,
        origin: Origin,
        queued_as: int | None = None,
        also: Callable[[Transaction, StoredMessage], Awaitable[None]] | None = None,
    ) -> Accepted:
        """Send a message, all or nothing; `also` writes further rows of the same transaction.

        Raises:
            Forbidden: reverse-path, From or Sender is not the account's.
            MailError: the outcome, as its name says.
        """
        ...

    async def recall(
        self, tx: Transaction, principal: Principal, queued: int, *, recipients_count: int
    ) -> None:
        """Take back a message that waits for its release, inside the caller's transaction.

        Raises:
            StateMismatch: it has begun to leave.
        """
        ...


class Watch(Protocol):
    """A wait for changes of one channel; `runtime.hub.Watch` is one."""

    async def changed(self) -> int:
        """Wait for a value newer than the last one given."""
        ...


class Hub(Protocol):
    """Where changes are announced; `runtime.hub.ChangeHub` is one."""

    def watch(self, channel: int) -> AbstractContextManager[Watch]:
        """Begin to watch an account."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """All that methods are given.

    Attributes:
        publish: tells the change hub that an account is at a modseq.
        now_ms: milliseconds since 1970.
        random_hex: that many random octets as hexadecimal digits, for boundaries and Message-IDs.
        hostname: right side of Message-IDs.
        sending: what can be asked for with a message that is sent, as on the submission port.
    """

    store: Store
    directory: Directory
    submission: Submission
    ids: IdMint
    settings: JmapSettings
    publish: Callable[[int, int], None]
    now_ms: Callable[[], int]
    random_hex: Callable[[int], str]
    hostname: str
    sending: ServerOptions
