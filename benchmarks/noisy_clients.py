"""The clients of `benchmarks.noisy_neighbour`, and the host that takes what they send.

They do as little as they can, since they share the cores with the server.
"""

import base64
import itertools
import json
from dataclasses import dataclass, field
from typing import Any, Final

import trio

PASSWORD: Final = "correct horse battery"
WORDS: Final = (
    "the", "quick", "brown", "fox", "jumps", "over", "lazy", "dogs", "while", "seven", "wizards", "mix",
    "odd",
)  # fmt: skip
_USING: Final = ("urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail")
_LIST: Final = [
    "id", "threadId", "mailboxIds", "keywords", "from", "to", "subject", "receivedAt", "size", "preview",
]  # fmt: skip


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

    async def octets(self, count: int) -> bytes:
        """So many octets, whatever they are."""
        while len(self._buffer) < count:
            octets = await self._stream.receive_some(65_536)
            if not octets:
                raise RuntimeError("the connection was closed")
            self._buffer += octets
        some = bytes(self._buffer[:count])
        del self._buffer[:count]
        return some


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


class Jmap:
    """One connection of a webmail, which shows who it is with each request."""

    def __init__(self, stream: trio.SocketStream, name: str) -> None:
        self._stream, self._lines = stream, Lines(stream)
        self._who = base64.b64encode(f"{name}:{PASSWORD}".encode()).decode()
        self._account = self._inbox = ""
        self._ids: list[str] = []
        self._numbers = itertools.count(1)

    async def begin(self) -> None:
        """Find the account, and in it INBOX."""
        session = await self._ask("GET", "/jmap/session")
        self._account = next(iter(session["accounts"]))
        (found,) = await self._call(("Mailbox/get", {"properties": ["role"]}))
        self._inbox = next(one["id"] for one in found["list"] if one["role"] == "inbox")
        await self.show()

    async def show(self) -> None:
        """The list of a webmail: the newest twenty."""
        asked = {
            "filter": {"inMailbox": self._inbox},
            "sort": [{"property": "receivedAt", "isAscending": False}],
            "limit": 20,
        }
        wanted = {
            "#ids": {"resultOf": "0", "name": "Email/query", "path": "/ids"},
            "properties": _LIST,
        }
        found, _ = await self._call(("Email/query", asked), ("Email/get", wanted))
        self._ids = found["ids"]

    async def flag(self) -> None:
        """Set a keyword, or take it away."""
        number = next(self._numbers)
        chosen, value = self._ids[number % len(self._ids)], True if number // 20 % 2 else None
        (done,) = await self._call(("Email/set", {"update": {chosen: {"keywords/$flagged": value}}}))
        if chosen not in done["updated"]:
            raise RuntimeError(str(done))

    async def bring(self, octets: bytes) -> None:
        """Upload a message and file it."""
        blob = (await self._ask("POST", f"/jmap/upload/{self._account}", octets))["blobId"]
        email = {"blobId": blob, "mailboxIds": {self._inbox: True}}
        (done,) = await self._call(("Email/import", {"emails": {"0": email}}))
        if "0" not in (done["created"] or {}):
            raise RuntimeError(str(done))

    async def _call(self, *calls: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
        made = [
            [name, {"accountId": self._account, **given}, str(number)]
            for number, (name, given) in enumerate(calls)
        ]
        asked = json.dumps({"using": _USING, "methodCalls": made}).encode()
        answer = await self._ask("POST", "/jmap/api", asked, "application/json")
        return [one[1] for one in answer["methodResponses"]]

    async def _ask(
        self, method: str, path: str, octets: bytes = b"", kind: str = "message/rfc822"
    ) -> dict[str, Any]:
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {self._who}\r\n"
            f"Content-Type: {kind}\r\nContent-Length: {len(octets)}\r\n\r\n"
        )
        await self._stream.send_all(head.encode() + octets)
        status, length = await self._lines.line(), 0
        while line := await self._lines.line():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        answer: dict[str, Any] = json.loads(await self._lines.octets(length))
        if status is None or status.split()[1][:1] != b"2":
            raise RuntimeError(f"{status!r} {answer}")
        return answer


def message(number: int) -> bytes:
    """A message with a text of its own."""
    text = "\r\n".join(" ".join(WORDS[(number * 7 + one * 3 + two) % len(WORDS)] for two in range(12))
                       for one in range(30))  # fmt: skip
    return f"From: <x{number}@far.test>\r\nSubject: number {number}\r\n\r\n{text}\r\n{number}\r\n".encode()
