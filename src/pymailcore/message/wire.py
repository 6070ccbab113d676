"""ENVELOPE, BODY and BODYSTRUCTURE as they go over the wire of IMAP.

Standards: RFC 9051 sections 7.5.2 and 9 (formal syntax), RFC 3501 section 7.4.2, RFC 6855 section 3.

All octets are ASCII, so that any client may be sent them whatever it has enabled: text beyond ASCII goes
out as encoded-words (RFC 2047), in parameters in the form of RFC 2231. `utf8_forms` is for clients that have
enabled UTF8=ACCEPT or IMAP4rev2: there such text stands as it is. Encoded-words of the message stay as
they are in both. A string with a quote or backslash is quoted with escapes; a very long one is a literal.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple
from urllib.parse import quote

from pymailcore.base.address import normalise_domain
from pymailcore.message.addresses import RawGroup, parse_addresses, split_addr_spec
from pymailcore.message.fields import read_fields, structured, unfolded
from pymailcore.message.slices import MAX_CALL, encoded, pieces, replaced, without
from pymailcore.message.structure import Part
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
        return None if raw is None else parse_addresses(structured(raw))

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
    if len(text) > MAX_CALL:
        return _long_string(_one_line(text))
    if _SPECIAL.search(text):
        text = _one_line(text)
        if not text.isascii():
            text = _ascii_words(text)
        octets = encoded(text, "ascii")
        if len(octets) <= _MAX_QUOTED:
            return b'"' + octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    else:
        octets = text.encode("ascii", "replace")
        if len(octets) <= _MAX_QUOTED:
            return b'"' + octets + b'"'
    return b"{%d}\r\n%b" % (len(octets), octets)


def _long_string(text: str) -> bytes:
    words = [encoded(piece if text.isascii() else encode_words(piece), "ascii") for piece in pieces(text)]
    blank = b"" if text.isascii() else b" "
    words[0] = b"{%d}\r\n%b" % (sum(map(len, words)) + len(blank) * (len(words) - 1), words[0])
    return blank.join(words)


def utf8_string(text: str) -> bytes:
    """Write a string with UTF-8 in it (RFC 6855 section 3)."""
    if any(_SPECIAL.search(piece) for piece in pieces(text)):
        text = _one_line(text)
    octets = encoded(text, "utf-8")
    if len(octets) <= _MAX_QUOTED:
        return b'"' + octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    return b"{%d}\r\n%b" % (len(octets), octets)


def _one_line(text: str) -> str:
    return replaced(replaced(without(text, "\0"), "\r", " "), "\n", " ")


_String = Callable[[str], bytes]


def nstring(text: str | None, string: _String = string) -> bytes:
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
    return _envelope(values, string)


def _envelope(values: EnvelopeValues, string: _String) -> bytes:
    from_ = _addresses(values.from_, string)
    sender = _addresses(values.sender, string)
    reply_to = _addresses(values.reply_to, string)
    return b"(%b %b %b %b %b %b %b %b %b %b)" % (
        nstring(values.date, string),
        nstring(values.subject, string),
        from_,
        from_ if sender == b"NIL" else sender,
        from_ if reply_to == b"NIL" else reply_to,
        _addresses(values.to, string),
        _addresses(values.cc, string),
        _addresses(values.bcc, string),
        nstring(values.in_reply_to, string),
        nstring(values.message_id, string),
    )


def _addresses(groups: list[RawGroup] | None, string: _String) -> bytes:
    if not groups:
        return b"NIL"
    out: list[bytes] = []
    for group in groups:
        if group.name is not None:  # start of a group: the host is NIL, the mailbox is its name
            out.append(b"(NIL NIL %b NIL)" % string(group.name))
        for name, email in group.addresses:
            localpart, domain = split_addr_spec(email)
            if string is not utf8_string and not domain.isascii():
                domain = normalise_domain(domain) or domain
            together = f"{name or ''}{localpart}{domain}"
            if name is not None and len(together) <= _MAX_QUOTED and not _SPECIAL.search(together):
                out.append(f'("{name}" NIL "{localpart}" "{domain}")'.encode("ascii"))
                continue
            out.append(b"(%b NIL %b %b)" % (nstring(name, string), string(localpart), string(domain)))
        if group.name is not None:
            out.append(b"(NIL NIL NIL NIL)")
    return b"(" + b"".join(out) + b")" if out else b"NIL"


def body_forms(root: Part) -> tuple[bytes, bytes]:
    """Write BODY and BODYSTRUCTURE of a message."""
    return _Forms(string).write(root, lambda part: part.envelope)


class Utf8Forms(NamedTuple):
    """The three items for a client that takes UTF-8."""

    envelope: bytes
    body: bytes
    bodystructure: bytes


def utf8_forms(octets: bytes, root: Part) -> Utf8Forms:
    """Write ENVELOPE, BODY and BODYSTRUCTURE with UTF-8 in strings, from the message and its tree."""

    def inner(part: Part) -> bytes:
        child = part.children[0]
        fields = read_fields(octets, child.header_start, child.body_start)
        return _envelope(envelope_values(fields), utf8_string)

    fields = read_fields(octets, root.header_start, root.body_start)
    return Utf8Forms(_envelope(envelope_values(fields), utf8_string), *_Forms(utf8_string).write(root, inner))


def _joined(forms: list[bytes]) -> bytes:
    """Join the forms of children, and forget them: of 10,000 they are not needed twice."""
    joined = b"".join(forms)
    forms.clear()
    return joined


class _Open:
    """A part whose children are being written, and their forms so far."""

    __slots__ = ("extended", "left", "part", "short")

    def __init__(self, part: Part) -> None:
        self.part = part
        self.left = iter(part.children)
        self.short: list[bytes] = []
        self.extended: list[bytes] = []


class _Forms:
    """Writes BODY and BODYSTRUCTURE, children before parents."""

    def __init__(self, string: _String) -> None:
        self._string = string
        self._plain: dict[tuple[str, str, str], bytes] = {}  # most parts of a message of many are alike

    def write(self, root: Part, inner: Callable[[Part], bytes]) -> tuple[bytes, bytes]:
        """Write both forms; `inner` gives ENVELOPE of the message in a part."""
        if not root.children:
            return self._leaf(root)
        stack = [_Open(root)]
        while True:
            under_way = stack[-1]
            part = next(under_way.left, None)
            if part is None:
                part = under_way.part
                stack.pop()
                if part.type == "multipart":
                    forms = self._multipart(part, under_way.short, under_way.extended)
                else:
                    forms = self._message(part, inner(part), under_way.short[0], under_way.extended[0])
                if not stack:
                    return forms
                under_way = stack[-1]
            elif part.children:
                stack.append(_Open(part))
                continue
            else:
                forms = self._leaf(part)
            under_way.short.append(forms[0])
            under_way.extended.append(forms[1])

    def _multipart(self, part: Part, short: list[bytes], extended: list[bytes]) -> tuple[bytes, bytes]:
        subtype = self._string(part.subtype)
        body = b"(%b %b)" % (_joined(short), subtype)
        tail = self._tail(part)
        return body, b"(%b %b %b %b)" % (_joined(extended), subtype, self._parameters(part.parameters), tail)

    def _leaf(self, part: Part) -> tuple[bytes, bytes]:
        if part.type == "text":
            fields = b"%b %d" % (self._basic(part), part.lines)
        elif part.type == "multipart":  # a multipart without any part: section 9 wants one
            return self._multipart(part, [_EMPTY_BODY], [_EMPTY_EXTENDED])
        elif part.type == "message" and part.subtype in ("rfc822", "global"):
            return self._message(part, _EMPTY_ENVELOPE, _EMPTY_BODY, _EMPTY_EXTENDED)
        else:
            fields = self._basic(part)
        md5 = b"NIL" if part.md5 is None else self._string(part.md5)
        return b"(%b)" % fields, b"(%b %b %b)" % (fields, md5, self._tail(part))

    def _message(self, part: Part, inner: bytes, short: bytes, extended: bytes) -> tuple[bytes, bytes]:
        fields = self._basic(part)
        md5 = nstring(part.md5, self._string)
        return (
            b"(%b %b %b %d)" % (fields, inner, short, part.lines),
            b"(%b %b %b %d %b %b)" % (fields, inner, extended, part.lines, md5, self._tail(part)),
        )

    def _basic(self, part: Part) -> bytes:
        # media SP body-fields: parameters, id, description, encoding, octets
        string = self._string
        size = part.body_end - part.body_start
        if part.parameters or part.content_id is not None or part.description is not None:
            return b"%b %b %b %b %b %b %d" % (
                string(part.type),
                string(part.subtype),
                self._parameters(part.parameters),
                nstring(part.content_id, string),
                nstring(part.description, string),
                string(part.encoding),
                size,
            )
        key = (part.type, part.subtype, part.encoding)
        plain = self._plain.get(key)
        if plain is None:
            plain = self._plain[key] = b"%b %b NIL NIL NIL %b" % tuple([string(text) for text in key])
        return b"%b %d" % (plain, size)

    def _tail(self, part: Part) -> bytes:
        """Write disposition, language and location, which end all forms of BODYSTRUCTURE."""
        if part.disposition is None and not part.language and part.location is None:
            return b"NIL NIL NIL"
        string = self._string
        disposition = b"NIL"
        if part.disposition is not None:
            disposition = b"(%b %b)" % (
                string(part.disposition),
                self._parameters(part.disposition_parameters),
            )
        language = b"NIL"
        if len(part.language) == 1:
            language = string(part.language[0])
        elif part.language:
            language = b"(" + b" ".join([string(tag) for tag in part.language]) + b")"
        return b"%b %b %b" % (disposition, language, nstring(part.location, string))

    def _parameters(self, parameters: dict[str, str]) -> bytes:
        if not parameters:
            return b"NIL"
        string = self._string
        out = []
        for name, value in parameters.items():
            if value.isascii() or string is utf8_string:
                out.append(string(name) + b" " + string(value))
            else:  # RFC 2231 section 4
                encoded = "utf-8''" + quote(value, safe="", errors="replace")
                out.append(string(name + "*") + b" " + string(encoded))
        return b"(" + b" ".join(out) + b")"
