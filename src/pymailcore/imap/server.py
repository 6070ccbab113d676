"""Trio driver of the IMAP server: sockets, TLS and deadlines, no protocol rules.

Standards: RFC 3501 sections 5.4 (autologout) and 6.2.1 (STARTTLS), RFC 8314 section 3.3 (implicit TLS), RFC
4978 section 3 (COMPRESS), RFC 8437 section 4 (UNAUTHENTICATE).

One task reads, decides and writes; a second one waits for the server to shut down and then interrupts
reading, never a send. When the sign-in counts no more, reading is interrupted at once and a command after
some seconds. A client that sends octets in clear behind STARTTLS is turned away.

Deadlines count from our last response, not from the client's last octet: a command that comes one octet at a
time has no more time than one that comes whole, and the octets of a literal must keep up a rate.
"""

import contextlib
import functools
import secrets
from collections.abc import Callable
from typing import Final, Literal

import trio

from pymailcore.base.budget import MailDataBudget
from pymailcore.base.reach import acting_for
from pymailcore.imap.commands.idle import idle
from pymailcore.imap.commands.login import greeting, respond
from pymailcore.imap.compression import DeflateStream
from pymailcore.imap.dispatch import perform
from pymailcore.imap.places import Places
from pymailcore.imap.protocol import commands as c
from pymailcore.imap.protocol.events import Event, IdleDone, Opened, Requested, SaslResponse
from pymailcore.imap.protocol.responses import Status, bye, ok
from pymailcore.imap.protocol.server import ImapServerProtocol
from pymailcore.imap.protocol.states import State
from pymailcore.imap.services import Hub, People, Services
from pymailcore.imap.session import FLUSH_OCTETS, Session
from pymailcore.imap.settings import ImapSettings
from pymailcore.runtime.channel_binding import NO_FACTS, TlsFacts
from pymailcore.runtime.clock import now_ms as clock_now_ms
from pymailcore.runtime.command_turns import command_turns
from pymailcore.runtime.metrics import Metrics
from pymailcore.runtime.serve import Connection
from pymailcore.runtime.tls import TlsLogins
from pymailcore.sasl.registry import NOTHING, Offer, make_offer
from pymailcore.sasl.settings import SaslSettings
from pymailcore.store.store import Store

READ_OCTETS: Final = 65_536
DEFAULT_SASL: Final = SaslSettings()
_FAREWELL_SECONDS: Final = 2.0
PUT_OUT_SECONDS: Final = 3.0
"""How long a command may go on after the sign-in has ended."""

_PUT_OUT: Final = bye("Your sign-in has ended")

_GONE: Final = (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError)

TlsMode = Literal["none", "starttls", "implicit"]


async def serve_connection(
    connection: Connection,
    *,
    store: Store,
    directory: People,
    hub: Hub,
    settings: ImapSettings,
    metrics: Metrics,
    tls: TlsLogins | None,
    tls_mode: TlsMode,
    plaintext_login: bool = False,
    sasl: SaslSettings = DEFAULT_SASL,
    random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    budget: MailDataBudget | None = None,
    places: Places | None = None,
    now_ms: Callable[[], int] = clock_now_ms,
    jmap_url: str = "",
) -> None:
    """Drive one connection until either side ends it.

    A peer that vanishes, stops reading or stays silent is an ordinary end. Cancellation closes the
    connection without a farewell; a command whose OK was not sent may have been done or not, as after a
    broken line.

    Args:
        tls: may be None only when the mode is "none".
        plaintext_login: take passwords without TLS (loopback tests).
        random_bytes: gives that many random octets, for the nonces of logins.
        budget: for messages in transit, shared by all connections of the process; None for one's own.
        places: shared by all connections of the process; None for one's own.
        jmap_url: where clients find JMAP for the same mail; empty for nowhere.
    """
    services = Services(
        store=store,
        directory=directory,
        hub=hub,
        metrics=metrics,
        budget=budget or MailDataBudget(settings.message_octets),
        places=places or Places(searches=settings.searches_per_account),
        now_ms=now_ms,
        jmap_url=jmap_url,
    )
    offer = functools.partial(make_offer, sasl, random_bytes=random_bytes)
    driver = _Driver(connection, services, settings, tls, tls_mode, offer, plaintext_login=plaintext_login)
    try:
        async with trio.open_nursery() as nursery:
            driver.whole = nursery.cancel_scope
            nursery.start_soon(driver.watch_draining)
            await driver.run()
            nursery.cancel_scope.cancel()
    except* _GONE:
        connection.log.debug("peer vanished or stopped reading")
    finally:
        driver.release()


