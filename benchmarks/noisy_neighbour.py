"""What one tenant feels of another one that floods: times of its searches, reads, APPENDs and sent mail.

    python -m benchmarks.noisy_neighbour [--seconds 20] [--processes 2] [--mails 1000] [--waits]

The tenant "flood" has ten accounts: on ten connections they search for two letters (which reads messages),
on four they APPEND, on four they send to another host, on two they FETCH whole Mailboxes, without a pause.
The tenant "calm" has one account with a Mailbox of its own, which does one thing of each kind after the
other; first alone, then beside the flood. Each of the two is a process of its own, with the host that takes
its mail; they share the cores with the server. With --waits each process of the server says where time goes
while the flood is on (`benchmarks.noisy_waits`).
"""

import argparse
import base64
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
from dataclasses import dataclass, field
from pathlib import Path

import trio

from benchmarks import noisy_waits
from benchmarks.support import command
from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.ids import TenantId
from pymailcore.cli.installation import open_installation
from pymailcore.directory.actors import SYSTEM
from pymailcore.runtime.clock import now_ms

PASSWORD = "correct horse battery"
LISTENERS = '\n[[listener]]\nprotocol = "{}"\nbind = "127.0.0.1:0"\ntls = "none"\nplaintext_login = true\n'
ROUTE = '\n[[route]]\ndomain = "{}"\nhost = "127.0.0.1"\nport = {}\n'
CALM_HOST = "calm-far.test"
FLOODERS = 10
WORDS = (
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "lazy",
    "dogs",
    "while",
    "seven",
    "wizards",
    "mix",
    "odd",
)


@dataclass
class Sink:
    """Takes mail as another host would; says which has come."""

    came: dict[str, trio.Event] = field(default_factory=dict)
    count: int = 0

    async def serve(self, stream: trio.SocketStream) -> None:
        """Speak SMTP with one client."""
        lines = Lines(stream)
        await stream.send_all(b"220 sink\r\n")
        while (line := await lines.line()) is not None:
            verb = line[:4].upper()
            if verb == b"RCPT":
                name = line.partition(b"<")[2].partition(b"@")[0].decode()
                if name in self.came:
                    self.came[name].set()
            elif verb == b"DATA":
                await stream.send_all(b"354 go\r\n")
                while await lines.line() not in (b".", None):
                    pass
                self.count += 1
            await stream.send_all(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
            if verb == b"QUIT":
                return


class Lines:
    """Lines of a stream."""

    def __init__(self, stream: trio.abc.ReceiveStream) -> None:
        self._stream = stream
        self._buffer = bytearray()

    async def line(self) -> bytes | None:
        """The next one without its end; None at the end of the stream."""
        while (end := self._buffer.find(b"\r\n")) < 0:
            octets = await self._stream.receive_some(65_536)
            if not octets:
                return None
            self._buffer += octets
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line


class Imap:
    """One signed-in connection with INBOX selected."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream, self._lines, self._tags = stream, Lines(stream), itertools.count(1)

    async def begin(self, name: str) -> None:
        """Sign in."""
        await self._lines.line()
        await self.say(f'LOGIN {name} "{PASSWORD}"'.encode())
        await self.say(b"SELECT INBOX")

    async def say(self, text: bytes, literal: bytes | None = None) -> None:
        """Give a command and wait for its end."""
        tag = b"a%d" % next(self._tags)
        await self._stream.send_all(
            tag + b" " + text + b"\r\n" + (b"" if literal is None else literal + b"\r\n")
        )
        while (line := await self._lines.line()) is not None:
            if line.startswith(tag + b" "):
                if not line.startswith(tag + b" OK"):
                    raise RuntimeError(line.decode())
                return
        raise RuntimeError("the connection was closed")

    async def append(self, octets: bytes) -> None:
        """File a message."""
        await self.say(b"APPEND INBOX {%d+}" % len(octets), octets)


class Smtp:
    """One signed-in connection to the submission port."""

    def __init__(self, stream: trio.SocketStream, name: str) -> None:
        self._stream, self._lines, self._name = stream, Lines(stream), name

    async def begin(self) -> None:
        """Sign in."""
        await self._reply()
        initial = base64.b64encode(f"\0{self._name}\0{PASSWORD}".encode()).decode()
        await self._say("EHLO bench", f"AUTH PLAIN {initial}")

    async def send(self, recipient: str) -> None:
        """Send a message."""
        await self._say(f"MAIL FROM:<{self._name}>", f"RCPT TO:<{recipient}>", "DATA")
        await self._say(f"From: <{self._name}>\r\nSubject: x\r\n\r\n{recipient}\r\n.")

    async def _say(self, *lines: str) -> None:
        await self._stream.send_all("".join(f"{line}\r\n" for line in lines).encode())
        for _ in lines:
            await self._reply()

    async def _reply(self) -> None:
        while (line := await self._lines.line()) is not None:
            if line[:1] not in b"23":
                raise RuntimeError(line.decode())
            if line[3:4] != b"-":
                return


def message(number: int) -> bytes:
    """A message with a text of its own."""
    text = "\r\n".join(" ".join(WORDS[(number * 7 + one * 3 + two) % len(WORDS)] for two in range(12))
                       for one in range(30))  # fmt: skip
    return f"From: <x{number}@far.test>\r\nSubject: number {number}\r\n\r\n{text}\r\n{number}\r\n".encode()


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
        self.done = {"searches": 0, "appends": 0, "sent": 0, "fetches": 0}

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

    async def calm(self, seconds: float) -> dict[str, list[float]]:
        """Do one thing after the other; gives the milliseconds that each took."""
        took: dict[str, list[float]] = {}
        async with self.imap("u0@calm.test") as imap, self.smtp("u0@calm.test") as smtp:
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
    settings += "".join(LISTENERS.format(protocol) for protocol in ("submission", "imap"))
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
    parser.add_argument("--waits", action="store_true", help="where time goes in the server")
    parser.add_argument("--flood", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.flood:
        trio.run(flood)
        return
    print(f"load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        command("init", folder, "--hostname", "mx.bench.test", "--domain", "bench.test", "--loopback")
        trio.run(run, Path(folder) / "pymailcore.toml", chosen)
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
