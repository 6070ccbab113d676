"""What a plug-in may answer, and the reply that it becomes.

Standards: RFC 5321 section 4.2 (replies), RFC 3463 section 2 (enhanced status codes), RFC 5322 section 2.2
(header fields).

Whatever a plug-in says, nothing of it can end a line: texts lose their control characters and what is not
ASCII before they go to a peer, and header fields go through the encoder that all our fields go through.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pymailcore.base.errors import InvalidValue
from pymailcore.message.encode import encode_header
from pymailcore.smtp.protocol.reply import Reply

_MAX_TEXT: Final = 400  # characters of a reply; a line has 512 (RFC 5321 section 4.5.3.1.5)
_UNFIT: Final = re.compile(r"[^\x20-\x7e]+")
_STATUS: Final = re.compile(r"([45])\.(\d{1,3})\.(\d{1,3})\Z")
_TAG: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}\Z")
_OURS: Final = frozenset({"received", "return-path", "delivered-to", "authentication-results", "bcc"})


@dataclass(frozen=True, slots=True)
class Refuse:
    """Refuse for good: the client is told not to come again with this.

    Attributes:
        text: for the client; one line of ASCII, what does not fit is replaced.
        status: enhanced status code, of class 5 (RFC 3463).

    Raises:
        ValueError: the status is none of class 5.
    """

    text: str
    status: str = "5.7.1"

    def __post_init__(self) -> None:
        """Refuse a status that says something else than the code of the reply."""
        _check_status(self.status, "5")

    @property
    def reply(self) -> Reply:
        """The reply that it becomes."""
        return Reply(550, self.status, _one_line(self.text, "Refused by policy"))


@dataclass(frozen=True, slots=True)
class PutOff:
    """Refuse for now: the client is told to come again later.

    Attributes:
        text: as for `Refuse`.
        status: enhanced status code, of class 4.

    Raises:
        ValueError: the status is none of class 4.
    """

    text: str
    status: str = "4.7.1"

    def __post_init__(self) -> None:
        """Refuse a status that says something else than the code of the reply."""
        _check_status(self.status, "4")

    @property
    def reply(self) -> Reply:
        """The reply that it becomes."""
        return Reply(451, self.status, _one_line(self.text, "Come again later"))


@dataclass(frozen=True, slots=True)
class Disconnect:
    """End the connection with 421 (RFC 5321 section 3.8); the client may come again.

    Attributes:
        text: as for `Refuse`.
        status: enhanced status code, of class 4.

    Raises:
        ValueError: the status is none of class 4.
    """

    text: str
    status: str = "4.7.0"

    def __post_init__(self) -> None:
        """Refuse a status that says something else than the code of the reply."""
        _check_status(self.status, "4")

    @property
    def reply(self) -> Reply:
        """The reply that it becomes."""
        return Reply(421, self.status, _one_line(self.text, "Come again later"))


@dataclass(frozen=True, slots=True)
class AddField:
    """Go on, and write a header field on top of the message, or of each message of the connection.

    Attributes:
        name: of the field; not one that says where a message has been, which is for the server to say.
        value: any text on one line; what is not ASCII becomes encoded-words (RFC 2047).

    Raises:
        ValueError: no field can have this name or value.
    """

    name: str
    value: str

    def __post_init__(self) -> None:
        """Refuse what would be another field, or several."""
        if self.name.lower() in _OURS:
            raise ValueError(f"{self.name} is written by the server")
        try:
            _ = self.octets
        except InvalidValue:
            raise ValueError(f"no header field is {self.name!r}: {self.value!r}") from None

    @property
    def octets(self) -> bytes:
        """The field as it is written, with its line end."""
        return encode_header(self.name, self.value)


@dataclass(frozen=True, slots=True)
class Tag:
    """Go on, and remember a word for the hooks that come later, of this plug-in or others.

    Attributes:
        name: of `a-z 0-9 . -`, at most 64 characters; begins with the name of the plug-in by custom.

    Raises:
        ValueError: the name has something else.
    """

    name: str

    def __post_init__(self) -> None:
        """Refuse a name that would not stand in a log as it is."""
        if not _TAG.match(self.name):
            raise ValueError(f"{self.name!r}: a tag has a-z, 0-9, dots and hyphens")


Answer = Refuse | PutOff | Disconnect | AddField | Tag
Answers = Answer | Sequence[Answer] | None
"""What a hook returns: nothing to go on, one answer, or several."""


def _check_status(status: str, kind: str) -> None:
    match = _STATUS.match(status)
    if match is None or match[1] != kind:
        raise ValueError(f"{status!r} is no status of class {kind}")


def _one_line(text: str, otherwise: str) -> str:
    """Give a text that can stand in a reply: printable ASCII, not too long, and not empty."""
    return _UNFIT.sub(" ", text).strip()[:_MAX_TEXT] or otherwise
