"""The supervisor: binds, starts workers, keeps them, passes on change notices; never talks to a peer.

Theory of operation. The supervisor does what needs rights (ports below 1024, private keys), then executes
the workers, which inherit the listening sockets and one end of a control channel each. A worker is told its
configuration and certificate through that channel, gives up its rights, opens the store and says `Ready`.
When all have said so the server is ready. Afterwards:

- a worker that dies is started again, the longer after the sooner it died;
- SIGHUP: configuration and certificate are read again as a whole and sent to all workers; when there is a
  fault in them nothing changes;
- SIGTERM, SIGINT: workers stop accepting, finish what they promised and exit; what is left after 30 s
  is killed;
- when the supervisor dies, the channels close, and the workers finish and exit by themselves.
"""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final

import trio

from pymailcore.app.startup import CannotStart, Held, complaint, ready_line, take_hold, warn_of_restart
from pymailcore.config.configuration import Configuration
from pymailcore.config.read import BadConfiguration, read_file
from pymailcore.runtime import control
from pymailcore.runtime.certificates import BadCertificate, load_material
from pymailcore.runtime.hub_link import HubServer, listen_unix
from pymailcore.runtime.logs import configure, get_logger
from pymailcore.runtime.notify import notify
from pymailcore.runtime.shared_counters import SharedCounters
from pymailcore.runtime.tls import TlsMaterial

FRONT: Final = "pymailcore.worker.front"
BACK: Final = "pymailcore.worker.back"
STOP_SECONDS: Final = 30.0

