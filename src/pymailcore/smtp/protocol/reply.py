"""Replies as values, and the ones that the server core gives by itself.

Standards: RFC 5321 section 4.2, RFC 2034 section 4, RFC 3463 section 2, RFC 5248 section 2.

Code, enhanced code and text travel together. Texts that go to a peer say nothing about the local setup.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply of either side.

    Attributes:
        code: 200 to 599.
        enhanced: such as "5.1.1"; "" where none is given (greeting, EHLO, 3yz).
        text: lines separated by LF, without CR.
    """

    code: int
    enhanced: str
    text: str

    @property
    def positive(self) -> bool:
        """Whether the command was accepted (2yz) or is to be continued (3yz)."""
        return self.code < 400

    @property
    def temporary(self) -> bool:
        """Whether the same command may succeed later (4yz)."""
        return 400 <= self.code < 500

    @property
    def permanent(self) -> bool:
        """Whether the same command will fail again (5yz)."""
        return self.code >= 500

    def encode(self) -> bytes:
        """Give the form on the wire; RFC 5321 section 4.2.1 for several lines."""
        enhanced = self.enhanced + " " if self.enhanced else ""
        if "\n" not in self.text:
            return f"{self.code} {enhanced}{self.text}\r\n".encode()
        *first, last = self.text.split("\n")
        lines = [f"{self.code}-{enhanced}{line}\r\n" for line in first]
        return "".join([*lines, f"{self.code} {enhanced}{last}\r\n"]).encode()

    def __str__(self) -> str:
        """The form for logs and reports: one line."""
        return " ".join(filter(None, (str(self.code), self.enhanced, self.text.replace("\n", " "))))


class CommandRefused(Exception):
    """The command cannot be served whatever the service behind would say."""

    def __init__(self, refusal: Reply) -> None:
        super().__init__(refusal)
        self.reply = refusal


OK: Final = Reply(250, "2.0.0", "OK")
RESET: Final = Reply(250, "2.0.0", "Reset")
ACCEPTED: Final = Reply(250, "2.0.0", "Accepted")
SENDER_OK: Final = Reply(250, "2.1.0", "Sender OK")
RECIPIENT_OK: Final = Reply(250, "2.1.5", "Recipient OK")
START_MAIL_DATA: Final = Reply(354, "", "Send the message, end it with CRLF dot CRLF")
NOT_TOLD: Final = Reply(252, "2.5.0", "Send some mail and see")
HELP: Final = Reply(214, "2.0.0", "RFC 5321 describes the commands")
CLOSING: Final = Reply(221, "2.0.0", "Closing")
TLS_READY: Final = Reply(220, "2.0.0", "Ready for TLS")
AUTHENTICATED: Final = Reply(235, "2.7.0", "Authenticated")

CLOSING_IDLE: Final = Reply(421, "4.4.2", "Timeout, closing")
CLOSING_FAULT: Final = Reply(421, "4.3.0", "Internal fault, closing")
CLOSING_DOWN: Final = Reply(421, "4.3.2", "Shutting down, try again")
CLOSING_SIGN_IN: Final = Reply(421, "4.7.0", "Your sign-in has ended, closing")
TOO_MANY_ERRORS: Final = Reply(421, "4.7.0", "Too many errors, closing")
TOO_MANY_TRANSACTIONS: Final = Reply(421, "4.7.0", "Enough mail for one connection, come again")
TOO_MANY_LOGINS: Final = Reply(421, "4.7.0", "Too many failed logins, closing")
NOT_SMTP: Final = Reply(421, "4.7.0", "This is no HTTP server, closing")
OCTETS_AFTER_STARTTLS: Final = Reply(421, "4.7.0", "Octets after STARTTLS, closing")
NO_MEMORY: Final = Reply(452, "4.3.1", "Not enough memory for the message now, try again")
TOO_MANY_RECIPIENTS: Final = Reply(452, "4.5.3", "Too many recipients")
UNKNOWN_COMMAND: Final = Reply(500, "5.5.1", "Command unknown")
LINE_TOO_LONG: Final = Reply(500, "5.5.6", "Line too long")
BAD_LINE: Final = Reply(500, "5.5.2", "A line ends with CRLF and holds no control characters")
SYNTAX: Final = Reply(501, "5.5.4", "Syntax error in the arguments")
NO_ARGUMENTS: Final = Reply(501, "5.5.4", "This command takes no arguments")
BAD_SENDER: Final = Reply(501, "5.1.7", "Syntax error in the reverse-path")
BAD_RECIPIENT: Final = Reply(501, "5.1.3", "Syntax error in the forward-path")
BAD_BASE64: Final = Reply(501, "5.5.2", "Not base64")
AUTH_UNFINISHED: Final = Reply(421, "4.7.0", "Authentication was not finished, closing")
AUTH_CANCELLED: Final = Reply(501, "5.7.0", "Authentication cancelled")
AUTH_SYNTAX: Final = Reply(501, "5.5.2", "The response does not fit the mechanism")
NOT_IMPLEMENTED: Final = Reply(502, "5.5.1", "Command not implemented")
BAD_SEQUENCE: Final = Reply(503, "5.5.1", "Bad sequence of commands")
ALREADY_AUTHENTICATED: Final = Reply(503, "5.5.1", "Already authenticated")
UNKNOWN_MECHANISM: Final = Reply(504, "5.5.4", "Mechanism unknown")
AUTH_REQUIRED: Final = Reply(530, "5.7.0", "Authentication required")
AUTH_FAILED: Final = Reply(535, "5.7.8", "Authentication credentials invalid")
TLS_REQUIRED: Final = Reply(538, "5.7.11", "Encryption required for this mechanism")
SOLICITING: Final = Reply(550, "5.7.1", "Mail of this kind is not wanted here")
TOO_LARGE: Final = Reply(552, "5.3.4", "Message too large")
NEEDS_SMTPUTF8: Final = Reply(553, "5.6.7", "Address needs SMTPUTF8")
EARLY_TALKER: Final = Reply(554, "5.5.0", "You speak before you are answered, closing")
BARE_LINE_END: Final = Reply(554, "5.6.0", "Message holds a bare CR or LF")
NO_VALID_RECIPIENTS: Final = Reply(554, "5.5.1", "No valid recipients")
UNKNOWN_PARAMETER: Final = Reply(555, "5.5.4", "Parameter unknown")
