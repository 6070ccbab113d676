"""States of the server's conversation and the tables that order them.

Standards: RFC 5321 sections 3.1 and 4.1.4; RFC 3207 section 4; RFC 4954 section 4; RFC 3030
section 2; RFC 2033 section 4.

Theory: a command is served only in the states that `ALLOWED` has for it; what follows an answer is in
`AFTER_ACCEPT` and `AFTER_REFUSE`, and where an event is not in them the state stays. Nothing else in the
core changes the state but RSET, the steps of AUTH, the end of a chunk or of refused mail data, and closing.
"""

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pymailcore.smtp.protocol import events, reply
from pymailcore.smtp.protocol.reply import Reply


class State(enum.Enum):
    """Where the conversation stands; the order is that of RFC 5321 section 4.1.4."""

    __hash__ = object.__hash__  # members are single objects; the one of Enum costs a Python call each time

    CONNECTED = enum.auto()  # no greeting sent yet
    REFUSED = enum.auto()  # greeted with 554; only QUIT is served (section 3.1)
    GREETED = enum.auto()  # greeted with 220, client has not said EHLO
    READY = enum.auto()  # EHLO accepted, no mail transaction open
    MAIL = enum.auto()  # reverse-path accepted
    RCPT = enum.auto()  # at least one forward-path accepted
    DATA = enum.auto()  # reading mail data
    CHUNK = enum.auto()  # reading the octets of a chunk (RFC 3030)
    CHUNKS = enum.auto()  # at least one chunk is here, and not the last
    AUTH = enum.auto()  # a SASL challenge waits for its response
    TLS = enum.auto()  # the handshake is due; this core reads nothing more
    RENEWED = enum.auto()  # XCLIENT was accepted: another core greets the client; this one reads nothing more
    CLOSED = enum.auto()  # nothing more will be read


ENDED: Final = frozenset({State.TLS, State.RENEWED, State.CLOSED})
_TRANSACTION: Final = frozenset({State.MAIL, State.RCPT})
_GREETED: Final = frozenset({State.GREETED, State.READY, State.MAIL, State.RCPT, State.CHUNKS})

ALLOWED: Final[Mapping[bytes, frozenset[State]]] = MappingProxyType(
    {
        b"EHLO": _GREETED,
        b"HELO": _GREETED,
        b"LHLO": _GREETED,
        b"MAIL": frozenset({State.READY}),
        b"RCPT": _TRANSACTION,
        b"DATA": _TRANSACTION,
        b"BDAT": _GREETED,  # its octets are read over where it has no place
        b"STARTTLS": frozenset({State.GREETED, State.READY}),
        b"AUTH": frozenset({State.READY}),
        b"XCLIENT": frozenset({State.GREETED, State.READY}),
        b"RSET": _GREETED,
        b"NOOP": _GREETED,
        b"VRFY": _GREETED,
        b"HELP": _GREETED,
        b"EXPN": _GREETED,
        b"QUIT": _GREETED | {State.REFUSED},
    }
)
_NOT_LMTP: Final = frozenset({b"EHLO", b"HELO"})
_LMTP_ONLY: Final = frozenset({b"LHLO"})
_XCLIENT: Final = frozenset({b"XCLIENT"})


def unknown_here(*, lmtp: bool, xclient: bool) -> frozenset[bytes]:
    """The commands of `ALLOWED` that a listener does not know; LMTP has LHLO in place of EHLO and HELO."""
    unknown = _NOT_LMTP if lmtp else _LMTP_ONLY
    return unknown if xclient else unknown | _XCLIENT


WITHOUT_ARGUMENTS: Final = frozenset({b"DATA", b"STARTTLS", b"RSET", b"QUIT"})

AFTER_ACCEPT: Final[Mapping[type[events.Event], State]] = MappingProxyType(
    {
        events.Opened: State.GREETED,
        events.Hello: State.READY,
        events.Mail: State.MAIL,
        events.Recipient: State.RCPT,
        events.DataRequested: State.DATA,
        events.MailDataEnd: State.READY,
        events.StartTls: State.TLS,
        events.Xclient: State.RENEWED,
    }
)
AFTER_REFUSE: Final[Mapping[type[events.Event], State]] = MappingProxyType(
    {
        events.Opened: State.REFUSED,
        events.DataRequested: State.READY,
        events.MailDataEnd: State.READY,
    }
)

ON_SUCCESS: Final[Mapping[type[events.Event], Reply]] = MappingProxyType(
    {
        events.Mail: reply.SENDER_OK,
        events.Recipient: reply.RECIPIENT_OK,
        events.Verify: reply.NOT_TOLD,
        events.DataRequested: reply.START_MAIL_DATA,
        events.MailDataEnd: reply.ACCEPTED,
        events.StartTls: reply.TLS_READY,
        events.Xclient: reply.OK,
        events.Authenticate: reply.AUTHENTICATED,
    }
)
"""Greeting and EHLO are not here: their text is the listener's."""
