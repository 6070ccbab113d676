"""A running IMAP server over a real store, and a strict client for it."""

import random
import re
import ssl
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import trio
from tests.support.sasl import OneAccount
from tests.support.stores import add_account, small_settings

from pymailcore.base.budget import MailDataBudget
from pymailcore.base.ids import DEFAULT_TENANT, AccountId, IdMint
from pymailcore.imap.server import TlsMode, serve_connection
from pymailcore.imap.settings import ImapSettings
from pymailcore.runtime.clock import now_ms
from pymailcore.runtime.hub import ChangeHub
from pymailcore.runtime.logs import get_logger
from pymailcore.runtime.metrics import Metrics
from pymailcore.runtime.serve import Connection
from pymailcore.runtime.tls import ClientCertificates, TlsContexts
from pymailcore.sasl.settings import SaslSettings
from pymailcore.store.keywords import Keywords
from pymailcore.store.opening import open_store
from pymailcore.store.store import Store
from pymailcore.store.types import Appended, Target

ACCOUNT = AccountId(1)
USER = "anna@example.test"
PASSWORD = "secret ☃"
RECEIVED_MS = 1_790_000_000_000
READ_ONLY_PASSWORD = "look and do not touch"
TOKEN = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="
FAST = ImapSettings()


def one_account() -> OneAccount:
    """A directory that knows one account, with an app password that may only read and a token."""
    return OneAccount(USER, (PASSWORD, READ_ONLY_PASSWORD), token=TOKEN, read_only=frozenset({1}))


def unverified_tls() -> ssl.SSLContext:
    """A client context that takes the self-signed certificate of a test."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@dataclass
class ImapWorld:
    """A server with one account; ports are opened as asked for.

    Attributes:
        ended: set when a connection has been served to its end.
    """

    store: Store
    hub: ChangeHub
    tls: TlsContexts
    nursery: trio.Nursery
    directory: OneAccount = field(default_factory=one_account)
    settings: ImapSettings = FAST
    metrics: Metrics = field(default_factory=Metrics)
    draining: trio.Event = field(default_factory=trio.Event)
    ended: trio.Event = field(default_factory=trio.Event)
    now_ms: Callable[[], int] = now_ms
    sasl: SaslSettings = SaslSettings()  # noqa: RUF009 - it is frozen
    client_certificates: ClientCertificates = "no"
    budget: MailDataBudget | None = None
    jmap_url: str = ""

    async def handle(self, stream: trio.SocketStream, tls_mode: TlsMode, plaintext_login: bool) -> None:
        """Serve one connection as the accept loop does."""
        async with stream:
            connection = Connection(
                stream=stream,
                peer="127.0.0.1",
                peer_port=1,
                local="127.0.0.1",
                local_port=143,
                id="test",
                log=get_logger(),
                draining=self.draining,
            )
            await serve_connection(
                connection,
                store=self.store,
                directory=self.directory,
                hub=self.hub,
                settings=self.settings,
                metrics=self.metrics,
                tls=self.tls.for_logins(self.client_certificates),
                sasl=self.sasl,
                tls_mode=tls_mode,
                plaintext_login=plaintext_login,
                now_ms=self.now_ms,
                budget=self.budget,
                jmap_url=self.jmap_url,
            )
        self.ended.set()

    async def listen(self, tls_mode: TlsMode = "none", *, plaintext_login: bool = True) -> int:
        """Open a port."""
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")

        async def handle(stream: trio.SocketStream) -> None:
            await self.handle(stream, tls_mode, plaintext_login)

        self.nursery.start_soon(trio.serve_listeners, handle, [listener])
        port: int = listener.socket.getsockname()[1]
        return port

    async def connect(self, tls_mode: TlsMode = "none", *, plaintext_login: bool = True) -> "ImapClient":
        """Connect a client and read the greeting."""
        port = await self.listen(tls_mode, plaintext_login=plaintext_login)
        client = ImapClient(await trio.open_tcp_stream("127.0.0.1", port))
        client.greeting = await client.line()
        return client

    async def log_in(self, mailbox: str | None = None) -> "ImapClient":
        """Connect a client that is logged in, with a Mailbox selected if asked for."""
        client = await self.connect()
        await client.ok(f'LOGIN {USER} "{PASSWORD}"')
        if mailbox is not None:
            await client.ok(f"SELECT {mailbox}")
        return client

    async def deliver(
        self,
        octets: bytes,
        mailbox: str = "inbox",
        *,
        keywords: Keywords = Keywords(),  # noqa: B008
        received_ms: int = RECEIVED_MS,
    ) -> Appended:
        """File one message into the Mailbox with a role."""
        prepared = await self.store.prepare(octets)
        (filed,) = await self.store.deliver(
            prepared, [Target(ACCOUNT, mailbox, keywords)], tenant=DEFAULT_TENANT, received_ms=received_ms
        )
        return filed


@asynccontextmanager
async def imap_world(
    data: Path, tls: TlsContexts, settings: ImapSettings = FAST, *, metadata: str = ""
) -> AsyncIterator[ImapWorld]:
    """Open a store with one account and be ready to listen.

    Args:
        metadata: the address of a PostgreSQL database, which may have the account; SQLite when empty.
    """
    hub = ChangeHub()
    async with (
        open_store(
            small_settings(data / "store", metadata=metadata),
            notify=hub.publish,
            ids=IdMint(now_ms, random.getrandbits),
            maintain=False,
        ) as store,
        trio.open_nursery() as nursery,
    ):
        if not await store.mailboxes(ACCOUNT):
            await add_account(store, ACCOUNT, USER)
        yield ImapWorld(store, hub, tls, nursery, settings=settings)
        nursery.cancel_scope.cancel()


@dataclass
class Reply:
    """The tagged response of a command and the untagged ones before it, each without its line end."""

    tagged: bytes
    untagged: list[bytes]

    @property
    def status(self) -> str:
        """OK, NO or BAD."""
        return self.tagged.split(b" ", 1)[0].decode()

    @property
    def code(self) -> str:
        """What stands in the brackets, or nothing."""
        match = re.match(rb"[A-Z]+ \[([^]]*)\]", self.tagged)
        return match[1].decode() if match else ""


class ImapClient:
    """Sends commands and reads responses, literals included; anything malformed is an AssertionError."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.greeting = b""
        self._buffer = bytearray()
        self._zlib: Any = None
        self.count = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await trio.aclose_forcefully(self.stream)

    async def start_tls(self) -> None:
        """Take TLS up."""
        assert not self._buffer
        self.stream = trio.SSLStream(
            self.stream, unverified_tls(), server_hostname="x", https_compatible=True
        )
        await self.stream.do_handshake()

    def compress(self) -> None:
        """Compress from now on, both ways (RFC 4978)."""
        assert not self._buffer
        self._zlib = (zlib.compressobj(6, zlib.DEFLATED, -15), zlib.decompressobj(-15))

    def plain(self) -> None:
        """Compress no more."""
        assert not self._buffer
        self._zlib = None

    async def send(self, octets: bytes) -> None:
        """Send octets as they are."""
        if self._zlib is not None:
            octets = self._zlib[0].compress(octets) + self._zlib[0].flush(zlib.Z_SYNC_FLUSH)
        await self.stream.send_all(octets)

    async def _more(self) -> bool:
        octets = bytes(await self.stream.receive_some(65_536))
        self._buffer += octets if self._zlib is None else self._zlib[1].decompress(octets)
        return bool(octets)

    def unread(self, response: bytes) -> None:
        """Give a response back, to be read again."""
        self._buffer[:0] = response + b"\r\n"

    async def at_end(self) -> bool:
        """Whether the server has closed the connection, and said nothing more."""
        return not self._buffer and not await self._more()

    async def line(self) -> bytes:
        """Read one response: a line, and further lines as long as one ends with a literal."""
        response = b""
        while True:
            while (end := self._buffer.find(b"\n")) < 0:
                assert await self._more(), "the server has gone"
            assert self._buffer[end - 1 : end] == b"\r", "a lone LF"
            response += self._buffer[: end - 1]
            del self._buffer[: end + 1]
            match = re.search(rb"\{(\d+)\}\Z", response)
            if match is None:
                return response
            size = int(match[1])
            while len(self._buffer) < size:
                assert await self._more(), "the server has gone"
            response += b"\r\n" + self._buffer[:size]
            del self._buffer[:size]

    async def reply(self, tag: bytes) -> Reply:
        """Read responses up to the tagged one."""
        untagged: list[bytes] = []
        while True:
            response = await self.line()
            if response.startswith(tag + b" "):
                return Reply(response[len(tag) + 1 :], untagged)
            assert response.startswith((b"* ", b"+ ")), response
            untagged.append(response[2:])

    async def command(self, line: str, *literals: bytes) -> Reply:
        """Run a command; `{}` in the line stands for a literal that is sent unasked."""
        self.count += 1
        tag = b"t%d" % self.count
        pieces = line.encode().split(b"{}")
        assert len(pieces) == len(literals) + 1
        octets = tag + b" " + pieces[0]
        for literal, piece in zip(literals, pieces[1:], strict=True):
            octets += b"{%d+}\r\n%b%b" % (len(literal), literal, piece)
        await self.send(octets + b"\r\n")
        return await self.reply(tag)

    async def ok(self, line: str, *literals: bytes) -> list[bytes]:
        """Run a command that must succeed; gives the untagged responses."""
        reply = await self.command(line, *literals)
        assert reply.status == "OK", reply
        return reply.untagged

    async def fetch(self, line: str) -> list[dict[str, Any]]:
        """Run a FETCH; gives the items of each message, with its number as `#`."""
        return [parse_fetch(response) for response in await self.ok(line)]


