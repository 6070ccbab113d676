"""The outermost ASGI callable: JMAP to its own small callables, all else to the pages.

One `if` in front saves JMAP the 0.9 ms a request that the framework costs. It is also the one place that
catches what the parts below let through: an exception that reached the server would leave an HTTP/2 client
waiting.
"""

from collections.abc import Sequence
from typing import Final, cast

from pymailcore.base.errors import MailError
from pymailcore.jmap import asgi
from pymailcore.jmap.asgi import App, Event, Header, HttpRequest, Receive, Scope, Send
from pymailcore.jmap.protocol import problems
from pymailcore.runtime.claims import Claims
from pymailcore.runtime.logs import get_logger
from pymailcore.store.store import Store
from pymailcore.store.types import Transaction
from pymailcore.web.settings import HttpSettings

_JMAP: Final = ("/jmap/", "/.well-known/jmap")

log = get_logger()


class Dispatcher:
    """Sends each request where it belongs.

    Args:
        jmap: for `/jmap/…` and `/.well-known/jmap`.
        pages: for everything else.
        store: asked by `/healthz`.
    """

    def __init__(self, *, jmap: App, pages: App, store: Store, settings: HttpSettings) -> None:
        self._jmap = jmap
        self._pages = pages
        self._store = store
        self._settings = settings
        self._claims = Claims()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; raises nothing but cancellation."""
        kind = scope["type"]
        if kind == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if kind != "http":
            return
        sent = _Sent(send, self._hsts(scope))
        try:
            await self._dispatch(scope, receive, sent)
        except Exception as fault:
            log.error("fault in a request", path=str(scope.get("path"))[:64], exc_info=fault)
            await sent.finish()

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = cast(str, scope["path"])
        headers = cast(Sequence[Header], scope["headers"])
        octets = len(cast(bytes, scope.get("raw_path", b""))) + len(
            cast(bytes, scope.get("query_string", b""))
        )
        octets += sum(len(name) + len(value) for name, value in headers)
        self._claims.look_at_fields(HttpRequest(scope, receive).peer, "http", [name for name, _ in headers])
        # hypercorn measures a head that is incomplete; one that came in one piece is measured here.
        if octets > self._settings.max_head_octets:
            await asgi.answer_problem(send, problems.plain(431, "The head is too large."))
        elif len(headers) > self._settings.max_headers:
            await asgi.answer_problem(send, problems.plain(431, "Too many header fields."))
        elif not path.startswith("/"):
            await asgi.answer_problem(send, problems.plain(400, "An address begins with a slash."))
        elif path.startswith(_JMAP):
            await self._jmap(scope, receive, send)
        elif path == "/healthz":
            await self._health(HttpRequest(scope, receive), send)
        else:
            await self._pages(scope, receive, send)

    async def _health(self, request: HttpRequest, send: Send) -> None:
        """Whether this worker can read its store."""
        if request.method not in {"GET", "HEAD"}:
            await asgi.answer_problem(
                send, problems.plain(405, "Only GET."), headers=[(b"allow", b"GET, HEAD")]
            )
            return
        try:
            await self._store.database.read(_one)
        except MailError as trouble:
            log.warning("not healthy", error=repr(trouble))
            await asgi.answer_json(send, {"status": "unavailable"}, status=503)
            return
        await asgi.answer_json(send, {"status": "ok"})

    def _hsts(self, scope: Scope) -> bytes:
        seconds = self._settings.hsts_seconds
        return b"max-age=%d" % seconds if seconds and scope.get("scheme") == "https" else b""


async def _one(tx: Transaction) -> None:
    await tx.row("SELECT id FROM accounts LIMIT 1")


class _Sent:
    """Passes an answer on and remembers how far it got, so that it can be ended in any state."""

    def __init__(self, send: Send, hsts: bytes) -> None:
        self._send = send
        self._hsts = hsts
        self._started = False
        self._ended = False

    async def __call__(self, event: Event) -> None:
        if event["type"] == "http.response.start":
            self._started = True
            if self._hsts:
                headers = cast(Sequence[Header], event["headers"])
                event["headers"] = [*headers, (b"strict-transport-security", self._hsts)]
        elif event["type"] == "http.response.body" and not event.get("more_body"):
            self._ended = True
        await self._send(event)

    async def finish(self) -> None:
        """End the answer: 500 when it has not begun. One that has begun is cut, which the length tells."""
        if not self._started:
            await asgi.answer_problem(self, problems.plain(500, "The fault is ours and has been noted."))
        elif not self._ended:
            await self({"type": "http.response.body", "body": b"", "more_body": False})
