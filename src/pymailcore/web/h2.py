"""hypercorn's HTTP/2 and HTTP/1.1 protocols with the limits and repairs that they lack.

Standards: RFC 9113 sections 5.1 (stream states), 6.3 (PRIORITY is deprecated), 6.5, 6.7, 10.5 (denial of
service); RFC 9112.

What hypercorn 0.18 lacks, each with a test here: a budget for streams that a peer opens and cancels (rapid
reset) and for PING and SETTINGS floods; an answer to DATA for a stream that is over (it raises KeyError); a
priority tree that a peer cannot fill; an end for a stream whose application failed after it had begun to
answer; a deadline for a peer that asks for much and opens no window for it (slow read).
"""

import contextlib
from collections.abc import Callable
from typing import Any, Final

import h2.errors
import h2.events
import h2.exceptions
import h11
import trio
from hypercorn.events import Closed, Event, RawData
from hypercorn.protocol.events import Body, EndBody, StreamClosed
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.h2 import H2Protocol
from hypercorn.protocol.h11 import H11Protocol

_IGNORED: Final = (h2.events.PriorityUpdated, h2.events.PushedStreamReceived, h2.events.TrailersReceived)
_CONTROLS: Final = (h2.events.PingReceived, h2.events.RemoteSettingsChanged, h2.events.WindowUpdated)
_HOLD_OCTETS: Final = 4_096
PIECE_OCTETS: Final = 65_536


class Bucket:
    """Allows `burst` at once and `rate` a second in the long run."""

    def __init__(self, burst: int, rate: float, clock: Callable[[], float]) -> None:
        self._burst = float(burst)
        self._rate = rate
        self._clock = clock
        self._left = self._burst
        self._seen = clock()

    def take(self) -> bool:
        """Take one; False when none is left."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._seen) * self._rate)
        self._seen = now
        self._left -= 1
        return self._left >= 0


class GuardedH2(H2Protocol):
    """HTTP/2 that ends a connection whose peer spends our time and not its own."""

    resets: Bucket
    controls: Bucket

    write_seconds: float

    def guard(self, resets: Bucket, controls: Bucket, write_seconds: float) -> None:
        """Set the budgets, and the time for the peer to take one piece of an answer; before `initiate`."""
        self.resets = resets
        self.controls = controls
        self.write_seconds = write_seconds

    async def stream_send(self, event: StreamEvent) -> None:
        """Send for the application; a stream that it left unfinished is reset, so that the peer knows."""
        if isinstance(event, StreamClosed):
            buffer = self.stream_buffers.get(event.stream_id)
            if buffer is not None and not buffer._complete:  # noqa: SLF001 - no public word for it
                self._reset(event.stream_id, h2.errors.ErrorCodes.INTERNAL_ERROR)
                await buffer.close()
                await self._flush()
        if not isinstance(event, Body | EndBody):
            await super().stream_send(event)
            return
        # The deadline of a whole piece holds for whatever waits for the peer's window.
        waiting = (
            len(self.stream_buffers[event.stream_id].buffer) if event.stream_id in self.stream_buffers else 0
        )
        waiting += len(event.data) if isinstance(event, Body) else 0
        with trio.move_on_after(self.write_seconds * (1 + waiting / PIECE_OCTETS)) as deadline:
            await super().stream_send(event)
        if deadline.cancelled_caught:
            self._reset(event.stream_id, h2.errors.ErrorCodes.CANCEL)
            buffer = self.stream_buffers.get(event.stream_id)
            if buffer is not None:
                await buffer.close()
            await self._close_stream(event.stream_id)
            await self._flush()

    async def _handle_events(self, events: list[h2.events.Event]) -> None:
        for event in events:
            if isinstance(event, _IGNORED):
                continue
            if isinstance(event, h2.events.StreamReset) and not self.resets.take():
                await self._enough()
                return
            if isinstance(event, _CONTROLS) and not self._control_allowed(event):
                await self._enough()
                return
            if isinstance(event, h2.events.RequestReceived) and not _is_usable(event):
                self._reset(event.stream_id, h2.errors.ErrorCodes.PROTOCOL_ERROR)
                continue
            if isinstance(event, h2.events.DataReceived) and event.stream_id not in self.streams:
                # The answer went out before the body was whole: count it off and ask for no more.
                self._discard(event)
                continue
            await super()._handle_events([event])
        await self._flush()

    def _control_allowed(self, event: h2.events.Event) -> bool:
        # A window update belongs to each piece of an answer; those of idle streams do not.
        if isinstance(event, h2.events.WindowUpdated) and self.streams:
            return True
        return self.controls.take()

    def _discard(self, event: h2.events.DataReceived) -> None:
        with contextlib.suppress(h2.exceptions.ProtocolError, KeyError):  # closed on both sides by now
            self.connection.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
            self.connection.reset_stream(event.stream_id, h2.errors.ErrorCodes.NO_ERROR)

    def _reset(self, stream_id: int, code: h2.errors.ErrorCodes) -> None:
        with contextlib.suppress(h2.exceptions.ProtocolError):  # the peer may have closed it already
            self.connection.reset_stream(stream_id, code)

    async def _enough(self) -> None:
        """End the connection with ENHANCE_YOUR_CALM (RFC 9113 section 7)."""
        self.connection.close_connection(h2.errors.ErrorCodes.ENHANCE_YOUR_CALM)
        await self._flush()
        await self.handle(Closed())
        await self.send(Closed())


def _is_usable(event: h2.events.RequestReceived) -> bool:
    """Whether a request has what hypercorn takes for granted: a method and an ASCII path."""
    names = {name: value for name, value in event.headers or [] if name[:1] == b":"}
    method, path = names.get(b":method", b""), names.get(b":path", b"")
    return method.isascii() and path.isascii() and bool(path) and method.isalpha() and method != b"CONNECT"


class GuardedH11(H11Protocol):
    """HTTP/1.1 that sends head and body of a small answer in one piece, and does not upgrade to h2c."""

    _held = b""

    async def _send_h11_event(self, event: Any) -> None:  # noqa: ANN401 - hypercorn's union
        """Hold a head of known length until its body comes: one system call, one segment."""
        if isinstance(event, h11.Response) and any(name == b"content-length" for name, _ in event.headers):
            self._held += self._encode(event)
            if len(self._held) <= _HOLD_OCTETS:
                return
            octets = b""
        else:
            octets = self._encode(event)
        octets, self._held = self._held + octets, b""
        if octets:
            await self.send(RawData(data=octets))

    def _encode(self, event: Any) -> bytes:  # noqa: ANN401 - hypercorn's union
        try:
            return self.connection.send(event) or b""
        except h11.LocalProtocolError:
            if self.connection.their_state != h11.ERROR:
                raise
            return b""

    async def handle(self, event: Event) -> None:
        """Take what came; a request of another version ends the connection."""
        try:
            await super().handle(event)
        except _OtherVersion:
            await self._send_error_response(505)
            await self.send(Closed())

    async def _check_protocol(self, event: h11.Request) -> None:
        """No upgrade: RFC 9113 section 3.1 has dropped that to h2c, and we offer HTTP/2 by TLS only.

        Raises:
            _OtherVersion: a version that is not 1.0 or 1.1.
        """
        if event.http_version not in {b"1.0", b"1.1"}:
            raise _OtherVersion


class _OtherVersion(Exception):
    """The request line names a version that this protocol is not."""


def now() -> float:
    """The clock of the budgets."""
    return trio.current_time()
