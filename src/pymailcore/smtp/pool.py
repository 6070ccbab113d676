"""Connections to hosts that outlive a message.

Standards: RFC 5321 sections 3.3 (several transactions in a session) and 4.5.4.1 (sending strategy), RFC 9422
section 4.1 (MAILMAX).

Theory: a connection is used by one message at a time. When its transaction has ended well it is parked,
and a task watches it: a server that says something or leaves, or nothing to do for some seconds, ends it. A
connection on which anything went wrong is closed at once. When a parked connection turns out to be dead
before the mail data were sent, a new one is opened for the same message, so that reuse costs nobody a try.
The same is done, without CHUNKING from then on, for a host that offers it and does not know it.

Without `run` there is nobody to watch, and each message has a connection of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

import trio

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.errors import TemporaryFailure
from pymailcore.runtime.clock import now_ms as wall_clock_ms
from pymailcore.runtime.logs import get_logger
from pymailcore.smtp.client import (
    ChunkingUnknown,
    Connect,
    Connection,
    Endpoint,
    HostTakesNoMail,
    Outcome,
    connect_anywhere,
    open_connection,
)
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.settings import SmtpSettings

_MAX_UNCHUNKED: Final = 1_000

log = get_logger()


@dataclass(eq=False)
class _Parked:
    connection: Connection
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    ended: trio.Event = field(default_factory=trio.Event)
    taken: bool = False


class Pool:
    """Brings messages to hosts, over connections that are used again.

    Args:
        hello: our own name.
        now_ms: milliseconds since 1970.
    """

    def __init__(
        self,
        *,
        hello: str,
        settings: SmtpSettings,
        connect: Connect = connect_anywhere,
        now_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        self._hello = hello
        self._settings = settings
        self._connect = connect
        self._now_ms = now_ms
        self._parked: dict[Endpoint, list[_Parked]] = {}
        self._unchunked: set[Endpoint] = set()
        self._nursery: trio.Nursery | None = None

    async def run(self) -> None:
        """Keep connections for reuse until cancelled; then those that are parked are closed."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                await trio.sleep_forever()
            finally:
                self._nursery = None

    def reload(self, *, hello: str, settings: SmtpSettings) -> None:
        """Do everything from now on with these; what is parked stays."""
        self._hello = hello
        self._settings = settings

    @property
    def parked_count(self) -> int:
        """How many connections wait for a message."""
        return sum(map(len, self._parked.values()))

    async def deliver(
        self, endpoint: Endpoint, envelope: Envelope, octets: bytes, *, deadline_seconds: float = 3_600.0
    ) -> Outcome:
        """Bring a message to one host.

        Cancellation: the connection is closed; whether the host took the message is unknown then.

        Args:
            deadline_seconds: for everything together.

        Raises:
            TemporaryFailure: no connection, no SMTP, no sense, or no end; another host or time may be better.
        """
        try:
            with trio.fail_after(deadline_seconds):
                return await self._deliver(endpoint, envelope, octets)
        except trio.TooSlowError:
            raise TemporaryFailure("the server takes too long") from None

    async def _deliver(self, endpoint: Endpoint, envelope: Envelope, octets: bytes) -> Outcome:
        """Use as many connections as it takes; a host that gives no reply to a message gets no second one."""
        replies: dict[Address, Reply] = {}
        left = envelope.recipients
        outcome = Outcome(replies=replies, tls="")
        while left:
            try:
                outcome = await self._over_some(endpoint, replace(envelope, recipients=left), octets)
            except HostTakesNoMail as refusal:
                outcome = Outcome(replies=dict.fromkeys(left, refusal.reply), tls="")
            except TemporaryFailure:
                if not replies:
                    raise
                break
            replies.update(outcome.replies)
            still = tuple(address for address in left if address not in replies)
            if len(still) == len(left):
                break
            left = still
        return replace(outcome, replies=replies)

    async def _over_some(self, endpoint: Endpoint, envelope: Envelope, octets: bytes) -> Outcome:
        plain = replace(endpoint, chunking=False)
        if plain not in self._unchunked:
            try:
                return await self._over_one(endpoint, envelope, octets)
            except ChunkingUnknown as failure:
                log.info("host without the CHUNKING that it offers", host=endpoint.host, reason=str(failure))
                if len(self._unchunked) >= _MAX_UNCHUNKED:
                    self._unchunked.clear()
                self._unchunked.add(plain)
        return await self._over_one(plain, envelope, octets)

    async def _over_one(self, endpoint: Endpoint, envelope: Envelope, octets: bytes) -> Outcome:
        parked = await self._take(endpoint)
        if parked is not None:
            try:
                return await self._over(endpoint, parked, envelope, octets)
            except ChunkingUnknown:
                raise
            except TemporaryFailure:
                if parked.has_sent_data:
                    raise
        connection = await open_connection(
            endpoint, hello=self._hello, settings=self._settings, connect=self._connect
        )
        return await self._over(endpoint, connection, envelope, octets)

    async def _over(
        self, endpoint: Endpoint, connection: Connection, envelope: Envelope, octets: bytes
    ) -> Outcome:
        done = False
        try:
            outcome = await connection.deliver(envelope, octets, now_ms=self._now_ms())
            done = True
            return outcome
        finally:
            nursery = self._nursery
            few = connection.messages_count < self._settings.reuse_messages_count
            if done and nursery is not None and few and connection.is_usable:
                self._park(nursery, endpoint, connection)
            elif done:
                await connection.aclose()
            else:
                await connection.close_at_once()

    # --- parking -----------------------------------------------------------------------------------

    async def _take(self, endpoint: Endpoint) -> Connection | None:
        """Take the connection that was parked last, which is the one most likely to live."""
        while parked := self._parked.get(endpoint):
            one = parked[-1]
            self._forget(endpoint, one)
            one.taken = True
            one.scope.cancel()
            await one.ended.wait()
            if one.connection.is_usable:
                return one.connection
            await one.connection.close_at_once()
        return None

    def _park(self, nursery: trio.Nursery, endpoint: Endpoint, connection: Connection) -> None:
        one = _Parked(connection)
        self._parked.setdefault(endpoint, []).append(one)
        nursery.start_soon(self._watch, endpoint, one)

    async def _watch(self, endpoint: Endpoint, one: _Parked) -> None:
        """Look after a parked connection until it is taken or of no more use."""
        try:
            with one.scope:
                with trio.move_on_after(self._settings.reuse_idle_seconds):
                    await one.connection.until_spoken_to()
                if not one.taken:
                    self._forget(endpoint, one)
                    await one.connection.aclose()
        finally:
            if not one.taken:
                self._forget(endpoint, one)
                await one.connection.close_at_once()
            one.ended.set()

    def _forget(self, endpoint: Endpoint, one: _Parked) -> None:
        parked = self._parked.get(endpoint, [])
        if one in parked:
            parked.remove(one)
        if not parked:
            self._parked.pop(endpoint, None)
