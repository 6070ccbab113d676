"""Guesses passwords at a family, from any loopback address, over all protocols; reads its log."""

import base64
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import trio
from tests.support.family import PASSWORD, Family, unverified_tls
from tests.support.waiting import until

PROTOCOLS = ("imap", "smtp", "jmap")
"""As the log calls them: IMAP, submission and HTTP."""


_DECODER = json.JSONDecoder()


class Line(NamedTuple):
    """One sign-in, as the log has it."""

    event: str
    peer: str
    protocol: str
    user: str
    process: str
    reason: str = ""


class Claimed(NamedTuple):
    """A claim about where a peer comes from, as the log has it."""

    peer: str
    protocol: str
    claim: str


@dataclass
class Log:
    """What a family has written since this was made."""

    family: Family
    offset: int = 0

    def __post_init__(self) -> None:
        self.offset = self._path.stat().st_size

    @property
    def _path(self) -> Path:
        return self.family.folder / "serve.log"

    def lines(self) -> Iterator[Line]:
        """Sign-ins, right and wrong; of lines that are whole."""
        for entry in self._entries('"login'):
            if "user" in entry:
                yield Line(*(entry.get(key, "") for key in Line._fields))

    def claims(self) -> Iterator[Claimed]:
        """What peers have said about where they come from."""
        for entry in self._entries('"claim ignored"'):
            yield Claimed(*(entry[key] for key in Claimed._fields))

    def _entries(self, within: str) -> Iterator[dict[str, str]]:
        with self._path.open(encoding="utf-8") as log:
            log.seek(self.offset)
            texts = log.read().split("\n")[:-1]
        for text in texts:
            place = 0
            while place < len(text) and within in text:
                entry, place = _DECODER.raw_decode(text, place)
                if within.strip('"') in str(entry.get("event")):
                    yield entry

    async def until(self, count: int, wanted: Callable[[Line], bool], seconds: float = 20.0) -> list[Line]:
        """Give the lines of one kind, as soon as there are so many."""
        await until(lambda: sum(map(wanted, self.lines())) >= count, seconds=seconds)
        return [line for line in self.lines() if wanted(line)]


class Connection:
    """One connection from one address, which may say something before it signs in.

    Attributes:
        heard: every line that was read.
    """

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._buffer = b""
        self.heard: list[bytes] = []

    async def send(self, octets: bytes) -> None:
        """Send."""
        await self._stream.send_all(octets)

    async def line(self) -> bytes:
        """Read a line; the last of what there is when the server closes."""
        while b"\n" not in self._buffer:
            octets = await self._stream.receive_some(65_536)
            if not octets:
                break
            self._buffer += octets
        line, _, self._buffer = self._buffer.partition(b"\n")
        self.heard.append(line.rstrip(b"\r"))
        return self.heard[-1]

    async def last_line(self, begins: bytes) -> bytes:
        """Read up to a line that begins so, or to the end."""
        while (line := await self.line()) and not line.startswith(begins):
            pass
        return line


@asynccontextmanager
async def connected(family: Family, protocol: str, source: str) -> AsyncIterator[Connection]:
    """Connect from an address; the greeting is read.

    Raises:
        trio.BrokenResourceError: the server has too much to do.
    """
    port = family.ports[{"imap": "imap", "smtp": "submissions", "jmap": "http"}[protocol]]
    stream: trio.abc.Stream = await trio.open_tcp_stream("127.0.0.1", port, local_address=source)
    try:
        if protocol == "smtp":
            stream = trio.SSLStream(stream, unverified_tls(), https_compatible=True)
        connection = Connection(stream)
        if protocol != "jmap" and not await connection.line():
            raise trio.BrokenResourceError("closed without a greeting")
        if protocol == "smtp":
            await connection.send(b"EHLO guess.test\r\n")
            assert await connection.last_line(b"250 ")
        yield connection
    finally:
        await trio.aclose_forcefully(stream)


async def sign_in(
    connection: Connection, protocol: str, name: str, password: str = PASSWORD, headers: str = ""
) -> bool:
    """Sign in; whether that was right. The answer to a wrong one takes its time."""
    if protocol == "jmap":
        basic = base64.b64encode(f"{name}:{password}".encode()).decode()
        first = "GET /.well-known/jmap HTTP/1.1\r\nHost: mx.test\r\n"
        await connection.send(f"{first}Authorization: Basic {basic}\r\n{headers}\r\n".encode())
        return (await connection.line()).startswith(b"HTTP/1.1 200")
    plain = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
    if protocol == "imap":
        await connection.send(f"a AUTHENTICATE PLAIN {plain}\r\n".encode())
        return (await connection.last_line(b"a ")).startswith(b"a OK")
    await connection.send(f"AUTH PLAIN {plain}\r\n".encode())
    return (await connection.line()).startswith(b"235")


async def once(family: Family, protocol: str, source: str, name: str, password: str = PASSWORD) -> bool:
    """Connect, sign in, and leave; whether that was right."""
    async with connected(family, protocol, source) as connection:
        return await sign_in(connection, protocol, name, password)
