"""Address lists of header fields.

Standards: RFC 5322 sections 3.4 and 4.4 (obsolete syntax), RFC 6532 section 3.2, RFC 2047 section 5 (3),
RFC 8621 sections 4.1.2.3 and 4.1.2.4.

One pass over tokens; whatever is no address is given back as well as it can be. Names keep their
encoded-words here, because ENVELOPE shows them so; `message.headers` decodes them.
"""

import re
from typing import Final, NamedTuple

from pymailcore.message.fields import without_escapes
from pymailcore.message.limits import MAX_ADDRESSES, MAX_COMMENT_DEPTH


class RawAddress(NamedTuple):
    """One mailbox: its display name (None without one), with encoded-words, and its addr-spec."""

    name: str | None
    email: str


class RawGroup(NamedTuple):
    """Neighbours outside of any group (`name` is None), or a named group, which may be empty."""

    name: str | None
    addresses: list[RawAddress]


# The whole field in the two forms that nearly all mail has: `a@b` and `Some Name <a@b>`.
_ATOMS: Final = r"[\w!#$%&'*+/=?^`{|}~.-]++"
_PLAIN_ATOMS: Final = r"[\w!#$%&'*+/?^`{|}~.-]++"
_SIMPLE: Final = re.compile(
    rf'\s*+(?:"?((?:{_ATOMS}|(?<=\S)[ ](?=\S))*)"?\s*+<({_ATOMS}@{_ATOMS})>|({_ATOMS}@{_ATOMS}))\s*+\Z'
)

# Python 3.11.2, Debian's, keeps what a failed turn of a possessive group took, if something in that turn was
# repeated or a look ahead; there is none such here. Other groups cost memory for each turn: `_MAX_SIMPLE`.
_TOKEN: Final = re.compile(
    r'"((?:[^"\\]++|\\.)*+)"?'  # 1: quoted-string
    r"|(\s++)"  # 2: white space
    r"|(=\?[^?\s]{1,100}\?[bBqQ]\?[^?\s]*+\?=)"  # 3: encoded-word, which may hold any special
    r"|(\[[^\[\]<>]*+\]?)"  # 4: domain-literal
    r"|(,[\s,]*+|;[\s;]*+|>++|<++|:++|@++|\()"  # 5: special; of a row the first counts
    r'|([^\s"(\[<>,:;@=][^"(\[<>,:;@=]*+|=)',  # 6: atoms, dots, white space within; "=" by itself
    re.DOTALL,
)
# One mailbox of a list in the forms that nearly all have, up to the next.
_ITEM: Final = re.compile(
    rf'\s*+(?:(?:"([^"\\=]*+)"|({_PLAIN_ATOMS}(?:[ ]{_PLAIN_ATOMS})*))'
    rf"\s*+<({_ATOMS}@{_ATOMS})>|({_ATOMS}@{_ATOMS}))"
    r"\s*+(?:,[\s,]*+|\Z)"
)
_MAX_SIMPLE: Final = 4096
"""Characters of one mailbox in those forms; a longer one is read token by token."""
_TOKENS_EACH: Final = 4
"""Tokens for each mailbox of the limit, after which the rest is passed over, too."""
_COMMENT_MARK: Final = re.compile(r"[()]|\\.", re.DOTALL)


def parse_addresses(text: str, limit: int = MAX_ADDRESSES) -> list[RawGroup]:
    """Read an unfolded address-list; never raises, takes time in proportion to the text.

    Args:
        text: not longer than `fields.structured` gives it.
        limit: mailboxes and groups after which the rest is passed over.
    """
    simple = _SIMPLE.match(text) if len(text) <= _MAX_SIMPLE else None
    if simple:
        name, angle, bare = simple.groups()
        return [
            RawGroup(
                None, [RawAddress((name or "").strip() or None, angle) if angle else RawAddress(None, bare)]
            )
        ]
    return _Reader(text, limit).read()


