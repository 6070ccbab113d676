"""The event source: tells a client when the states of its data have changed.

Standards: RFC 8620 section 7.3.

The stream is fed by the change hub, which keeps only the newest number; a client that lags misses nothing but
the steps between. It ends by itself when the server drains, the client goes, or the session is over. It never
raises: an exception in a streaming body leaves an HTTP/2 client waiting for ever.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog
import trio

from pymailcore.base import ids
from pymailcore.base.errors import MailError
from pymailcore.directory.types import Principal
from pymailcore.jmap.asgi import NO_SNIFF, NO_STORE, HttpRequest, Send
from pymailcore.jmap.protocol import problems
from pymailcore.jmap.protocol.push import event, state_change
from pymailcore.jmap.services import Hub
from pymailcore.jmap.settings import JmapSettings
from pymailcore.store.store import Store
from pymailcore.store.types import States

CHECK_SECONDS: Final = 4.0
"""How often a quiet stream asks whether its sign-in still holds: one that ended gets nothing after 5 s."""

TYPES: Final = ("Mailbox", "Email", "Thread", "Identity", "EmailSubmission")

log = structlog.get_logger()


def states_by_type(states: States) -> dict[str, str]:
    """The states of all types as text."""
    return {
        "Mailbox": str(states.mailbox),
        "Email": str(states.email),
        "Thread": str(states.thread),
        "Identity": str(states.identity),
        "EmailSubmission": str(states.submission),
    }


class Wishes:
    """What the client asked for in the query: types, closeafter, ping.

    Raises:
        RequestProblem: 400, a field is missing or has a value that RFC 8620 section 7.3 does not know.
    """

    def __init__(self, query: Mapping[str, str], settings: JmapSettings) -> None:
        types, close_after, ping = (query.get(name, "") for name in ("types", "closeafter", "ping"))
        if not types or close_after not in {"state", "no"}:
            raise problems.plain(400, "types, closeafter (state or no) and ping are needed.")
        if not (ping.isascii() and ping.isdigit() and len(ping) < 10):
            raise problems.plain(400, "ping is a number of seconds.")
        self.types = frozenset(TYPES) if types == "*" else frozenset(types.split(","))
        self.close_after_state = close_after == "state"
        seconds = int(ping)
        # RFC 8620 section 7.3: 0 means no pings; the server may hold the interval within limits.
        self.ping_seconds = (
            min(max(seconds, settings.min_ping_seconds), settings.max_ping_seconds) if seconds else 0
        )


class EventStream:
    """One open event source.

    Args:
        draining: set when the server stops.
        ended: set when the account may not stay signed in.
        still_valid: whether the sign-in that opened the stream still holds.
    """

    def __init__(
        self,
        *,
        store: Store,
        hub: Hub,
        principal: Principal,
        wishes: Wishes,
        draining: trio.Event,
        ended: trio.Event,
        still_valid: Callable[[], Awaitable[bool]],
    ) -> None:
        self._store = store
        self._hub = hub
        self._principal = principal
        self._wishes = wishes
        self._draining = draining
        self._ended = ended
        self._still_valid = still_valid
        self._last_sent: dict[str, str] = {}

    async def serve(self, request: HttpRequest, send: Send) -> None:
        """Send events until there is a reason to end. Safe to cancel at any checkpoint."""
        with self._hub.watch(self._principal.account) as watch:
            now = await self._states()
            self._last_sent = _read_event_id(request.header(b"last-event-id")) or now
            await send(
                {
                    "type": "http.response.start",
                    "status": 200,
                    "headers": [
                        (b"content-type", b"text/event-stream; charset=utf-8"),
                        (b"x-accel-buffering", b"no"),
                        NO_STORE,
                        NO_SNIFF,
                    ],
                }
            )
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_cancel_after, request.disconnected, nursery.cancel_scope)
                    nursery.start_soon(_cancel_after, self._draining.wait, nursery.cancel_scope)
                    nursery.start_soon(_cancel_after, self._ended.wait, nursery.cancel_scope)
                    await self._run(watch.changed, send)
                    nursery.cancel_scope.cancel()
            except* MailError as trouble:
                log.warning("event source ends", error=repr(trouble.exceptions))
            except* Exception as fault:
                log.exception("fault in an event source", exc_info=fault)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _run(self, changed: Callable[[], Awaitable[int]], send: Send) -> None:
        pending = await self._send_states(send)
        interval = self._wishes.ping_seconds or float("inf")
        ping_at = trio.current_time() + interval
        while not (pending and self._wishes.close_after_state):
            arrived = pending = False
            with trio.move_on_at(min(ping_at, trio.current_time() + CHECK_SECONDS)):
                await changed()
                arrived = True
            if not await self._still_valid():
                return
            if arrived:
                pending = await self._send_states(send)
            elif trio.current_time() >= ping_at:
                await _send_frame(send, event("ping", {"interval": self._wishes.ping_seconds}))
            else:
                continue
            ping_at = trio.current_time() + interval

    async def _send_states(self, send: Send) -> bool:
        now = await self._states()
        changed = {
            name: state
            for name, state in now.items()
            if name in self._wishes.types and self._last_sent.get(name) != state
        }
        if not changed:
            return False
        self._last_sent = now
        account = ids.encode_id(ids.ACCOUNT, self._principal.account)
        event_id = ".".join(now[name] for name in TYPES)
        await _send_frame(send, event("state", state_change(account, changed), event_id=event_id))
        return True

    async def _states(self) -> dict[str, str]:
        return states_by_type(await self._store.states(self._principal.account))


async def _send_frame(send: Send, frame: bytes) -> None:
    await send({"type": "http.response.body", "body": frame, "more_body": True})


async def _cancel_after(wait: Callable[[], Awaitable[object]], scope: trio.CancelScope) -> None:
    await wait()
    scope.cancel()


def _read_event_id(text: str) -> dict[str, str] | None:
    """Read the id of the last event that the client saw; None when there is none of ours."""
    numbers = text.split(".")
    if len(numbers) != len(TYPES) or not all(part.isascii() and part.isdigit() for part in numbers):
        return None
    return dict(zip(TYPES, numbers, strict=True))
