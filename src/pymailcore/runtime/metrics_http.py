"""The listener of `/metrics` and `/healthz`.

Standards: RFC 9112 section 2 (one request for each connection, then it is closed).
"""

from collections.abc import Awaitable, Callable
from typing import Final

import h11
import trio

from pymailcore.runtime.metrics import page
from pymailcore.runtime.serve import Connection

_SECONDS: Final = 10.0
_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


async def serve_metrics(
    connection: Connection, gather: Callable[[], Awaitable[list[bytes]]], healthy: Callable[[], bool]
) -> None:
    """Answer one request.

    Args:
        gather: gives the snapshots of all processes.
        healthy: says whether `/healthz` is 200 or 503.
    """
    with trio.move_on_after(_SECONDS):
        http = h11.Connection(h11.SERVER, max_incomplete_event_size=16_384)
        try:
            request = await _request(connection.stream, http)
        except h11.RemoteProtocolError:
            return
        if request is None:
            return
        path = request.target.partition(b"?")[0]
        if path == b"/metrics":
            status, text = 200, page(await gather())
        elif path == b"/healthz":
            status, text = (200, "ok\n") if healthy() else (503, "not ready\n")
        else:
            status, text = 404, "there is /metrics and /healthz\n"
        body = text.encode()
        headers = [("content-type", _TYPE), ("content-length", str(len(body))), ("connection", "close")]
        head = http.send(h11.Response(status_code=status, headers=headers)) or b""
        await connection.stream.send_all(head + (b"" if request.method == b"HEAD" else body))
        await connection.stream.send_eof()


async def _request(stream: trio.SocketStream, http: h11.Connection) -> h11.Request | None:
    while True:
        event = http.next_event()
        if isinstance(event, h11.Request):
            return event
        if event is not h11.NEED_DATA:
            return None
        http.receive_data(bytes(await stream.receive_some(16_384)))
