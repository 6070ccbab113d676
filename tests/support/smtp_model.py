"""What an SMTP server core may do, written a second time: slow, simple, one command after the other.

The model gets the same octets as the core, whole. It gives the codes of the replies and the messages taken,
each as reverse-path, recipients and mail data. It knows addresses by their text only, and one limit.
"""

import re
from dataclasses import dataclass, field

KNOWN = {
    b"EHLO",
    b"HELO",
    b"MAIL",
    b"RCPT",
    b"DATA",
    b"BDAT",
    b"RSET",
    b"NOOP",
    b"VRFY",
    b"QUIT",
    b"STARTTLS",
}
MAX_OCTETS = 300


@dataclass
class Model:
    """One conversation.

    Attributes:
        verdicts: what policy answers to local parts and names in EHLO, as codes; 250 for those that are not
            in it.
        data_verdicts, text_verdicts: the same at DATA, for local parts of the sender, and for whole messages.
        asked: the mail data that policy was asked about.
    """

    verdicts: dict[bytes, int] = field(default_factory=dict)
    data_verdicts: dict[bytes, int] = field(default_factory=dict)
    text_verdicts: dict[bytes, int] = field(default_factory=dict)
    asked: list[bytes] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    messages: list[tuple[bytes, tuple[bytes, ...], bytes]] = field(default_factory=list)
    greeted: bool = False
    sender: bytes | None = None
    recipients: list[bytes] = field(default_factory=list)
    refused: bool = False
    chunks: bytes | None = None
    ended: bool = False
    cut: bool = False

    def run(self, octets: bytes) -> None:
        """Take a whole conversation; what is not whole at its end is left."""
        while octets and not self.ended:
            line, end, rest = octets.partition(b"\n")
            if not end:
                return
            if not line.endswith(b"\r") or re.search(rb"[\x00-\x1f]", line[:-1]):
                self.codes.append(500)
                octets = rest
                continue
            verb, _, arguments = line[:-1].partition(b" ")
            left = self.command(verb.upper(), arguments, rest)
            if left is None:
                return
            octets = left

    def command(self, verb: bytes, arguments: bytes, rest: bytes) -> bytes | None:
        """Do one command; give what is behind it, None when more octets must come first."""
        if verb == b"DATA" and self.recipients and self.chunks is None:
            return self.data(rest)
        if verb == b"BDAT":
            return self.bdat(arguments, rest)
        self.say(self.simple(verb, arguments))
        return rest

    def say(self, code: int) -> None:
        """Reply; 421 is the last, and 0 stands for a connection that ends without one."""
        self.ended = self.ended or code in (0, 421)
        self.cut = self.cut or not code
        if code:
            self.codes.append(code)

    def simple(self, verb: bytes, arguments: bytes) -> int:
        """Do a command without mail data; give its code."""
        if verb not in KNOWN:
            return 500
        if verb == b"QUIT":
            self.ended = True
            return 221
        if verb == b"STARTTLS":
            return 503 if self.sender is not None else 502
        if verb in (b"NOOP", b"VRFY"):
            return 250 if verb == b"NOOP" else 252
        if verb in (b"EHLO", b"HELO") and (code := self.verdict(arguments)) != 250:
            return code
        if verb in (b"EHLO", b"HELO", b"RSET"):
            self.greeted = self.greeted or verb != b"RSET"
            self.empty()
            return 250
        if self.chunks is not None:
            return 503
        if verb == b"MAIL":
            return self.mail(arguments)
        if verb == b"RCPT":
            return self.rcpt(arguments)
        return 554 if self.sender is not None and self.refused else 503

    def mail(self, arguments: bytes) -> int:
        """MAIL."""
        if not self.greeted or self.sender is not None:
            return 503
        sender = arguments.removeprefix(b"FROM:")
        code = self.verdict(sender)
        if code == 250:
            self.empty()
            self.sender = sender
        return code

    def rcpt(self, arguments: bytes) -> int:
        """RCPT."""
        if self.sender is None:
            return 503
        recipient = arguments.removeprefix(b"TO:")
        code = self.verdict(recipient)
        self.refused = True
        if code == 250 and recipient not in self.recipients:
            self.recipients.append(recipient)
        return code

    def verdict(self, path: bytes) -> int:
        """What policy says of a path, or of a name in EHLO."""
        return found(self.verdicts, path)

    def data(self, rest: bytes) -> bytes | None:
        """DATA with recipients: the message up to the true end."""
        refusal = found(self.data_verdicts, self.sender or b"")
        if refusal != 250:
            self.say(refusal)
            self.empty()
            return rest
        self.codes.append(354)
        end = (b"\r\n" + rest).find(b"\r\n.\r\n")
        if end < 0:
            return None
        text = re.sub(rb"(?m)^\.", b"", rest[:end])
        bare = re.search(rb"\r(?!\n)|(?<!\r)\n", rest[:end]) is not None
        self.finish(554 if bare else 552 if len(text) > MAX_OCTETS else 250, text)
        return rest[end + 3 :]

    def bdat(self, arguments: bytes, rest: bytes) -> bytes | None:
        """BDAT: exactly the announced octets, whatever becomes of them."""
        size = int(arguments.split()[0])
        if len(rest) < size:
            return None
        chunk, last = rest[:size], arguments.endswith(b"LAST")
        if not self.recipients:
            self.codes.append(554 if self.sender is not None and self.refused else 503)
            self.empty()
        else:
            self.take(chunk, last=last)
        return rest[size:]

    def take(self, chunk: bytes, *, last: bool) -> None:
        """A chunk of a message."""
        refusal = 250 if self.chunks is not None else found(self.data_verdicts, self.sender or b"")
        if refusal != 250:
            self.say(refusal)
            self.empty()
            return
        self.chunks = (self.chunks or b"") + chunk
        text = self.chunks if last else self.chunks.removesuffix(b"\r")
        if len(self.chunks) > MAX_OCTETS:
            self.finish(552, self.chunks)
        elif re.search(rb"\r(?!\n)|(?<!\r)\n", text):
            self.finish(554, self.chunks)
        elif last:
            self.finish(250, self.chunks)
        else:
            self.codes.append(250)

    def finish(self, code: int, text: bytes) -> None:
        """The end of a message; the envelope is empty after it."""
        if code == 250:
            self.asked.append(text)
            code = found(self.text_verdicts, text)
        self.say(code)
        if code == 250:
            assert self.sender is not None
            self.messages.append((self.sender, tuple(self.recipients), text))
        self.empty()

    def empty(self) -> None:
        """Forget the transaction."""
        self.sender, self.recipients, self.refused, self.chunks = None, [], False, None


def found(verdicts: dict[bytes, int], text: bytes) -> int:
    """The verdict on a text: that of the first word in it."""
    return next((code for word, code in verdicts.items() if word in text), 250)
