"""A receiver that keeps every octet that it is sent, and believes none of them.

It knows of SMTP only what it needs to be given messages, and shares no code with the product.
"""

import contextlib
import socketserver
import threading
from collections.abc import Iterator, Sequence
from typing import Final

_ANSWERS: Final = {b"DATA": b"354 go\r\n", b"QUIT": b"221 bye\r\n"}


class RawSink:
    """What came, one entry for each connection.

    Attributes:
        extensions: what EHLO lists.
        wire: all octets of each connection, in the order in which they came.
        messages: what stood between DATA and its end, with the dots as they came.
        commands: all lines outside messages.
        refusal: what RCPT is answered with instead of yes.
    """

    def __init__(self, extensions: Sequence[str] = ()) -> None:
        self.extensions = tuple(extensions)
        self.port = 0
        self.wire: list[bytearray] = []
        self.messages: list[bytes] = []
        self.commands: list[bytes] = []
        self.refusal = b""

    @property
    def all_octets(self) -> bytes:
        """Everything that came over all connections."""
        return b"".join(self.wire)


class _Talk(socketserver.BaseRequestHandler):
    """One connection."""

    sink: RawSink

    def handle(self) -> None:
        """Answer until the other side goes."""
        self._buffer, self._seen = b"", bytearray()
        self.sink.wire.append(self._seen)
        with contextlib.suppress(EOFError, OSError):
            self.request.sendall(b"220 sink ESMTP\r\n")
            while self._command(self._until(b"\r\n")):
                pass

    def _command(self, line: bytes) -> bool:
        self.sink.commands.append(line)
        verb = line[:4].upper()
        if verb == b"EHLO":
            lines = ["sink", *self.sink.extensions]
            self.request.sendall(
                b"".join(b"250-%s\r\n" % text.encode() for text in lines[:-1])
                + b"250 %s\r\n" % lines[-1].encode()
            )
            return True
        if verb == b"BDAT":
            size, _, last = line[5:].partition(b" ")
            self.sink.messages.append(self._take(int(size)))
            assert last.upper() == b"LAST"
        if verb == b"RCPT" and self.sink.refusal:
            self.request.sendall(self.sink.refusal)
            return True
        if verb == b"DATA" and self.sink.refusal:
            self.request.sendall(b"554 nobody\r\n")
            return True
        self.request.sendall(_ANSWERS.get(verb, b"250 ok\r\n"))
        if verb == b"DATA":
            self.sink.messages.append(self._until(b"\r\n.\r\n") + b"\r\n")
            self.request.sendall(b"250 kept\r\n")
        return verb != b"QUIT"

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            self._read()
        found, _, self._buffer = self._buffer.partition(mark)
        return found

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._read()
        found, self._buffer = self._buffer[:size], self._buffer[size:]
        return found

    def _read(self) -> None:
        octets = self.request.recv(65_536)
        if not octets:
            raise EOFError
        self._seen += octets
        self._buffer += octets


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextlib.contextmanager
def raw_sink(*extensions: str) -> Iterator[RawSink]:
    """Listen on a loopback port until the end of the block."""
    sink = RawSink(extensions)
    handler = type("Talk", (_Talk,), {"sink": sink})
    with _Server(("127.0.0.1", 0), handler) as server:
        sink.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield sink
        server.shutdown()
        thread.join()
