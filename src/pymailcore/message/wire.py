"""ENVELOPE, BODY and BODYSTRUCTURE as they go over the wire of IMAP.

Standards: RFC 9051 sections 7.5.2 and 9 (formal syntax), RFC 3501 section 7.4.2.

All octets are ASCII, so that any client may be sent them whatever it has enabled: text beyond ASCII goes
out as encoded-words (RFC 2047), in parameters in the form of RFC 2231. Encoded-words of the message stay as
they are. A string with a quote or backslash is quoted with escapes; a very long one is a literal.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import quote

from pymailcore.base.address import normalise_domain
from pymailcore.message.addresses import RawGroup, parse_addresses, split_addr_spec
from pymailcore.message.fields import unfolded
from pymailcore.message.structure import Part, walk
from pymailcore.message.words import encode_words

_MAX_QUOTED: Final = 1024  # octets; clients with small line buffers get a literal beyond
_SPECIAL: Final = re.compile(r'[\x00\r\n"\\\x7f-\U0010ffff]')
_EMPTY_BODY: Final = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0)'
_EMPTY_EXTENDED: Final = _EMPTY_BODY[:-1] + b" NIL NIL NIL NIL)"
_EMPTY_ENVELOPE: Final = b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"


class EnvelopeValues(NamedTuple):
    """The fields that ENVELOPE shows, unfolded, not decoded; None for a field that is not there."""

    date: str | None
    subject: str | None
    from_: list[RawGroup] | None
    sender: list[RawGroup] | None
    reply_to: list[RawGroup] | None
    to: list[RawGroup] | None
    cc: list[RawGroup] | None
    bcc: list[RawGroup] | None
    in_reply_to: str | None
    message_id: str | None


def envelope_values(fields: Mapping[bytes, bytes]) -> EnvelopeValues:
    """Read the fields of a header that ENVELOPE shows."""

    def text(name: bytes) -> str | None:
        raw = fields.get(name)
        return None if raw is None else unfolded(raw)

    def addresses(name: bytes) -> list[RawGroup] | None:
        raw = fields.get(name)
        return None if raw is None else parse_addresses(unfolded(raw))

    return EnvelopeValues(
        text(b"date"),
        text(b"subject"),
        addresses(b"from"),
        addresses(b"sender"),
        addresses(b"reply-to"),
        addresses(b"to"),
        addresses(b"cc"),
        addresses(b"bcc"),
        text(b"in-reply-to"),
        text(b"message-id"),
    )


def string(text: str) -> bytes:
    """Write a string: quoted, or a literal when it is long; never anything but ASCII."""
    if _SPECIAL.search(text):
        text = text.replace("\0", "").replace("\r", " ").replace("\n", " ")
        if not text.isascii():
            text = _ascii_words(text)
        octets = text.encode("ascii", "replace")
        if len(octets) <= _MAX_QUOTED:
            return b'"' + octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    else:
        octets = text.encode("ascii", "replace")
        if len(octets) <= _MAX_QUOTED:
            return b'"' + octets + b'"'
    return b"{%d}\r\n%b" % (len(octets), octets)


def nstring(text: str | None) -> bytes:
    """Write a string, or NIL for None."""
    return b"NIL" if text is None else string(text)


def _ascii_words(text: str) -> str:
    """Put encoded-words for the stretch of words that is not ASCII; ASCII around it stays readable."""
    words = text.split(" ")
    first = next(index for index, word in enumerate(words) if not word.isascii())
    last = next(index for index in range(len(words) - 1, -1, -1) if not words[index].isascii())
    return " ".join([*words[:first], encode_words(" ".join(words[first : last + 1])), *words[last + 1 :]])


def envelope(values: EnvelopeValues) -> bytes:
    """Write ENVELOPE. Sender and Reply-To are From where they are missing or empty (section 7.5.2)."""
    from_ = _addresses(values.from_)
    sender = _addresses(values.sender)
    reply_to = _addresses(values.reply_to)
    return b"(%b %b %b %b %b %b %b %b %b %b)" % (
        nstring(values.date),
        nstring(values.subject),
        from_,
        from_ if sender == b"NIL" else sender,
        from_ if reply_to == b"NIL" else reply_to,
        _addresses(values.to),
        _addresses(values.cc),
        _addresses(values.bcc),
        nstring(values.in_reply_to),
        nstring(values.message_id),
    )


def _addresses(groups: list[RawGroup] | None) -> bytes:
    if not groups:
        return b"NIL"
    out: list[bytes] = []
    for group in groups:
        if group.name is not None:  # start of a group: the host is NIL, the mailbox is its name
            out.append(b"(NIL NIL %b NIL)" % string(group.name))
        for name, email in group.addresses:
            localpart, domain = split_addr_spec(email)
            if not domain.isascii():
                domain = normalise_domain(domain) or domain
            out.append(b"(%b NIL %b %b)" % (nstring(name), string(localpart), string(domain)))
        if group.name is not None:
            out.append(b"(NIL NIL NIL NIL)")
    return b"(" + b"".join(out) + b")" if out else b"NIL"


def body_forms(root: Part) -> tuple[bytes, bytes]:
    """Write BODY and BODYSTRUCTURE of a message."""
    if not root.children:
        return _leaf(root)
    forms: dict[str, tuple[bytes, bytes]] = {}
    for part in reversed(list(walk(root))):
        if part.type == "multipart":
            children = [forms.pop(child.path) for child in part.children] or [(_EMPTY_BODY, _EMPTY_EXTENDED)]
            subtype = string(part.subtype)
            short = b"(%b %b)" % (b"".join([child[0] for child in children]), subtype)
            extended = b"(%b %b %b %b)" % (
                b"".join([child[1] for child in children]),
                subtype,
                _parameters(part.parameters),
                _tail(part),
            )
            forms[part.path] = short, extended
        elif part.children:
            forms[part.path] = _message(part, part.envelope, *forms.pop(part.children[0].path))
        else:
            forms[part.path] = _leaf(part)
    return forms[root.path]


def _leaf(part: Part) -> tuple[bytes, bytes]:
    if part.type == "text":
        fields = _basic(part) + b" %d" % part.lines
    elif part.type == "multipart":  # a multipart without any part: section 9 wants one
        subtype = string(part.subtype)
        return b"(%b %b)" % (_EMPTY_BODY, subtype), b"(%b %b %b %b)" % (
            _EMPTY_EXTENDED,
            subtype,
            _parameters(part.parameters),
            _tail(part),
        )
    elif part.type == "message" and part.subtype in ("rfc822", "global"):
        return _message(part, _EMPTY_ENVELOPE, _EMPTY_BODY, _EMPTY_EXTENDED)
    else:
        fields = _basic(part)
    return b"(" + fields + b")", b"(%b %b %b)" % (fields, nstring(part.md5), _tail(part))


def _message(part: Part, inner: bytes, short: bytes, extended: bytes) -> tuple[bytes, bytes]:
    fields = _basic(part)
    return (
        b"(%b %b %b %d)" % (fields, inner, short, part.lines),
        b"(%b %b %b %d %b %b)" % (fields, inner, extended, part.lines, nstring(part.md5), _tail(part)),
    )


def _basic(part: Part) -> bytes:
    # media SP body-fields: parameters, id, description, encoding, octets
    return b"%b %b %b %b %b %b %d" % (
        string(part.type),
        string(part.subtype),
        _parameters(part.parameters),
        nstring(part.content_id),
        nstring(part.description),
        string(part.encoding),
        part.body_end - part.body_start,
    )


def _tail(part: Part) -> bytes:
    """Write disposition, language and location, which end all forms of BODYSTRUCTURE."""
    if part.disposition is None and not part.language and part.location is None:
        return b"NIL NIL NIL"
    disposition = b"NIL"
    if part.disposition is not None:
        disposition = b"(%b %b)" % (string(part.disposition), _parameters(part.disposition_parameters))
    language = b"NIL"
    if len(part.language) == 1:
        language = string(part.language[0])
    elif part.language:
        language = b"(" + b" ".join([string(tag) for tag in part.language]) + b")"
    return b"%b %b %b" % (disposition, language, nstring(part.location))


def _parameters(parameters: dict[str, str]) -> bytes:
    if not parameters:
        return b"NIL"
    out = []
    for name, value in parameters.items():
        if value.isascii():
            out.append(string(name) + b" " + string(value))
        else:  # RFC 2231 section 4
            out.append(
                string(name + "*") + b" " + string("utf-8''" + quote(value, safe="", errors="replace"))
            )
    return b"(" + b" ".join(out) + b")"
