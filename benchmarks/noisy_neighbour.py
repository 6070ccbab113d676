"""What one tenant feels of another one that floods: times of its searches, reads, APPENDs, mail, JMAP.

    python -m benchmarks.noisy_neighbour [--seconds 20] [--processes 2] [--mails 1000]
                                         [--postgresql] [--waits]

The tenant "flood" has ten accounts: on ten connections they search for two letters (which reads messages),
on four they APPEND, on four they send to another host, on two they FETCH whole Mailboxes; by JMAP they list
on two, set keywords on two, upload and import on two; all without a pause. The tenant "calm" has one account
with a Mailbox of its own, which does one thing of each kind after the other; first alone, then beside the
flood. Each of the two is a process of its own, with the host that takes its mail; they share the cores with
the server. The data lie where temporary files do: TMPDIR says whether that is memory. With --waits each
process of the server says where time goes while the flood is on (`benchmarks.noisy_waits`).
"""

import argparse
import functools
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import trio
from tests.support.postgres import cluster

from benchmarks import noisy_waits
from benchmarks.noisy_clients import PASSWORD, Imap, Jmap, Sink, Smtp, message
from benchmarks.support import command
from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.ids import TenantId
from pymailcore.cli.installation import open_installation
from pymailcore.directory.actors import SYSTEM
from pymailcore.runtime.clock import now_ms

LISTENERS = '\n[[listener]]\nprotocol = "{}"\nbind = "127.0.0.1:0"\ntls = "none"\nplaintext_login = true\n'
ROUTE = '\n[[route]]\ndomain = "{}"\nhost = "127.0.0.1"\nport = {}\n'
CALM_HOST = "calm-far.test"
FLOODERS = 10


async def fill(config: Path, mails: int) -> None:
    """Make both tenants, their accounts, and mail."""
    async with open_installation(config) as core:
        for tenant in ("flood", "calm"):
            made = (await core.directory.tenants.add(SYSTEM, tenant)).id
            await core.directory.domains.add(SYSTEM, f"{tenant}.test", tenant=made)
            for number in range(FLOODERS if tenant == "flood" else 1):
                address = Address(f"u{number}", f"{tenant}.test")
                await core.directory.accounts.add(SYSTEM, address, PASSWORD)
                for one in range(mails if tenant == "flood" else 500):
                    await file(core.delivery.accept, address, made, number * mails + one)


async def file(accept: Callable[..., Awaitable[object]], to: Address, tenant: TenantId, number: int) -> None:
    """Bring a message to an account."""
    envelope = Envelope(reverse_path=Address("x", "far.test"), recipients=(to,))
    await accept(envelope, message(number), tenant=tenant, received_ms=now_ms())


