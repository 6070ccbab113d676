"""A worker of the real process family with a small app: it says who it is and echoes lines.

`python -m tests.support.small_worker FD` is the worker; `python -m tests.support.small_worker serve FILE N`
is a supervisor of such workers.
"""

import functools
import os
import sys
from pathlib import Path

import trio

from pymailcore import supervisor
from pymailcore.app.context import Context
from pymailcore.base.errors import TemporaryFailure
from pymailcore.config.configuration import Configuration
from pymailcore.runtime.hub import DIRECTORY
from pymailcore.runtime.metrics_http import serve_metrics
from pymailcore.runtime.serve import Connection, serve_sockets
from pymailcore.worker import process

MODULE = "tests.support.small_worker"


class SmallApp:
    """Sends `pid uid hostname notices`, then echoes; says `bye` when the server drains.

    A line `die` ends the process. A file `refuse` in the data folder keeps it from starting.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._hostname = context.configuration.hostname

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        context = self._context
        if (context.configuration.data / "refuse").exists():
            raise TemporaryFailure("the store\nwas refused")
        async with trio.open_nursery() as nursery:
            for listener, sock in zip(context.configuration.listeners, context.sockets, strict=False):
                handler = functools.partial(self._handle, implicit=listener.tls == "implicit")
                serve = functools.partial(
                    serve_sockets, handler, [sock], context.acceptor, name=listener.name
                )
                await nursery.start(serve)
            if context.metrics_socket is not None:
                answer = functools.partial(serve_metrics, gather=context.gather, healthy=lambda: True)
                serve = functools.partial(
                    serve_sockets, answer, [context.metrics_socket], context.acceptor, name="metrics"
                )
                await nursery.start(serve)
            task_status.started()
            await context.acceptor.draining.wait()

    def reload(self, configuration: Configuration) -> None:
        self._hostname = configuration.hostname

    async def _handle(self, connection: Connection, *, implicit: bool) -> None:
        stream: trio.abc.Stream = connection.stream
        if implicit:
            stream = trio.SSLStream(stream, self._context.tls.server_for(), server_side=True)
        notices = self._context.hub.current(DIRECTORY)
        await stream.send_all(f"{os.getpid()} {os.getuid()} {self._hostname} {notices}\n".encode())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._farewell, connection, stream, nursery.cancel_scope)
            async for octets in stream:
                if octets == b"die\n":
                    os._exit(3)
                await stream.send_all(octets)
            nursery.cancel_scope.cancel()

    async def _farewell(
        self, connection: Connection, stream: trio.abc.Stream, scope: trio.CancelScope
    ) -> None:
        await connection.draining.wait()
        await stream.send_all(b"bye\n")
        scope.cancel()


def main() -> int:
    """Run a worker or a supervisor."""
    if sys.argv[1] != "serve":
        return process.main(SmallApp)
    sys.argv[1:2] = []
    return supervisor.main(modules=(MODULE, MODULE))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    sys.exit(main())
