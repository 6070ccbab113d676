"""The frame of a worker: it is told its configuration, gives up its rights, serves, drains.

Theory of operation. One app runs inside; it is made after the rights are gone. The worker drains when it is
told `Stop`, on SIGTERM, and when its supervisor is gone. It never writes to standard output, which belongs to
the supervisor's `ready` line.
"""

import os
import signal
import socket
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import trio

from pymailcore.app.context import App, Context
from pymailcore.base.errors import MailError
from pymailcore.config.configuration import Configuration
from pymailcore.config.read import BadConfiguration, read_text
from pymailcore.runtime import control
from pymailcore.runtime.garbage import calm_collector
from pymailcore.runtime.hub import ChangeHub
from pymailcore.runtime.hub_link import HubClient
from pymailcore.runtime.logs import configure, get_logger
from pymailcore.runtime.metrics import Metrics
from pymailcore.runtime.privileges import drop_privileges
from pymailcore.runtime.serve import Acceptor
from pymailcore.runtime.shared_counters import SharedCounters
from pymailcore.runtime.sockets import allow_many_files
from pymailcore.runtime.tls import TlsContexts, TlsMaterial

STOP_SECONDS: Final = 29.0
_GATHER_SECONDS: Final = 2.0

log = get_logger()

MakeApp = Callable[[Context], App]


class Worker:
    """One worker process, from its first message to its end."""

    def __init__(self, channel: control.ControlChannel, make_app: MakeApp) -> None:
        self._channel = channel
        self._make_app = make_app
        self._snapshots: list[bytes] = []
        self._gathered = trio.Event()
        self._gathering = trio.Lock()
        self._metrics = Metrics()

    async def run(self) -> int:
        """Serve until it is time to end; gives the exit status."""
        settings: control.Settings | None = None
        start: control.Start | None = None
        while settings is None or start is None:
            match await self._channel.receive():
                case control.Settings() as settings:
                    pass
                case control.Start() as start:
                    pass
                case _:
                    return 1  # told to stop, or the supervisor was gone, before it had said everything
        try:
            configuration = read_text(settings.text, Path(settings.folder))
            configure(configuration.log, process=start.name)
            allow_many_files()
            if configuration.user:
                drop_privileges(configuration.user)
            context = self._context(configuration, settings, start)
            await self._serve(context)
        except* (BadConfiguration, LookupError, MailError, OSError) as group:
            await self._channel.send(control.Failed(_one_line(group)))
            return_status = 1
        else:
            return_status = 0
        return return_status

    def _context(
        self, configuration: Configuration, settings: control.Settings, start: control.Start
    ) -> Context:
        metrics_socket = _inherit(start.metrics_socket) if start.metrics_socket >= 0 else None
        return Context(
            configuration=configuration,
            tls=TlsContexts(material_of(settings)),
            hub=ChangeHub(),
            metrics=self._metrics,
            acceptor=Acceptor(configuration.connections, self._metrics),
            sockets=[_inherit(descriptor) for descriptor in start.sockets],
            metrics_socket=metrics_socket,
            gather=self._gather,
            counters=SharedCounters.inherit(start.counters) if start.counters >= 0 else None,
        )

    async def _serve(self, context: Context) -> None:
        app = self._make_app(context)
        async with trio.open_nursery() as nursery:
            await nursery.start(drain_on_sigterm, context.acceptor)
            nursery.start_soon(HubClient(context.hub, context.configuration.hub_path).run)
            nursery.start_soon(self._obey, context, app)
            async with trio.open_nursery() as serving:
                await serving.start(app.run)
                calm_collector()
                await self._channel.send(control.Ready())
                await context.acceptor.draining.wait()
                serving.cancel_scope.deadline = trio.current_time() + STOP_SECONDS
            nursery.cancel_scope.cancel()

    async def _obey(self, context: Context, app: App) -> None:
        """Do what the supervisor says; drain when it is gone."""
        while (message := await self._channel.receive()) is not None:
            match message:
                case control.Settings():
                    reload(context, app, message)
                case control.Report():
                    await self._channel.send(control.Snapshot(self._metrics.snapshot()))
                case control.Snapshot(octets=b""):
                    self._gathered.set()
                case control.Snapshot():
                    self._snapshots.append(message.octets)
                case control.Stop():
                    context.acceptor.draining.set()
                case _:
                    log.error("the supervisor says what no supervisor says", message=type(message).__name__)
        if not context.acceptor.draining.is_set():
            log.error("the supervisor is gone")
            context.acceptor.draining.set()

    async def _gather(self) -> list[bytes]:
        """Snapshots of all processes of the family that answer in time."""
        async with self._gathering:
            self._snapshots, self._gathered = [], trio.Event()
            await self._channel.send(control.Gather())
            with trio.move_on_after(_GATHER_SECONDS):
                await self._gathered.wait()
            return [self._metrics.snapshot(), *self._snapshots]


async def drain_on_sigterm(
    acceptor: Acceptor, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Begin to drain when the process is asked to terminate."""
    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        task_status.started()
        async for _number in signals:
            acceptor.draining.set()


def reload(context: Context, app: App, settings: control.Settings) -> None:
    """Put a new configuration and certificate in force; all of it, or nothing."""
    try:
        configuration = read_text(settings.text, Path(settings.folder))
        context.tls.reload(material_of(settings))
    except (BadConfiguration, ssl.SSLError, ValueError) as fault:
        log.error("nothing is reloaded", fault=str(fault))
        return
    context.configuration = configuration
    context.acceptor.reload(configuration.connections)
    app.reload(configuration)
    log.info("reloaded")


def material_of(settings: control.Settings) -> TlsMaterial:
    """The certificate and key that the supervisor sent."""
    return TlsMaterial(settings.certificate, settings.key, settings.self_signed, settings.client_authorities)


def _inherit(descriptor: int) -> trio.socket.SocketType:
    os.set_inheritable(descriptor, False)
    return trio.socket.from_stdlib_socket(socket.socket(fileno=descriptor))


def _one_line(fault: BaseException) -> str:
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    return " ".join(str(fault).split()) or type(fault).__name__


def main(make_app: MakeApp) -> int:
    """Run a worker; its one argument is the descriptor of its control channel. Gives the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ^C goes to all; the supervisor tells us
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    descriptor = int(sys.argv[1])
    os.set_inheritable(descriptor, False)

    async def run() -> int:
        channel = control.ControlChannel(socket.socket(fileno=descriptor))
        return await Worker(channel, make_app).run()

    return trio.run(run)