class Client:
    """Connections to the server, and the host that takes what is sent."""

    def __init__(self, ports: dict[str, int], sink: Sink) -> None:
        self._ports, self._sink = ports, sink
        self._numbers = itertools.count(1)
        self.done = {
            "searches": 0,
            "appends": 0,
            "sent": 0,
            "fetches": 0,
            "lists": 0,
            "flags": 0,
            "imports": 0,
        }

    @asynccontextmanager
    async def imap(self, name: str) -> AsyncIterator[Imap]:
        """A connection that is signed in."""
        async with await trio.open_tcp_stream("127.0.0.1", self._ports["imap"]) as stream:
            it = Imap(stream)
            await it.begin(name)
            yield it

    @asynccontextmanager
    async def smtp(self, name: str) -> AsyncIterator[Smtp]:
        """A connection that is signed in."""
        async with await trio.open_tcp_stream("127.0.0.1", self._ports["submission"]) as stream:
            it = Smtp(stream, name)
            await it.begin()
            yield it

    @asynccontextmanager
    async def jmap(self, name: str) -> AsyncIterator[Jmap]:
        """A connection that knows its account."""
        async with await trio.open_tcp_stream("127.0.0.1", self._ports["http"]) as stream:
            it = Jmap(stream, name)
            await it.begin()
            yield it

    async def search(self, number: int) -> None:
        """Search without end."""
        async with self.imap(f"u{number}@flood.test") as it:
            for needle in itertools.cycle((b"qz", b"xk", b"jj")):
                await it.say(b'UID SEARCH TEXT "' + needle + b'"')
                self.done["searches"] += 1

    async def append(self, number: int) -> None:
        """File messages without end."""
        async with self.imap(f"u{number}@flood.test") as it:
            for one in itertools.count():
                await it.append(message(10**6 * number + one))
                self.done["appends"] += 1

    async def send(self, number: int) -> None:
        """Send without end."""
        async with self.smtp(f"u{number}@flood.test") as it:
            for one in itertools.count():
                await it.send(f"f{one}@far{one % 50}.test")
                self.done["sent"] += 1

    async def fetch(self, number: int) -> None:
        """Fetch whole Mailboxes without end."""
        async with self.imap(f"u{number}@flood.test") as it:
            while True:
                await it.say(b"FETCH 1:* (FLAGS ENVELOPE BODYSTRUCTURE)")
                await it.say(b"FETCH 1:50 BODY.PEEK[]")
                self.done["fetches"] += 2

    async def webmail(self, number: int, what: str) -> None:
        """Do one thing by JMAP without end."""
        async with self.jmap(f"u{number}@flood.test") as it:
            for one in itertools.count():
                match what:
                    case "lists":
                        await it.show()
                    case "flags":
                        await it.flag()
                    case "imports":
                        await it.bring(message(10**8 * (number + 1) + one))
                self.done[what] += 1

    async def flood(self) -> None:
        """All of it at once."""
        async with trio.open_nursery() as nursery:
            for number in range(FLOODERS):
                nursery.start_soon(self.search, number)
            for number in range(4):
                nursery.start_soon(self.append, number)
                nursery.start_soon(self.send, number)
            for number in range(2):
                nursery.start_soon(self.fetch, number)
                for what in ("lists", "flags", "imports"):
                    nursery.start_soon(self.webmail, number, what)

    async def calm(self, seconds: float) -> dict[str, list[float]]:
        """Do one thing after the other; gives the milliseconds that each took."""
        took: dict[str, list[float]] = {}
        name = "u0@calm.test"
        async with self.imap(name) as imap, self.smtp(name) as smtp, self.jmap(name) as jmap:
            until = trio.current_time() + seconds
            while trio.current_time() < until:
                number = next(self._numbers)
                name = f"calm{number}"
                came = self._sink.came.setdefault(name, trio.Event())
                for what, work in (
                    ("search", functools.partial(imap.say, b'UID SEARCH TEXT "qz"')),
                    ("read", functools.partial(imap.say, b"UID FETCH %d BODY.PEEK[]" % (1 + number % 500))),
                    ("append", functools.partial(imap.append, message(number))),
                    ("submit", functools.partial(smtp.send, f"{name}@{CALM_HOST}")),
                    ("arrive", came.wait),
                    ("list", jmap.show),
                    ("flag", jmap.flag),
                    ("import", functools.partial(jmap.bring, message(10**7 + number))),
                ):
                    began = time.perf_counter()
                    await work()
                    took.setdefault(what, []).append((time.perf_counter() - began) * 1000)
                await trio.sleep(0.02)
        return took


async def flood() -> None:
    """The process that floods: says the port of its host, is told those of the server, floods until EOF.

    To each further line it answers with what it has done.
    """
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    sink = Sink()
    _tell(listeners[0].socket.getsockname()[1])
    client = Client(json.loads(await trio.to_thread.run_sync(sys.stdin.readline)), sink)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, sink.serve, listeners)
        nursery.start_soon(client.flood)
        while await trio.to_thread.run_sync(sys.stdin.readline):
            _tell(client.done)
        nursery.cancel_scope.cancel()


def _tell(what: object) -> None:
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


class Flood:
    """The other process, as this one sees it; not begun."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.noisy_neighbour", "--flood"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.port = int(self._line())

    def begin(self, ports: dict[str, int]) -> None:
        """Let it flood."""
        self._say(json.dumps(ports))

    def done(self) -> dict[str, int]:
        """What it has done by now."""
        self._say("")
        counts: dict[str, int] = json.loads(self._line())
        return counts

    def end(self) -> None:
        """Stop it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