_BACK_OFF_SECONDS: Final = (0.05, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_LONG_LIFE_SECONDS: Final = 60.0
_REPORT_SECONDS: Final = 1.0

log = get_logger()


class Worker:
    """One place in the family, and the process that fills it now."""

    def __init__(self, name: str, module: str) -> None:
        self.name = name
        self.module = module
        self.process: trio.Process | None = None
        self.channel: control.ControlChannel | None = None
        self.ready = False
        self.failure = ""
        self.snapshot: bytes | None = None
        self.reported = trio.Event()


class Supervisor:
    """The family of one `serve`.

    Args:
        path: the configuration file; read again on SIGHUP.
        fronts: number of front workers.
        modules: what front and back workers execute.
    """

    def __init__(
        self,
        path: Path,
        configuration: Configuration,
        held: Held,
        *,
        fronts: int,
        modules: tuple[str, str] = (FRONT, BACK),
    ) -> None:
        self._path = path
        self._configuration = configuration
        self._held = held
        self._settings = _settings(path, configuration, held.material)
        self._workers = [Worker(f"front-{number + 1}", modules[0]) for number in range(fronts)]
        self._workers.append(Worker("back", modules[1]))
        self._counters = SharedCounters.create(configuration.directory.failures_entries_count)
        self._failure = ""
        self._served = False
        self._stopping = trio.Event()
        self._news = trio.Event()

    async def run(self) -> str:
        """Keep the family until it is told to stop; gives why it could not start, or nothing."""
        hub_socket = listen_unix(self._configuration.hub_path, owner=self._held.owner)
        hub_listener = trio.SocketListener(trio.socket.from_stdlib_socket(hub_socket))
        async with trio.open_nursery() as nursery:
            await nursery.start(self._heed_signals)
            nursery.start_soon(HubServer().serve, hub_listener)
            async with trio.open_nursery() as keeping:
                for worker in self._workers:
                    keeping.start_soon(self._keep, worker)
                await self._announce()
                await self._stopping.wait()
                notify("STOPPING=1")
                keeping.cancel_scope.deadline = trio.current_time() + STOP_SECONDS
                for worker in self._workers:
                    if worker.channel is not None:
                        await worker.channel.send(control.Stop())
            nursery.cancel_scope.cancel()
        return self._failure

    async def _announce(self) -> None:
        """Say that the server is ready, once every worker is."""
        while not all(worker.ready for worker in self._workers):
            if self._stopping.is_set():
                return
            self._news = trio.Event()
            await self._news.wait()
        self._served = True
        sys.stdout.write(ready_line(self._configuration, self._held))
        sys.stdout.flush()
        notify(f"READY=1\nMAINPID={os.getpid()}")
        log.info("ready", workers=len(self._workers))

    def _stop(self, failure: str = "") -> None:
        self._failure = self._failure or failure
        self._stopping.set()
        self._news.set()

    async def _heed_signals(self, task_status: trio.TaskStatus[None]) -> None:
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            task_status.started()
            async for number in signals:
                if number == signal.SIGHUP:
                    await self._reload()
                else:
                    log.info("stopping", signal=signal.Signals(number).name)
                    self._stop()

    async def _reload(self) -> None:
        """Read configuration and certificate again; all of it, or nothing."""
        try:
            configuration = read_file(self._path)
            material = load_material(configuration.tls, configuration.tls_folder, configuration.hostname)
        except (BadConfiguration, BadCertificate) as fault:
            log.error("nothing is reloaded", fault=str(fault))
            return
        warn_of_restart(self._configuration, configuration)
        self._configuration = configuration
        self._settings = _settings(self._path, configuration, material)
        configure(configuration.log, process="supervisor")
        for worker in self._workers:
            if worker.channel is not None:
                await worker.channel.send(self._settings)
        log.info("reloaded")

    async def _keep(self, worker: Worker) -> None:
        """Start a worker, again and again until we stop."""
        died_early = 0
        while not self._stopping.is_set():
            began = trio.current_time()
            await self._live(worker)
            if self._stopping.is_set():
                return
            if not self._served:
                self._stop(worker.failure or f"{worker.name} died while starting; its log says why")
                return
            died_early = 0 if trio.current_time() - began > _LONG_LIFE_SECONDS else died_early + 1
            pause = _BACK_OFF_SECONDS[min(died_early, len(_BACK_OFF_SECONDS) - 1)]
            with trio.move_on_after(pause):
                await self._stopping.wait()

    async def _live(self, worker: Worker) -> None:
        """One life of a worker, from its start to its end."""
        ours, theirs = socket.socketpair()
        sockets, metrics = self._sockets_of(worker)
        counters = self._counters.descriptor
        passed = [theirs.fileno(), counters, *sockets, *([metrics] if metrics >= 0 else [])]
        with theirs:
            process = worker.process = await trio.lowlevel.open_process(
                [sys.executable, "-P", "-m", worker.module, str(theirs.fileno())],
                pass_fds=passed,
                stdin=subprocess.DEVNULL,
                env=os.environ | {"MALLOC_ARENA_MAX": "2"},  # threads are few and short; memory is not
                stdout=sys.stderr.fileno(),
            )
        channel = worker.channel = control.ControlChannel(ours)
        worker.failure = ""
        try:
            await channel.send(self._settings)
            await channel.send(
                control.Start(
                    name=worker.name,
                    workers=len(self._workers),
                    sockets=sockets,
                    metrics_socket=metrics,
                    counters=counters,
                )
            )
            if self._stopping.is_set():
                await channel.send(control.Stop())
            await self._listen(worker, channel)
            status = await process.wait()
        finally:
            worker.ready, worker.channel, worker.process = False, None, None
            if process.poll() is None:
                process.kill()
            ours.close()
        if not self._stopping.is_set():
            log.error("worker died", worker=worker.name, status=status)

    def _sockets_of(self, worker: Worker) -> tuple[tuple[int, ...], int]:
        """Descriptors that a worker inherits: of the listeners, and of the metrics (or -1)."""
        if worker.name != "back":
            return tuple(listening.fileno() for listening in self._held.sockets), -1
        metrics = self._held.metrics_socket
        return (), -1 if metrics is None else metrics.fileno()

    async def _listen(self, worker: Worker, channel: control.ControlChannel) -> None:
        async with trio.open_nursery() as nursery:
            while (message := await channel.receive()) is not None:
                match message:
                    case control.Ready():
                        worker.ready = True
                        self._news.set()
                    case control.Failed():
                        worker.failure = message.text
                        log.error("worker cannot start", worker=worker.name, fault=message.text)
                    case control.Snapshot():
                        worker.snapshot = message.octets
                        worker.reported.set()
                    case control.Gather():
                        nursery.start_soon(self._gather, worker, channel)
                    case _:
                        log.error("worker says what no worker says", message=type(message).__name__)
            nursery.cancel_scope.cancel()

    async def _gather(self, asking: Worker, channel: control.ControlChannel) -> None:
        """Send a worker the metrics of all others."""
        others = [worker for worker in self._workers if worker is not asking and worker.channel is not None]
        for worker in others:
            worker.reported, worker.snapshot = trio.Event(), None
            if worker.channel is not None:
                await worker.channel.send(control.Report())
        with trio.move_on_after(_REPORT_SECONDS):
            for worker in others:
                await worker.reported.wait()
        for worker in others:
            if worker.snapshot:
                await channel.send(control.Snapshot(worker.snapshot))
        await channel.send(control.Snapshot(b""))


def _settings(path: Path, configuration: Configuration, material: TlsMaterial) -> control.Settings:
    return control.Settings(
        text=configuration.text,
        folder=str(path.absolute().parent),
        certificate=material.certificate,
        key=material.key,
        self_signed=material.self_signed,
        client_authorities=material.client_authorities,
    )


def main(modules: tuple[str, str] = (FRONT, BACK)) -> int:
    """Run `python -m pymailcore.supervisor FILE FRONTS`; gives the exit status."""
    os.umask(0o077)
    path, fronts = Path(sys.argv[1]), int(sys.argv[2])
    failure: Exception | None = None
    try:
        configuration = read_file(path)
        configure(configuration.log, process="supervisor")
        held = take_hold(configuration)
        supervisor = Supervisor(path, configuration, held, fronts=fronts, modules=modules)
        why = trio.run(supervisor.run)
        failure = CannotStart(why) if why else None
    except (BadConfiguration, CannotStart) as fault:
        failure = fault
    if failure is not None:
        sys.stderr.write(complaint(failure))
    return 0 if failure is None else 1


if __name__ == "__main__":
    sys.exit(main())
