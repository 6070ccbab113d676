"""A small SMTP server on a real loopback socket that keeps what it gets, and misbehaves as it is told to.

It is written without the product's own SMTP code, so that the two can disagree.
"""

import functools
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio


@dataclass
class Taken:
    """One message that the sink has answered for."""

    hello: str
    mail: str
    recipients: list[str]
    octets: bytes
    tls: bool


@dataclass
class Sink:
    """What the sink says and what it has taken.

    Attributes:
        replies: by verb ("EHLO" …; "greeting"; "end" of the data), what to say instead of yes; a function is
            given the argument and may return None for yes. "" closes the connection.
        extensions: what EHLO lists.
        certificate: offers STARTTLS with this context; None does not.
        tls_extensions: what EHLO lists inside TLS beside the others.
        lmtp: answer to LHLO, and for each recipient after the data, what `replies["end"]` says of him.
    """

    replies: dict[str, str | Callable[[str], str | None]] = field(default_factory=dict)
    extensions: list[str] = field(default_factory=lambda: ["8BITMIME", "SMTPUTF8", "PIPELINING"])
    certificate: ssl.SSLContext | None = None
    tls_extensions: list[str] = field(default_factory=list)
    lmtp: bool = False
    port: int = 0
    taken: list[Taken] = field(default_factory=list)
    connections: int = 0
    said: list[str] = field(default_factory=list)

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Converse with one client."""
        self.connections += 1
        try:
            await _Talk(self, stream).run()
        except (trio.BrokenResourceError, EOFError):
            return
        finally:
            await trio.aclose_forcefully(stream)


class _Talk:
    def __init__(self, sink: Sink, stream: trio.abc.Stream) -> None:
        self._sink = sink
        self._stream = stream
        self._buffer = bytearray()
        self._tls = False
        self._hello = self._mail = ""
        self._recipients: list[str] = []

    async def run(self) -> None:
        await self._answer("greeting", "", "220 sink ESMTP")
        while True:
            line = (await self._until(b"\r\n")).decode()
            self._sink.said.append(line)
            verb, _, argument = line.partition(" ")
            if verb == "QUIT":
                await self._stream.send_all(b"221 bye\r\n")
                return
            await self._command(verb.upper(), argument)

    async def _command(self, verb: str, argument: str) -> None:
        if verb in (("LHLO",) if self._sink.lmtp else ("EHLO", "HELO")):
            self._hello = argument
            offer = ["STARTTLS"] if self._sink.certificate is not None and not self._tls else []
            inside = self._sink.tls_extensions if self._tls else []
            lines = ["sink", *self._sink.extensions, *inside, *offer]
            marks = ["-"] * (len(lines) - 1) + [" "]
            yes = "\r\n".join(f"250{mark}{text}" for mark, text in zip(marks, lines, strict=True))
            await self._answer("EHLO", argument, yes)
        elif verb == "STARTTLS" and self._sink.certificate is not None:
            await self._start_tls(self._sink.certificate)
        elif verb == "DATA":
            await self._data()
        elif verb == "RCPT" and not self._mail:
            await self._stream.send_all(b"503 no sender\r\n")
        elif verb == "MAIL":
            if await self._answer("MAIL", argument, "250 ok"):
                self._mail, self._recipients = argument, []
        elif verb == "RCPT":
            if await self._answer("RCPT", argument, "250 ok"):
                self._recipients.append(argument)
        else:
            await self._stream.send_all(b"250 ok\r\n" if verb in ("RSET", "NOOP") else b"500 what\r\n")

    async def _start_tls(self, certificate: ssl.SSLContext) -> None:
        if await self._answer("STARTTLS", "", "220 go"):
            stream = trio.SSLStream(self._stream, certificate, server_side=True)
            await stream.do_handshake()
            self._stream, self._tls = stream, True

    async def _data(self) -> None:
        if not self._recipients:
            await self._stream.send_all(b"503 no recipients\r\n")
            return
        if not await self._answer("DATA", "", "354 go"):
            return
        octets = (await self._until(b"\r\n.\r\n") + b"\r\n").replace(b"\r\n..", b"\r\n.")
        if octets.startswith(b".."):
            octets = octets[1:]
        taken = Taken(self._hello, self._mail, [], octets, self._tls)

        def keep(recipients: list[str]) -> None:
            if not taken.recipients:
                self._sink.taken.append(taken)
            taken.recipients += recipients

        for some in [[text] for text in self._recipients] if self._sink.lmtp else [self._recipients]:
            about = some[0] if self._sink.lmtp else ""
            await self._answer("end", about, "250 kept", functools.partial(keep, some))
        self._mail = ""

    async def _answer(
        self, what: str, argument: str, yes: str, kept: Callable[[], None] | None = None
    ) -> bool:
        how = self._sink.replies.get(what)
        text = how(argument) if callable(how) else how
        if text == "":
            raise EOFError
        if text is None and kept is not None:
            kept()  # before the client can know
        await self._stream.send_all((yes if text is None else text).encode() + b"\r\n")
        return text is None

    async def _until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            octets = await self._stream.receive_some(65_536)
            if not octets:
                raise EOFError
            self._buffer += octets
        found, _, rest = bytes(self._buffer).partition(mark)
        self._buffer = bytearray(rest)
        return found


@asynccontextmanager
async def sinking(sink: Sink | None = None) -> AsyncIterator[Sink]:
    """Run a sink."""
    sink = sink or Sink()
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    sink.port = listener.socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, sink.serve, [listener])
        yield sink
        nursery.cancel_scope.cancel()