async def measure(client: Client, other: Flood, ports: dict[str, int], seconds: float, waits: Path) -> None:
    """Print what the calm tenant sees, alone and beside the flood."""
    await client.calm(2.0)
    idle = await client.calm(seconds)
    other.begin(ports)
    await trio.sleep(3.0)
    await trio.Path(waits).touch()
    before, began = await trio.to_thread.run_sync(other.done), time.perf_counter()
    beside = await client.calm(seconds)
    lasted = time.perf_counter() - began
    done = await trio.to_thread.run_sync(other.done)
    await trio.Path(waits).unlink()
    rates = {what: (count - before[what]) / lasted for what, count in done.items()}
    print("the flood, a second: " + ", ".join(f"{rate:.0f} {what}" for what, rate in rates.items()))
    for what, alone in idle.items():
        figures = [*quantiles(alone), *quantiles(beside[what])]
        print(
            f"{what:8} alone p50 {figures[0]:7.1f} p99 {figures[1]:7.1f} ms   beside p50 {figures[2]:7.1f}"
            f" p99 {figures[3]:7.1f} ms   p99 ratio {figures[3] / figures[1]:5.2f}"
            f"  ({len(alone)}, {len(beside[what])} times)"
        )


def quantiles(times: list[float]) -> tuple[float, float]:
    """p50 and p99."""
    return statistics.median(times), sorted(times)[max(0, round(len(times) * 0.99) - 1)]


def serve(
    config: Path, processes: int, environment: Mapping[str, str]
) -> tuple[subprocess.Popen[str], dict[str, int]]:
    """Start the server; gives it and its ports."""
    server = subprocess.Popen(
        [sys.executable, "-m", "pymailcore", "serve", "--config", str(config), "--processes", str(processes)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment,
    )  # fmt: skip
    assert server.stdout is not None
    for line in server.stdout:
        if line.startswith("ready: "):
            places = (place.split(" ") for place in line[7:].strip().split(", "))
            return server, {name: int(where.rpartition(":")[2]) for name, where in places}
    raise RuntimeError("the server ended before it was ready")


def configure(config: Path, calm: int, flooding: int) -> None:
    """Listeners without TLS, no limits, and the mail of each to its own host."""
    settings = config.read_text("utf-8").partition("[[listener]]")[0]
    settings += "".join(LISTENERS.format(protocol) for protocol in ("submission", "imap", "http"))
    limits = "".join(f"{what}_per_{per} = 0\n" for what in ("messages", "recipients", "first_recipients")
                     for per in ("hour", "day"))  # fmt: skip
    settings += f"\n[submission]\n{limits}"
    settings += ROUTE.format(CALM_HOST, calm) + ROUTE.format("*", flooding)
    config.write_text(settings, "utf-8")


async def run(config: Path, chosen: argparse.Namespace) -> None:
    """Listen as the other host, fill, serve, measure."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    sink, other = Sink(), Flood()
    configure(config, listeners[0].socket.getsockname()[1], other.port)
    await fill(config, chosen.mails)
    waits = config.parent / "waits"
    waits.mkdir()
    environment = noisy_waits.environment(waits) if chosen.waits else os.environ
    server, ports = await trio.to_thread.run_sync(serve, config, chosen.processes, environment)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, sink.serve, listeners)
            await measure(Client(ports, sink), other, ports, chosen.seconds, waits / noisy_waits.ON)
            nursery.cancel_scope.cancel()
    finally:
        other.end()
        server.terminate()
        await trio.to_thread.run_sync(server.wait, 60)
    for told in sorted(waits.glob("*.txt")):
        print(told.read_text("utf-8"), end="")


def main() -> None:
    """Print both, and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--mails", type=int, default=1_000, help="of each account that floods")
    parser.add_argument("--postgresql", action="store_true", help="on a PostgreSQL of its own, in memory")
    parser.add_argument("--waits", action="store_true", help="where time goes in the server")
    parser.add_argument("--flood", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.flood:
        trio.run(flood)
        return
    print(f"load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        metadata = ("--metadata", cluster().url(cluster().new_database())) if chosen.postgresql else ()
        names = ("--hostname", "mx.bench.test", "--domain", "bench.test")
        command("init", folder, *names, "--loopback", *metadata)
        trio.run(run, Path(folder) / "pymailcore.toml", chosen)
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
