"""The whole server in one process: for development, tests and small machines (`serve --processes 1`).

It does what the supervisor does (lock, sockets, certificate, rights, signals, the hub's socket) and runs both
apps on one store. A certificate that only root may read is read again on SIGHUP only when we still are root.
"""

import os
import signal
import socket
import sys
from pathlib import Path

import trio

from pymailcore.app.back import BackApp
from pymailcore.app.context import Context
from pymailcore.app.core import open_core
from pymailcore.app.front import FrontApp
from pymailcore.app.startup import CannotStart, Held, complaint, ready_line, take_hold, warn_of_restart
from pymailcore.base.errors import MailError
from pymailcore.config.configuration import Configuration
from pymailcore.config.read import BadConfiguration, read_file
from pymailcore.runtime.certificates import BadCertificate, load_material
from pymailcore.runtime.garbage import calm_collector
from pymailcore.runtime.hub import ChangeHub
from pymailcore.runtime.hub_link import HubServer, listen_unix
from pymailcore.runtime.logs import configure, get_logger
from pymailcore.runtime.metrics import Metrics
from pymailcore.runtime.notify import notify
from pymailcore.runtime.privileges import drop_privileges
from pymailcore.runtime.serve import Acceptor
from pymailcore.runtime.sockets import allow_many_files
from pymailcore.runtime.tls import TlsContexts
from pymailcore.worker.process import STOP_SECONDS

log = get_logger()


class Single:
    """A server that is one process.

    Args:
        path: the configuration file, for SIGHUP; None where nobody sends signals (tests).
    """

    def __init__(self, configuration: Configuration, held: Held, path: Path | None) -> None:
        self._path = path
        self._held = held
        self.configuration = configuration
        metrics = Metrics()
        metrics_socket = None
        if held.metrics_socket is not None:
            metrics_socket = trio.socket.from_stdlib_socket(held.metrics_socket)
        self.context = Context(
            configuration=configuration,
            tls=TlsContexts(held.material),
            hub=ChangeHub(),
            metrics=metrics,
            acceptor=Acceptor(configuration.connections, metrics),
            sockets=[trio.socket.from_stdlib_socket(listening) for listening in held.sockets],
            metrics_socket=metrics_socket,
            gather=self._gather,
        )
        self._hub_socket: socket.socket = listen_unix(configuration.hub_path, owner=held.owner)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until `context.acceptor.draining` is set, by a signal or by the caller.

        Raises:
            MailError, OSError: something cannot be had; before `task_status.started()`.
        """
        context = self.context
        hub_listener = trio.SocketListener(trio.socket.from_stdlib_socket(self._hub_socket))
        async with trio.open_nursery() as nursery:
            if self._path is not None:
                await nursery.start(self._heed_signals, self._path)
            nursery.start_soon(HubServer(context.hub).serve, hub_listener)
            async with open_core(self.configuration, context.hub, context.metrics, maintain=True) as core:
                self.core = core
                self._apps = (FrontApp(context, core), BackApp(context, core))
                async with trio.open_nursery() as serving:
                    for app in self._apps:
                        await serving.start(app.run)
                    task_status.started()
                    await context.acceptor.draining.wait()
                    serving.cancel_scope.deadline = trio.current_time() + STOP_SECONDS
            nursery.cancel_scope.cancel()

    async def _gather(self) -> list[bytes]:
        return [self.context.metrics.snapshot()]

    async def _heed_signals(
        self, path: Path, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            task_status.started()
            async for number in signals:
                if number == signal.SIGHUP:
                    self._reload(path)
                else:
                    log.info("stopping", signal=signal.Signals(number).name)
                    notify("STOPPING=1")
                    self.context.acceptor.draining.set()

    def _reload(self, path: Path) -> None:
        """Read configuration and certificate again; all of it, or nothing."""
        try:
            configuration = read_file(path)
            material = load_material(configuration.tls, configuration.tls_folder, configuration.hostname)
        except (BadConfiguration, BadCertificate) as fault:
            log.error("nothing is reloaded", fault=str(fault))
            return
        warn_of_restart(self.configuration, configuration)
        configure(configuration.log)
        self.configuration = configuration
        self.context.tls.reload(material)
        self.context.acceptor.reload(configuration.connections)
        for app in self._apps:
            app.reload(configuration)
        log.info("reloaded")


async def _serve(path: Path, configuration: Configuration, held: Held) -> None:
    single = Single(configuration, held, path)
    if configuration.user:
        drop_privileges(configuration.user)
    async with trio.open_nursery() as nursery:
        await nursery.start(single.run)
        calm_collector()
        sys.stdout.write(ready_line(configuration, held))
        sys.stdout.flush()
        notify(f"READY=1\nMAINPID={os.getpid()}")
        log.info("ready", workers=1)


def main() -> int:
    """Run `python -m pymailcore.worker.single FILE`; gives the exit status."""
    os.umask(0o077)
    path = Path(sys.argv[1])
    try:
        configuration = read_file(path)
        configure(configuration.log)
        allow_many_files()
        held = take_hold(configuration)
        trio.run(_serve, path, configuration, held)
    except* (BadConfiguration, CannotStart, MailError, OSError) as group:
        sys.stderr.write(complaint(group))
        status = 1
    else:
        status = 0
    return status


if __name__ == "__main__":
    sys.exit(main())