class _Driver:
    """One connection; also the `Wire` that commands see.

    Attributes:
        whole: what all of the connection runs in.
    """

    def __init__(
        self,
        connection: Connection,
        services: Services,
        settings: ImapSettings,
        tls: TlsLogins | None,
        tls_mode: TlsMode,
        offer: Callable[..., Offer],
        *,
        plaintext_login: bool,
    ) -> None:
        self._connection = connection
        self._services = services
        self._settings = settings
        self._tls = tls
        self._mode = tls_mode
        self._offer = offer
        self._plaintext_login = plaintext_login
        self._stream: trio.abc.Stream = connection.stream
        self._reading = trio.CancelScope()
        self._deadline = 0.0
        self._draining = False
        self._put_out = False
        self.whole = trio.CancelScope()
        self._placed = False
        self._place = contextlib.ExitStack()
        self._begin(State.CONNECTED, None)

    def _begin(self, state: State, facts: TlsFacts | None) -> None:
        """Begin a conversation: a new core and a session that knows nobody; no facts: in clear."""
        self._facts = facts
        offer, secure = NOTHING, facts is not None
        facts = facts or NO_FACTS
        if secure or self._plaintext_login:
            offer = self._offer(bindings=facts.bindings, certificate=facts.certificate is not None)
        self._protocol = ImapServerProtocol(
            message_octets=self._settings.message_octets,
            annotation_octets=self._services.store.sharing.annotation_limits.octets,
            state=state,
            budget=self._services.budget,
        )
        self._session = Session(
            self._protocol,
            self,
            self._services,
            self._settings,
            peer=self._connection.peer,
            log=self._connection.log,
            secure=secure,
            offer=offer,
            certificate=facts.certificate,
            may_start_tls=self._mode == "starttls" and not secure,
        )

    def release(self) -> None:
        """Give back what the connection takes of what is shared."""
        self._protocol.release()
        self._place.close()

    async def watch_draining(self) -> None:
        """Interrupt reading when the server shuts down."""
        await self._connection.draining.wait()
        self._draining = True
        self._reading.cancel()

    def _end_sign_in(self) -> None:
        """The sign-in counts no more: interrupt reading at once, and soon everything."""
        self._put_out = True
        self._reading.cancel()
        self.whole.deadline = trio.current_time() + PUT_OUT_SECONDS

    async def run(self) -> None:
        """Serve until the end."""
        if self._mode == "implicit":
            facts = await self._start_tls()
            if facts is None:
                return
            self._begin(State.CONNECTED, facts)
        while self._protocol.state is not State.CLOSED:
            event = self._protocol.next_event()
            if event is None:
                await self.flush()
                await self.receive()
            elif self._put_out:
                self._protocol.close(_PUT_OUT)
            else:
                await self._serve(event)
                self._extend()
                self._hold_place()
                if not await self._follow():
                    return
        await self.flush()
        with trio.move_on_after(_FAREWELL_SECONDS):
            await self._stream.aclose()

    async def _follow(self) -> bool:
        """Do what an answer has promised for behind it; False when the conversation cannot go on."""
        session = self._session
        if not (session.upgrade or session.compress or session.left):
            return True
        await self.flush()
        if session.upgrade:
            facts = await self._start_tls()
            if facts is None:
                return False
            self._begin(State.NOT_AUTHENTICATED, facts)
        elif session.compress:
            self._stream = DeflateStream(self._stream)
            session.compress, session.compressed = False, True
        else:
            self._leave()
        return True

    def _leave(self) -> None:
        """Forget who was signed in, and all that they have switched on (RFC 8437 section 4.1)."""
        rest, at_end = self._protocol.rest(), self._protocol.at_end
        if isinstance(self._stream, DeflateStream):
            rest += self._stream.rest()
            self._stream = self._stream.inner
        failed, client = self._session.failed_logins, self._session.client
        self.release()
        self._placed = False
        self._begin(State.NOT_AUTHENTICATED, self._facts)
        self._session.failed_logins, self._session.client = failed, client
        if rest:
            self._protocol.receive_data(rest)
        if at_end:
            self._protocol.receive_data(b"")

    def _hold_place(self) -> None:
        """Work for who has signed in, if somebody has, and be told when the sign-in ends."""
        session = self._session
        principal = session.principal
        if principal is not None and not self._placed:
            self._placed = True
            self._place.enter_context(acting_for(principal.tenant, principal.account))
            here = self._services.directory.here(
                principal, self._end_sign_in, protocol="imap", peer=session.peer, client=session.client
            )
            session.place = self._place.enter_context(here)

    async def _serve(self, event: Event) -> None:
        """Answer one event."""
        while isinstance(event, Requested) and isinstance(event.command, c.Idle):
            after = await idle(self._session)
            if after is None:
                return
            event = after
        session = self._session
        answer: Status | None
        if isinstance(event, Opened):
            answer = greeting(session)
        elif isinstance(event, SaslResponse):
            answer = await respond(session, event.octets)
        elif isinstance(event, IdleDone):
            answer = ok("Done")
        else:
            async with command_turns().turn():
                answer = await perform(session, event.command)
        if answer is not None and self._protocol.state is not State.CLOSED:
            self._protocol.answer(answer)
        if session.farewell is not None:
            self._protocol.close(session.farewell)

    async def flush(self) -> None:
        """Send what is due, in pieces that each have their deadline."""
        octets = self._protocol.bytes_to_send()
        if not octets:
            return
        await self._send(octets)
        self._extend()

    async def _send(self, octets: bytes) -> None:
        if len(octets) <= FLUSH_OCTETS:
            with trio.fail_after(self._settings.send_seconds):
                await self._stream.send_all(octets)
            return
        view = memoryview(octets)
        for start in range(0, len(view), FLUSH_OCTETS):
            with trio.fail_after(self._settings.send_seconds):
                await self._stream.send_all(view[start : start + FLUSH_OCTETS])

    async def receive(self) -> None:
        """Give the core what the peer sends next."""
        if self._protocol.state is State.CLOSED:
            return
        with trio.CancelScope(deadline=self._deadline) as self._reading:
            if self._draining or self._put_out:
                self._reading.cancel()
            octets = await self._stream.receive_some(READ_OCTETS)
            if self._protocol.reading_literal:
                earned = len(octets) / self._settings.min_literal_rate_octets
                self._deadline = min(self._deadline + earned, trio.current_time() + self._patience)
            elif self._session.principal is None:
                self._services.claims.look(self._connection.peer, "imap", octets)
            self._protocol.receive_data(bytes(octets))
            return
        self._protocol.close(self._farewell())

    def _farewell(self) -> Status:
        """Why reading was given up."""
        if self._put_out:
            return _PUT_OUT
        if self._draining:
            return bye("Shutting down", b"UNAVAILABLE")
        return bye("You were silent for too long")

    @property
    def _patience(self) -> float:
        known = self._session.principal is not None
        return self._settings.idle_seconds if known else self._settings.login_seconds

    def _extend(self) -> None:
        """Count the client's time from now on."""
        self._deadline = trio.current_time() + self._patience

    async def _start_tls(self) -> TlsFacts | None:
        """Take TLS up; None when the handshake fails."""
        if self._tls is None:
            raise RuntimeError("a listener with TLS has no contexts")
        handshakes = self._services.metrics.tls_handshakes
        try:
            self._stream, facts = await self._tls.shake_hands(
                self._connection.stream, self._settings.login_seconds
            )
        except _GONE as fault:
            handshakes.labels("imap", "failed").inc()
            self._connection.log.info("TLS handshake failed", fault=repr(fault))
            return None
        handshakes.labels("imap", "ok").inc()
        return facts
