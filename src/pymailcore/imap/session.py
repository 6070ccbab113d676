"""What a connection knows between commands, and the tools that commands share.

Standards: RFC 3501 sections 3 and 5.2 (a server sends what has changed).
"""

import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import trio

from pymailcore.base.errors import NotFound, TemporaryFailure
from pymailcore.base.ids import AccountId
from pymailcore.directory.presence import Place
from pymailcore.directory.types import Principal
from pymailcore.imap.protocol.enabled import Enabled
from pymailcore.imap.protocol.responses import Status, bye, mailbox
from pymailcore.imap.protocol.server import ImapServerProtocol
from pymailcore.imap.services import Services, Wire
from pymailcore.imap.settings import ImapSettings
from pymailcore.imap.view import View
from pymailcore.runtime.logs import Logger
from pymailcore.sasl.registry import Offer
from pymailcore.sasl.steps import Mechanism
from pymailcore.store.store import Store
from pymailcore.store.types import FetchRow, Mailbox, Want

FLUSH_OCTETS: Final = 262_144
NOTHING_TOLD: Final[Mapping[int, int]] = MappingProxyType({})


class Session:
    """One connection, from greeting to farewell.

    Attributes:
        secure: the connection is encrypted.
        offer: how a client may log in now (RFC 8314 section 4.1: only over TLS, but for loopback tests).
        certificate: the client's, DER, verified; None when it gave none.
        refusal: the answer to AUTHENTICATE, once the client has heard why it failed.
        may_start_tls: STARTTLS is offered.
        compressed: both sides compress (RFC 4978).
        compress: COMPRESS was accepted: the driver begins it once the answer is sent.
        left: UNAUTHENTICATE was accepted: the driver begins anew once the answer is sent.
        upgrade: STARTTLS was accepted: the driver takes TLS up once the answer is sent.
        farewell: BYE, to be said behind the answer to the running command.
        client: what the program says that it is (RFC 2971).
        place: among those who are signed in, once it is.
        proven: who logs in, once the client has heard our own proof.
        told: modseq by UID of flags that the running command has told the client.
    """

    def __init__(
        self,
        protocol: ImapServerProtocol,
        wire: Wire,
        services: Services,
        settings: ImapSettings,
        *,
        peer: str,
        log: Logger,
        secure: bool,
        offer: Offer,
        certificate: bytes | None,
        may_start_tls: bool,
    ) -> None:
        self.protocol = protocol
        self.wire = wire
        self.services = services
        self.settings = settings
        self.peer = peer
        self.client = ""
        self.place: Place | None = None
        self.log = log
        self.secure = secure
        self.offer = offer
        self.certificate = certificate
        self.may_start_tls = may_start_tls
        self.upgrade = False
        self.compressed = False
        self.compress = False
        self.left = False
        self.farewell: Status | None = None
        self.failed_logins = 0
        self.mechanism: Mechanism | None = None
        self.mechanism_name = ""
        self.refusal: Status | None = None
        self.proven: Principal | None = None
        self.principal: Principal | None = None
        self.view: View | None = None
        self.told: Mapping[int, int] = NOTHING_TOLD
        self._notice = 0
        self._modseq = 0
        self._recheck_at = 0.0
        self._due = 0

    @property
    def enabled(self) -> Enabled:
        """What the client has switched on."""
        return self.protocol.enabled

    @property
    def store(self) -> Store:
        """The message store."""
        return self.services.store

    @property
    def whose(self) -> Principal:
        """Who has logged in; only once somebody has."""
        if self.principal is None:
            raise RuntimeError("a command of the authenticated state before login")
        return self.principal

    @property
    def account(self) -> AccountId:
        """Whose mail this is; only once somebody has logged in."""
        return self.whose.account

    @property
    def may_only_read(self) -> bool:
        """Whether the secret that was used to log in is for reading only."""
        return self.principal is not None and self.principal.read_only

    @property
    def selected(self) -> View:
        """The selected Mailbox; only in the selected state."""
        if self.view is None:
            raise RuntimeError("a command of the selected state without a Mailbox")
        return self.view

    async def send(self, octets: bytes) -> None:
        """Say something untagged; waits for the peer when much is due."""
        self.protocol.send(octets)
        self._due += len(octets)
        if self._due >= FLUSH_OCTETS:
            await self.flush()

    async def flush(self) -> None:
        """Send all that is due."""
        self._due = 0
        await self.wire.flush()

    def name(self, path: str) -> bytes:
        """Write the name of a Mailbox as the client reads it now."""
        return mailbox(path, utf8=self.enabled.utf8)

    async def mailbox(self, name: str) -> Mailbox:
        """Find a Mailbox by the name that the client uses.

        Raises:
            NotFound: there is none.
        """
        found = await self.store.mailbox_named(self.account, store_path(name))
        if found is None:
            raise NotFound("no such Mailbox")
        return found

    def select(self, view: View | None, notice: int) -> None:
        """Take a view, or none; `notice` is what the hub said before the view was read."""
        self.view = view
        self._notice = notice
        self._modseq = 0
        self._recheck_at = trio.current_time() + self.settings.recheck_seconds

    async def enable_condstore(self) -> None:
        """The client wants to be told of mod-sequences from now on (RFC 7162 section 3.1)."""
        if not self.enabled.condstore:
            self.enabled.condstore = True
            if self.view is not None:
                await self.send(self.view.highest_modseq())

    async def catch_up(self) -> int:
        """Tell what has changed so far, but no EXPUNGE; gives the account's modseq up to which that is all.

        For a change of flags that is not told: what others have changed must not pass for part of it.
        """
        self.look_again()
        await self.sync(expunge=False)
        return self._modseq

    def look_again(self) -> None:
        """This session has changed something: look, whatever the hub says."""
        self._recheck_at = 0.0

    async def sync(self, *, expunge: bool) -> None:
        """Tell the client what has changed in the selected Mailbox.

        Costs nothing while the hub has no news and the last look is recent, and next to nothing when
        another look finds the account's modseq where it was.
        """
        view = self.view
        if view is None:
            return
        unsure = False
        notice = self.services.hub.current(self.account)
        now = trio.current_time()
        told, self.told = self.told, NOTHING_TOLD
        if notice != self._notice or now >= self._recheck_at or told:
            try:
                modseq = (await self.store.states(self.account)).modseq
                if modseq != self._modseq:
                    await self._look(view, expunge=expunge, told=told)
                    self._modseq = modseq
            except TemporaryFailure as fault:
                self.log.warning("the selected Mailbox cannot be read now", fault=repr(fault))
                unsure = True
            else:
                self._notice = notice
                self._recheck_at = now + self.settings.recheck_seconds
        if expunge and view.waiting:
            for response in view.say_expunged():
                await self.send(response)
        if self.enabled.condstore and (unsure or view.waiting):  # RFC 7162 section 3.2
            await self.send(view.highest_modseq())

    async def _look(self, view: View, *, expunge: bool, told: Mapping[int, int]) -> None:
        delta = await self.store.delta(self.account, view.mailbox, view.modseq)
        if delta is not None:
            responses = view.apply(delta, expunge=expunge, told=told)
        else:
            try:
                snapshot = await self.store.snapshot(self.account, view.mailbox)
            except NotFound:
                self.view = None
                self.protocol.close(bye("The selected mailbox was deleted"))
                return
            responses = view.renew(snapshot, await self._changed(view), expunge=expunge)
        for response in responses:
            await self.send(response)

    async def _changed(self, view: View) -> tuple[FetchRow, ...]:
        """Rows of the view with a modseq that it has not seen."""
        changed: list[FetchRow] = []
        low, limit = 1, self.settings.fetch_rows
        while low <= view.last_uid:
            ranges = ((low, view.last_uid),)
            rows = await self.store.fetch(self.account, view.mailbox, ranges, Want.NONE, limit=limit)
            changed += [row for row in rows if row.modseq > view.modseq]
            if len(rows) < limit:
                break
            low = rows[-1].uid + 1
        return tuple(changed)


def store_path(name: str) -> str:
    """Turn a client's name into the store's: NFC, `INBOX` in any case as `INBOX`, no separator at the end."""
    first, slash, rest = unicodedata.normalize("NFC", name).removesuffix("/").partition("/")
    return ("INBOX" if first.upper() == "INBOX" else first) + slash + rest
