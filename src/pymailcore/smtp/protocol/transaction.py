"""One mail transaction of the server: envelope and mail data.

Standards: RFC 5321 sections 3.3, 4.1.1.4, 4.5.3.1.10.

The core empties a transaction by replacing it, so nothing of one can be seen in the next.
"""

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.smtp.protocol import events, reply
from pymailcore.smtp.protocol.lines import LineBuffer
from pymailcore.smtp.protocol.mail_data import BareLineEnd, MailDataReader
from pymailcore.smtp.protocol.reply import Reply


class Transaction:
    """What was accepted since MAIL, and how far its mail data is read.

    Attributes:
        mail: None before MAIL was accepted.
        recipients: accepted forward-paths in their order, each once.
        recipient_refused: at least one RCPT was not accepted.
        refusal: why the message will be refused at its end.
        size_octets: of mail data read so far, dots removed.
    """

    __slots__ = ("_eight_bit", "_reader", "mail", "recipient_refused", "recipients", "refusal", "size_octets")

    def __init__(self) -> None:
        self.mail: events.Mail | None = None
        self.recipients: dict[Address, None] = {}
        self.recipient_refused = False
        self.refusal: Reply | None = None
        self.size_octets = 0
        self._eight_bit = False
        self._reader: MailDataReader | None = None

    @property
    def smtputf8(self) -> bool:
        """Whether addresses of this transaction may hold octets above 127."""
        return self.mail is not None and self.mail.smtputf8

    @property
    def envelope(self) -> Envelope:
        """The envelope as it stands."""
        return Envelope(
            reverse_path=None if self.mail is None else self.mail.reverse_path,
            recipients=tuple(self.recipients),
            smtputf8=self.smtputf8,
            eight_bit=self._eight_bit,
        )

    def refuse(self, refusal: Reply) -> None:
        """Decide that the message will be refused at its end; the first reason stays."""
        self.refusal = self.refusal or refusal

    def read(self, buffer: LineBuffer, max_octets: int) -> bytes | None:
        """Take mail data from the buffer; b"" is its end, None is not enough yet.

        What breaks a rule becomes `refusal`, and reading goes on to the true end.
        """
        if self._reader is None:
            self._reader = MailDataReader()
        try:
            octets = self._reader.read(buffer)
        except BareLineEnd:
            self.refuse(reply.BARE_LINE_END)
            octets = self._reader.read(buffer)  # the end, when that was seen already
        if octets:
            self.size_octets += len(octets)
            self._eight_bit = self._eight_bit or not octets.isascii()
            if self.size_octets > max_octets:
                self.refuse(reply.TOO_LARGE)
        return octets
