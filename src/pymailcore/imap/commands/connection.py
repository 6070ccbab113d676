"""Commands about the connection itself: COMPRESS, UNAUTHENTICATE, GETJMAPACCESS.

Standards: RFC 4978 section 3; RFC 8437 section 3; RFC 9698 section 4.
"""

from typing import Final

from pymailcore.imap.protocol import commands as c
from pymailcore.imap.protocol.responses import Status, bad, no, ok, string
from pymailcore.imap.session import Session

ALREADY: Final = bad("Compression is on already")


async def compress(session: Session, _command: c.Compress) -> Status:
    """COMPRESS: the driver compresses all behind the answer. TLS of ours never does."""
    if session.compressed:
        return ALREADY
    session.compress = True
    return ok("Compressing from now on")


async def unauthenticate(session: Session, _command: c.Unauthenticate) -> Status:
    """UNAUTHENTICATE: the driver forgets all about the session behind the answer; nothing is expunged."""
    session.select(None, 0)
    session.left = True
    return ok("You are logged out, please log in")


async def get_jmap_access(session: Session, _command: c.GetJmapAccess) -> Status:
    """GETJMAPACCESS: where JMAP has the same mail."""
    url = session.services.jmap_url
    if not url:
        return no("JMAP is not offered", b"CANNOT")
    await session.send(b"* JMAPACCESS %b\r\n" % string(url.encode("ascii")))
    return ok("Done")