def parse_fetch(response: bytes) -> dict[str, Any]:
    """Read one FETCH response strictly."""
    match = re.match(rb"(\d+) FETCH ", response)
    assert match, response
    value, end = _value(response, match.end())
    assert end == len(response), response[end:]
    assert isinstance(value, list)
    assert len(value) % 2 == 0
    items: dict[str, Any] = {"#": int(match[1])}
    for name, item in zip(value[::2], value[1::2], strict=True):
        assert isinstance(name, str)
        items[name] = item
    return items


_WORD = re.compile(rb"[^ ()\[\]\"{]+(?:\[[^\]]*\](?:<\d+>)?)?")


def _value(text: bytes, at: int) -> tuple[Any, int]:
    """Read a list (list), number (int), NIL (None), string (bytes) or word (str)."""
    if text[at : at + 1] == b"(":
        items: list[Any] = []
        at += 1
        while text[at : at + 1] != b")":
            if items and text[at : at + 1] == b" ":
                at += 1
            item, at = _value(text, at)
            items.append(item)
        return items, at + 1
    if text[at : at + 1] == b'"':
        match = re.compile(rb'"((?:[^"\\\r\n]|\\["\\])*)"').match(text, at)
        assert match, text[at:]
        return re.sub(rb"\\(.)", rb"\1", match[1]), match.end()
    literal = re.compile(rb"\{(\d+)\}\r\n").match(text, at)
    if literal:
        end = literal.end() + int(literal[1])
        return text[literal.end() : end], end
    word = _WORD.match(text, at)
    assert word, text[at:]
    if word[0] == b"NIL":
        return None, word.end()
    return (int(word[0]) if word[0].isdigit() else word[0].decode()), word.end()