class _Reader:
    """State of one pass: the tokens of the mailbox under way, and the group that it belongs to."""

    def __init__(self, text: str, limit: int) -> None:
        self._text = text
        self._limit = limit
        self._groups: list[RawGroup] = []
        self._open: RawGroup | None = None  # the group that takes mailboxes now
        self._count = 0
        self._clear()

    def _clear(self) -> None:
        self._phrase: list[str] = []  # words and white space before an angle, unquoted
        self._spec: list[str] = []  # the same as an addr-spec: quoted, without white space
        self._spec_has_at = False
        self._angle: list[str] = []
        self._angle_seen = False
        self._angle_has_at = False  # behind a local part; a route (section 4.4) begins with one
        self._in_angle = False
        self._comment: str | None = None
        self._is_clean = True  # nothing of a mailbox is under way

    def read(self) -> list[RawGroup]:
        text = self._text
        position = 0
        end = len(text)
        tokens = self._limit * _TOKENS_EACH
        while position < end and self._count < self._limit and tokens > 0:
            tokens -= 1
            if self._is_clean:
                stop = min(position + _MAX_SIMPLE, end)
                item = _ITEM.match(text, position, stop)
                if item and (item.end() < stop or stop == end):
                    position = item.end()
                    quoted, atoms, angle, bare = item.groups()
                    name = atoms or (" ".join(quoted.split()) if quoted else None) or None
                    self._add(RawAddress(name, angle or bare))
                    continue
            position = self._take(position)
        self._finish()
        return self._groups

    def _take(self, position: int) -> int:
        """Take one token, and give the place behind it."""
        match = _TOKEN.match(self._text, position)
        if match is None:  # pragma: no cover - the last alternatives take any character
            return position + 1
        self._is_clean = False
        position = match.end()
        kind = match.lastindex
        if kind == 6:
            self._words(match[6])
        elif kind == 5:
            if match[5] == "(":
                return self._skip_comment(position)
            self._special(match[5][0])
            if len(match[5]) > 1 and match[5][0] == "@":
                self._word(match[5][1:], match[5][1:])
        elif kind == 1:
            self._word(without_escapes(match[1]) if "\\" in match[1] else match[1], match[0])
        elif kind == 2:
            if not self._in_angle:
                self._phrase.append(" ")
        else:
            self._word(match[0], match[0])
        return position

    def _word(self, unquoted: str, as_written: str) -> None:
        if self._in_angle:
            self._angle.append(as_written)
        elif not self._angle_seen:
            self._phrase.append(unquoted)
            self._spec.append(as_written)

    def _words(self, text: str) -> None:
        """Take atoms with the white space between and behind them."""
        if self._in_angle:
            self._angle.append("".join(text.split()))
        elif not self._angle_seen:
            self._phrase.append(text)
            self._spec.append("".join(text.split()))

    def _special(self, special: str) -> None:
        if self._in_angle:
            self._special_in_angle(special)
        elif special == "<":
            if not self._angle_seen:
                self._in_angle = self._angle_seen = True
        elif special == ",":
            self._finish()
        elif special == ";":
            self._finish()
            self._open = None
        elif special == ":":
            if self._angle_seen or self._spec_has_at:
                self._finish()
            else:
                self._open = RawGroup(_phrase(self._phrase) or "", [])
                self._groups.append(self._open)
                self._count += 1
                self._clear()
        elif special == "@":
            self._word("@", "@")
            self._spec_has_at = True

    def _special_in_angle(self, special: str) -> None:
        if special == ">":
            self._in_angle = False
        elif special == ":":
            self._reset_angle()  # obs-route (RFC 5322 section 4.4) is passed over
        elif special == "@":
            self._angle_has_at = bool(self._angle) and self._angle[0] != "@"
            self._angle.append("@")
        elif special == ",":
            if self._angle_has_at:  # the closing bracket is missing
                self._finish()
        elif special == "<":
            self._reset_angle()

    def _reset_angle(self) -> None:
        self._angle.clear()
        self._angle_has_at = False

    def _skip_comment(self, position: int) -> int:
        start = position
        depth = 1
        for match in _COMMENT_MARK.finditer(self._text, position):
            if match[0] == "(":
                depth += 1
                if depth > MAX_COMMENT_DEPTH:
                    break
            elif match[0] == ")":
                depth -= 1
                if not depth:
                    comment = self._text[start : match.start()].strip()
                    if comment and (self._spec or self._angle_seen):
                        self._comment = without_escapes(comment)
                    if not self._in_angle:
                        self._phrase.append(" ")
                    return match.end()
        return len(self._text)

    def _finish(self) -> None:
        if self._angle_seen:
            email = "".join(self._angle)
            name = _phrase(self._phrase)
        else:
            email = "".join(self._spec)
            name = None
            if not self._spec_has_at:
                email = _phrase(self._phrase) or ""
        if email or name:
            if name is None:
                name = self._comment
            self._add(RawAddress(name, email))
        self._clear()

    def _add(self, address: RawAddress) -> None:
        if self._open is None or (self._open.name is None and self._groups[-1] is not self._open):
            self._open = RawGroup(None, [])
            self._groups.append(self._open)
        self._open.addresses.append(address)
        self._count += 1


def _phrase(pieces: list[str]) -> str | None:
    return " ".join("".join(pieces).split()) or None


def split_addr_spec(email: str) -> tuple[str, str]:
    """Cut an addr-spec into its local part, without quotes, and its domain, which may be empty."""
    localpart, at, domain = email.rpartition("@")
    if not at:
        localpart, domain = domain, ""
    if len(localpart) >= 2 and localpart[0] == localpart[-1] == '"':
        localpart = without_escapes(localpart[1:-1])
    return localpart, domain
