"""HTTP requests and answers over plain ASGI, without a framework.

Standards: RFC 9110 (HTTP semantics), RFC 6265 section 5.4 (Cookie); the ASGI specification 3.0.

One request costs a few attribute reads here; a framework costs 0.9 ms (notes: libraries, section 1).
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import Final, cast
from urllib.parse import parse_qsl

import orjson
import trio

from pymailcore.jmap.protocol import problems

Scope = Mapping[str, object]
Event = MutableMapping[str, object]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]

CHUNK_OCTETS: Final = 65_536
MAX_QUERY_FIELDS: Final = 16
_BODY_START_SECONDS: Final = 30.0
_BODY_OCTETS_PER_SECOND: Final = 8_192
_DRAIN_OCTETS: Final = 1_048_576
_DRAIN_SECONDS: Final = 2.0

JSON: Final = (b"content-type", b"application/json")
NO_STORE: Final = (b"cache-control", b"no-cache, no-store, must-revalidate")
NO_SNIFF: Final = (b"x-content-type-options", b"nosniff")


class Disconnected(Exception):
    """The client went away before its request was whole; there is nobody to answer."""


class HttpRequest:
    """One request: what the scope says, and the body when it is asked for."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.method = cast(str, scope["method"])
        self.path = cast(str, scope["path"])
        self.raw_path = cast(bytes, scope.get("raw_path") or self.path.encode())
        self.headers = cast(Sequence[Header], scope["headers"])
        self._scope = scope
        self._receive = receive

    def header(self, name: bytes) -> str:
        """Give a header field's value, or the empty string; the first when there are several."""
        return next((value.decode("latin-1") for key, value in self.headers if key == name), "")

    @property
    def peer(self) -> str:
        """Address of the client."""
        client = cast("tuple[str, int] | None", self._scope.get("client"))
        return client[0] if client else ""

    @property
    def https(self) -> bool:
        """Whether the connection is TLS."""
        return self._scope.get("scheme") == "https"

    @property
    def may_carry_secrets(self) -> bool:
        """Whether a password or session may be read from this connection.

        That is: TLS, a peer on this machine, or a listener that was told to allow it.
        """
        state = cast("Mapping[str, object]", self._scope.get("state") or {})
        return self.https or is_loopback(self.peer) or state.get("plaintext_login") is True

    @property
    def query(self) -> dict[str, str]:
        """Fields of the query; the first of each name.

        Raises:
            RequestProblem: 400, too many fields.
        """
        text = cast(bytes, self._scope.get("query_string", b"")).decode("latin-1")
        try:
            pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS)
        except ValueError as error:
            raise problems.plain(400, "The query cannot be read.") from error
        return dict(reversed(pairs))

    def declared_octets(self) -> int | None:
        """Content-Length, if there is one; the server below has checked its form."""
        text = self.header(b"content-length")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None

    async def body(self, limit: int, too_large: Exception) -> bytes:
        """Read the whole body.

        A peer must keep to a least pace: half a minute, and a second more for each 8 KiB it has sent.

        Args:
            limit: octets; one more is refused, by Content-Length before anything is read.
            too_large: what to raise then.

        Raises:
            RequestProblem: 408, the body came too slowly.
            Disconnected: the client went away.
        """
        declared = self.declared_octets()
        if declared is not None and declared > limit:
            await self._drain()
            raise too_large
        pieces: list[bytes] = []
        octets = 0
        with trio.move_on_after(_BODY_START_SECONDS) as deadline:
            while True:
                event = await self._receive()
                if event["type"] != "http.request":
                    raise Disconnected
                piece = cast(bytes, event.get("body", b""))
                octets += len(piece)
                if octets > limit:
                    if event.get("more_body"):
                        await self._drain()
                    raise too_large
                if piece:
                    pieces.append(piece)
                    deadline.deadline += len(piece) / _BODY_OCTETS_PER_SECOND
                if not event.get("more_body"):
                    return b"".join(pieces)
        raise problems.plain(408, "The body came too slowly.")

    async def _drain(self) -> None:
        """Read a little of what will be refused, so that an ordinary client sees the answer and no reset."""
        left = _DRAIN_OCTETS
        with trio.move_on_after(_DRAIN_SECONDS):
            while left > 0:
                event = await self._receive()
                if event["type"] != "http.request" or not event.get("more_body"):
                    return
                left -= len(cast(bytes, event.get("body", b"")))

    async def disconnected(self) -> None:
        """Wait until the client is gone; only once the body has been read or there is none."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


def is_loopback(address: str) -> bool:
    """Whether an address of a peer is this machine's own."""
    return address == "::1" or address.startswith(("127.", "::ffff:127."))


def cookies(headers: Iterable[Header]) -> dict[str, str]:
    """Cookies of a request; the first of each name (RFC 6265 section 5.4: the most specific comes first)."""
    found: dict[str, str] = {}
    for key, value in headers:
        if key == b"cookie":
            for pair in value.decode("latin-1").split(";"):
                name, equals, text = pair.strip().partition("=")
                if equals:
                    found.setdefault(name, text)
    return found


def encode_json(document: object) -> bytes:
    """Encode an answer; lone surrogates, which no JSON text can hold, are replaced."""
    try:
        return orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        return orjson.dumps(_without_surrogates(document), option=orjson.OPT_NON_STR_KEYS)


def _without_surrogates(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_surrogates(item) for item in value]
    return value


async def answer(send: Send, status: int, headers: Sequence[Header], body: bytes) -> None:
    """Send a whole answer; its length is added."""
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def answer_json(
    send: Send, document: object, *, status: int = 200, headers: Sequence[Header] = ()
) -> None:
    """Send a JSON document that nobody may keep."""
    await answer(send, status, [JSON, NO_STORE, NO_SNIFF, *headers], encode_json(document))


async def answer_problem(
    send: Send, problem: problems.RequestProblem, *, headers: Sequence[Header] = ()
) -> None:
    """Send a problem document (RFC 7807 section 3)."""
    await answer(
        send,
        problem.status,
        [(b"content-type", b"application/problem+json"), NO_STORE, NO_SNIFF, *headers],
        encode_json(problem.document()),
    )
