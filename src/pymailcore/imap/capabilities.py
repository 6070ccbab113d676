"""What is announced, one name a line: nothing that does not work completely.

Standards: RFC 3501 sections 6.1.1 and 11.1, RFC 8314 section 4.1 (no password in clear).
"""

from collections.abc import Iterator
from typing import Final

from pymailcore.imap.session import Session

ALWAYS: Final = (
    b"IMAP4rev1",
    b"IMAP4rev2",
    b"LITERAL+",
    b"SASL-IR",
    b"ID",
    b"ENABLE",
)
AFTER_LOGIN: Final = (
    *ALWAYS,
    b"IDLE",
    b"NAMESPACE",
    b"UNSELECT",
    b"UIDPLUS",
    b"CHILDREN",
    b"LIST-EXTENDED",
    b"LIST-STATUS",
    b"LIST-METADATA",
    b"XLIST",
    b"STATUS=SIZE",
    b"QUOTA",
    b"QUOTA=RES-STORAGE",
    b"QUOTA=RES-MESSAGE",
    b"QUOTA=RES-MAILBOX",
    b"BINARY",
    b"UTF8=ACCEPT",
    b"PREVIEW",
    b"UNAUTHENTICATE",
    b"MULTIAPPEND",
    b"CATENATE",
    b"REPLACE",
    b"MOVE",
    b"SPECIAL-USE",
    b"CREATE-SPECIAL-USE",
    b"CONDSTORE",
    b"QRESYNC",
    b"OBJECTID",
    b"UIDONLY",
    b"ESEARCH",
    b"SEARCHRES",
    b"WITHIN",
    b"SORT",
    b"SORT=DISPLAY",
    b"ESORT",
    b"THREAD=ORDEREDSUBJECT",
    b"THREAD=REFERENCES",
    b"SEARCH=FUZZY",
    b"PARTIAL",
    b"SAVEDATE",
    b"INPROGRESS",
    b"METADATA",
    b"FILTERS",
)


def _of_connection(session: Session) -> Iterator[bytes]:
    """What depends on settings, and on what was done before."""
    yield b"APPENDLIMIT=%d" % session.settings.message_octets
    if not session.compressed:
        yield b"COMPRESS=DEFLATE"
    if session.services.jmap_url:
        yield b"JMAPACCESS"


def capabilities(session: Session) -> bytes:
    """What this connection can do now."""
    if session.principal is not None:
        return b" ".join([*AFTER_LOGIN, *_of_connection(session)])
    names = list(ALWAYS)
    if session.may_start_tls:
        names.append(b"STARTTLS")
    names += [b"AUTH=" + name.encode("ascii") for name in session.offer.names]
    if not session.offer.takes_passwords:
        names.append(b"LOGINDISABLED")
    return b" ".join(names)
