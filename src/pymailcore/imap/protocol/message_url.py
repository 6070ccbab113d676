"""URLs of messages and of their parts, as CATENATE takes them.

Standards: RFC 5092 sections 5 to 7 (`imessagepart`, relative references), RFC 4469 section 3 (only URLs
without scheme and server), RFC 3986 section 2.1 (octets as %XX).
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from pymailcore.imap.protocol.fetch_grammar import parse_fetch_items
from pymailcore.imap.protocol.fetch_items import BodySection
from pymailcore.imap.protocol.names import MAX_NAME_OCTETS
from pymailcore.imap.protocol.scanner import MAX_NUMBER, BadCommand, Scanner

MAX_URL_OCTETS: Final = 8_192

_URL: Final = re.compile(
    rb"(?P<mailbox>[^;?#]*?)(?:;UIDVALIDITY=(?P<validity>[1-9][0-9]{0,9}))?/?"
    rb";UID=(?P<uid>[1-9][0-9]{0,9})(?:/?;SECTION=(?P<section>[^;?#]+?))?"
    rb"(?:/?;PARTIAL=(?P<first>[0-9]{1,10})(?:\.(?P<count>[1-9][0-9]{0,9}))?)?/?",
    re.IGNORECASE,
)
_UNSAFE: Final = re.compile(rb"[^!-\[^-~]")
_ESCAPED: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class MessageUrl:
    """A message of the account, or some of its octets.

    Attributes:
        text: as it was written.
        mailbox: empty for the selected one.
        uid_validity: that the Mailbox must have, where it is told.
        section: which octets.
    """

    text: bytes
    mailbox: str
    uid_validity: int | None
    uid: int
    section: BodySection


def parse_message_url(text: bytes) -> MessageUrl | None:
    """Read a relative URL; None when it is none, or names something else than a message or its part."""
    if len(text) > MAX_URL_OCTETS or text.startswith(b"//") or _ESCAPED.search(text):
        return None
    match = _URL.fullmatch(text)
    if match is None:
        return None
    mailbox = _name(match["mailbox"])
    section = _section(match["section"] or b"", match["first"], match["count"])
    uid, validity = int(match["uid"]), int(match["validity"] or 0) or None
    if mailbox is None or section is None or max(uid, validity or 0) > MAX_NUMBER:
        return None
    if not mailbox and validity is not None:
        return None
    return MessageUrl(text, mailbox, validity, uid, section)


def _name(octets: bytes) -> str | None:
    """The name of the Mailbox: UTF-8; a scheme is none."""
    octets = octets.removeprefix(b"/")
    if octets.lower().startswith(b"imap:") or len(octets) > 3 * MAX_NAME_OCTETS:
        return None
    try:
        return unquote_to_bytes(octets).decode()
    except UnicodeDecodeError:
        return None


def _section(escaped: bytes, first: bytes | None, count: bytes | None) -> BodySection | None:
    partial = b"" if first is None else b"<%b.%b>" % (first, count or b"%d" % MAX_NUMBER)
    scanner = Scanner([b"BODY.PEEK[%b]%b" % (unquote_to_bytes(escaped), partial)])
    try:
        (item,) = parse_fetch_items(scanner)
        scanner.end()
    except BadCommand:
        return None
    return item if isinstance(item, BodySection) else None


def url_text(text: bytes) -> bytes:
    """Write a URL into a response code (`url-resp-text`); what cannot stand there becomes `?`."""
    return _UNSAFE.sub(b"?", text[:MAX_URL_OCTETS]) or b"?"
