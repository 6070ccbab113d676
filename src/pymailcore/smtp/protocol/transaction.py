"""One mail transaction of the server: envelope and mail data.

Standards: RFC 5321 sections 3.3, 4.1.1.4, 4.5.3.1.10; RFC 3030 section 2.

The core empties a transaction by replacing it, so nothing of one can be seen in the next.
"""

from dataclasses import replace
from types import MappingProxyType
from typing import Final

from pymailcore.base.address import Address
from pymailcore.base.envelope import NOTHING_SAID, PLAIN, Envelope, ReportTerms
from pymailcore.smtp.protocol import events, reply
from pymailcore.smtp.protocol.chunking import MAX_CHUNKS_COUNT, TOO_MANY_CHUNKS, Chunk, ChunkedText
from pymailcore.smtp.protocol.lines import LineBuffer
from pymailcore.smtp.protocol.mail_data import BareLineEnd, LineMender, MailDataReader
from pymailcore.smtp.protocol.options import ServerOptions
from pymailcore.smtp.protocol.reply import Reply

_NO_MAIL: Final = events.Mail(None)


class Transaction:
    """What was accepted since MAIL, and how far its mail data is read.

    Attributes:
        mail: None before MAIL was accepted.
        recipients: accepted forward-paths in their order, each once.
        commands: the forward-path of each RCPT that was accepted, in their order: LMTP answers them all.
        recipient_refused: at least one RCPT was not accepted.
        refusal: why the message will be refused at its end.
        size_octets: of mail data read so far, dots removed and line ends mended.
    """

    __slots__ = (
        "_chunks_count",
        "_eight_bit",
        "_mender",
        "_reader",
        "_text",
        "_wishes",
        "commands",
        "mail",
        "recipient_refused",
        "recipients",
        "refusal",
        "size_octets",
    )

    def __init__(self) -> None:
        self.mail: events.Mail | None = None
        self.recipients: dict[Address, ReportTerms] = {}
        self.commands: list[Address] = []
        self.recipient_refused = False
        self.refusal: Reply | None = None
        self.size_octets = 0
        self._eight_bit = False
        self._reader: MailDataReader | None = None
        self._mender: LineMender | None = None
        self._text: ChunkedText | None = None
        self._chunks_count = 0
        self._wishes = False

    @property
    def smtputf8(self) -> bool:
        """Whether addresses of this transaction may hold octets above 127."""
        return self.mail is not None and self.mail.smtputf8

    @property
    def envelope(self) -> Envelope:
        """The envelope as it stands."""
        mail = self.mail or _NO_MAIL
        envelope = Envelope(
            reverse_path=mail.reverse_path,
            recipients=tuple(self.recipients),
            smtputf8=mail.smtputf8,
            eight_bit=self._eight_bit,
        )
        if mail.terms is PLAIN and not (self._wishes or mail.binary):
            return envelope
        said = {to: terms for to, terms in self.recipients.items() if terms is not NOTHING_SAID}
        return replace(envelope, binary=mail.binary, terms=mail.terms, report_terms=MappingProxyType(said))

    @property
    def why_no_data(self) -> Reply | None:
        """Why there can be no mail data yet (RFC 5321 section 3.3, RFC 2920 section 3.2)."""
        if self.recipients:
            return None
        return reply.NO_VALID_RECIPIENTS if self.recipient_refused else reply.BAD_SEQUENCE

    def add(self, forward_path: Address, terms: ReportTerms, *, accepted: bool) -> bool:
        """Take a recipient that was judged; gives whether it was there already."""
        repeated = forward_path in self.recipients
        if accepted:
            self.recipients.setdefault(forward_path, terms)
            self._wishes = self._wishes or terms is not NOTHING_SAID
            self.commands.append(forward_path)
        return repeated

    def refuse(self, refusal: Reply) -> None:
        """Decide that the message will be refused at its end; the first reason stays."""
        self.refusal = self.refusal or refusal

    def read(self, buffer: LineBuffer, options: ServerOptions) -> bytes | None:
        """Take mail data from the buffer; b"" is its end, None is not enough yet.

        What breaks a rule becomes `refusal`, and reading goes on to the true end.
        """
        if self._reader is None:
            self._reader = MailDataReader(strict=not options.repair_line_ends)
        try:
            octets = self._reader.read(buffer)
        except BareLineEnd:
            self.refuse(reply.BARE_LINE_END)
            octets = self._reader.read(buffer)  # the end, when that was seen already
        if octets:
            if options.repair_line_ends:
                octets = self._mend(octets)
            self._count(octets, options.max_message_octets)
        return octets

    def begin_chunk(self, chunk: Chunk, max_octets: int) -> None:
        """Note one more chunk; what is announced already breaks the limits."""
        self._chunks_count += 1
        if self._chunks_count > MAX_CHUNKS_COUNT:
            self.refuse(TOO_MANY_CHUNKS)
        if self.size_octets + chunk.size_octets > max_octets:
            self.refuse(reply.TOO_LARGE)

    def read_chunk(self, chunk: Chunk, buffer: LineBuffer, options: ServerOptions) -> bytes | None:
        """Take octets of a chunk; b"" at its end, None when there are none yet.

        What breaks a rule becomes `refusal`, and reading goes on to the end of the chunk.
        """
        if chunk.stray is not None:
            return chunk.skip(buffer)
        if not chunk.left_octets:
            if chunk.last and not options.repair_line_ends:
                self._check_text(b"", whole=True)
            return b""
        octets = chunk.take(buffer)
        if not octets:
            return None
        if not options.repair_line_ends:
            self._check_text(octets)
        elif self.mail is not None and not self.mail.binary:
            octets = self._mend(octets)
            if not octets:
                return self.read_chunk(chunk, buffer, options)
        self._count(octets, options.max_message_octets)
        return octets

    @property
    def begun(self) -> bool:
        """Whether a chunk has come already."""
        return self._chunks_count > 0

    def _mend(self, octets: bytes) -> bytes:
        self._mender = self._mender or LineMender()
        return self._mender.mend(octets)

    def _check_text(self, octets: bytes, *, whole: bool = False) -> None:
        if self.refusal is not None or self.mail is None or self.mail.binary:
            return
        self._text = self._text or ChunkedText()
        try:
            self._text.check(octets, whole=whole)
        except BareLineEnd:
            self.refuse(reply.BARE_LINE_END)

    def _count(self, octets: bytes, max_octets: int) -> None:
        self.size_octets += len(octets)
        self._eight_bit = self._eight_bit or not octets.isascii()
        if self.size_octets > max_octets:
            self.refuse(reply.TOO_LARGE)
