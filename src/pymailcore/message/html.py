"""HTML reduced to its words, for previews and search; not for showing.

Standards: HTML Living Standard section 13.2.5 (tokenization), as far as it matters for where text begins.

Theory: one pass from `<` to `<`. Each way to skip (comment, raw text, tag) either finds its end, and the
pass goes on behind it, or does not, and then nothing more is read or the tag reader falls back, once and
for all, to the nearest `>`. So nothing is searched twice, and the time is linear in the text. Text with the
tag behind it is mostly one match; where it is not, `_MAX_TAG` characters at most were looked at in vain.
"""

import re
from html import unescape
from typing import Final

from pymailcore.message.limits import MAX_TEXT_OCTETS
from pymailcore.message.slices import MAX_CALL, find, search

# tag = "<" ["/"] name attributes ">", where quotes hide ">"
# The group is not possessive: Python 3.11.2, Debian's, keeps what a failed turn of such a group took. So each
# turn costs memory, and a tag that is longer than `_MAX_TAG` is read step by step.
_ONE_TAG: Final = r"""<(/?[a-zA-Z][a-zA-Z0-9]*+)[^<>"']*+(?:(?:"[^"]*+"|'[^']*+')[^<>"']*+)*>"""
_TAG: Final = re.compile(_ONE_TAG)
_TEXT_AND_TAG: Final = re.compile(f"([^<]*+){_ONE_TAG}")
_MAX_TAG: Final = 16 * 1024
_PLAIN: Final = re.compile(r"""[^<>"']*+""")
_MAX_PIECE: Final = 64 * 1024  # characters of text that are taken at once
_NAME: Final = re.compile(r"</?[a-zA-Z][a-zA-Z0-9]*+")
_MAX_NAME: Final = 100
_RAW: Final = {
    name: re.compile(rf"</{name}(?![a-z0-9])", re.IGNORECASE)
    for name in ("script", "style", "title", "template", "iframe", "noembed", "noframes", "xmp", "svg")
}
_BLOCKS: Final = frozenset({
    "address", "article", "aside", "blockquote", "body", "br", "center", "dd", "details", "dialog",
    "dir", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3",
    "h4", "h5", "h6", "header", "hr", "html", "li", "main", "menu", "nav", "ol", "option", "p", "pre",
    "section", "select", "summary", "table", "tbody", "tfoot", "thead", "tr", "ul",
})  # fmt: skip
_CELLS: Final = frozenset(("td", "th", "img"))
_END_TAGS: Final = tuple(f"/{name}" for name in (*_BLOCKS, *_CELLS))
_KINDS: Final = {
    name: "block" if name.lstrip("/") in _BLOCKS else "cell" for name in (*_BLOCKS, *_CELLS, *_END_TAGS)
} | dict.fromkeys(_RAW, "raw")
"""What a tag, named with its slash, is to the text round it; others are nothing."""


class _Lines:
    """Text under way: pieces with white space collapsed, cut into lines at blocks."""

    def __init__(self) -> None:
        self.length = 0
        self._lines: list[str] = []
        self._line: list[str] = []
        self._gap = False  # white space is due before the next piece

    def add(self, piece: str) -> None:
        words = piece.split()
        if not words:
            self._gap = True
            return
        text = " ".join(words)
        if self._line and (self._gap or piece[0].isspace()):
            text = " " + text
        self._line.append(text)
        self.length += len(text)
        self._gap = piece[-1].isspace()

    def gap(self) -> None:
        self._gap = True

    def end_line(self) -> None:
        if self._line:
            self._lines.append("".join(self._line))
            self._line.clear()
            self.length += 1
        self._gap = False

    def text(self) -> str:
        self.end_line()
        return "\n".join(self._lines)


class _Reader:
    """Where tags, comments and raw text end."""

    def __init__(self, html: str) -> None:
        self._html = html
        self._quotes_matter = True

    def skip_declaration(self, less: int) -> int:
        """Give the place behind a comment, a declaration or a processing instruction."""
        if self._html.startswith("<!--", less):
            return self._behind("-->", less + 2)
        return self._behind(">", less)

    def read_text_and_tag(self, position: int) -> tuple[str, str, int] | None:
        """Give text, the name of the tag behind it, and the place behind that; None where it is not plain."""
        if not self._quotes_matter:
            return None
        found = _TEXT_AND_TAG.match(self._html, position, position + _MAX_TAG)
        return None if found is None else (found[1], found[2].lower(), found.end())

    def read_tag(self, less: int) -> tuple[str, int] | None:
        """Give a tag's name, with its slash, and the place behind it; None when `<` is text."""
        html = self._html
        tag = _TAG.match(html, less, less + _MAX_TAG) if self._quotes_matter else None
        if tag:
            return tag[1].lower(), tag.end()
        name = _NAME.match(html, less, less + _MAX_NAME)
        if name is None:
            return None
        if self._quotes_matter and len(html) - less > _MAX_TAG:
            end = self._end_of_long_tag(name.end())
            if end >= 0:
                return name[0][1:].lower(), end
        self._quotes_matter = False
        return name[0][1:].lower(), self._behind(">", name.end())

    def _end_of_long_tag(self, position: int) -> int:
        """Give the place behind a tag that `_TAG` describes, from the end of its name; -1 when it is none."""
        html, end = self._html, len(self._html)
        while position < end:
            plain = _PLAIN.match(html, position, position + MAX_CALL)
            position = plain.end() if plain else position
            mark = html[position : position + 1]
            if mark == ">":
                return position + 1
            if mark == "<":
                return -1
            if mark and mark in "\"'":
                position = find(html, mark, position + 1, end) + 1
                if position <= 0:
                    return -1
        return -1

    def skip_raw(self, name: str, position: int) -> int:
        """Give the place behind the end tag of an element whose content is not text."""
        end_tag = search(_RAW[name], self._html, position, len(self._html))
        return self._behind(">", end_tag.end()) if end_tag else len(self._html)

    def _behind(self, mark: str, position: int) -> int:
        found = find(self._html, mark, position, len(self._html))
        return len(self._html) if found < 0 else found + len(mark)


def _piece(html: str, start: int, end: int) -> str:
    """Give text up to the next tag, or as much as is taken at once, cut at white space if there is any."""
    if end - start <= _MAX_PIECE:
        return html[start:end]
    stop = start + _MAX_PIECE
    blank = max(html.rfind(blank, stop - _MAX_PIECE // 2, stop) for blank in " \t\n\f")
    return html[start : blank + 1 if blank > 0 else stop]


def html_to_text(html: str, limit: int) -> str:
    """Give the words of an HTML text, a line for each block, at most `limit` characters.

    White space is collapsed, references are decoded; scripts, styles, titles and comments are left out. Of
    the HTML at most 1 MiB is read.
    """
    html = html[:MAX_TEXT_OCTETS]
    lines = _Lines()
    reader = _Reader(html)
    position, end = 0, len(html)
    while position < end and lines.length < limit:
        plain = reader.read_text_and_tag(position)
        if plain is not None:
            text, name, position = plain
            if text:
                lines.add(unescape(text) if "&" in text else text)
        else:
            position = _add_text(lines, html, position)
            if position == end:
                break
            if html.startswith(("<!", "<?"), position):
                position = reader.skip_declaration(position)
                continue
            tag = reader.read_tag(position)
            if tag is None:
                lines.add("<")
                position += 1
                continue
            name, position = tag
        kind = _KINDS.get(name)
        if kind == "block":
            lines.end_line()
        elif kind == "cell":
            lines.gap()
        elif kind == "raw":
            position = reader.skip_raw(name, position)
    return lines.text()[:limit]


def _add_text(lines: _Lines, html: str, position: int) -> int:
    """Take text up to the next `<`; gives its place, or that of the end."""
    end = len(html)
    less = find(html, "<", position, end)
    if less < 0:
        less = end
    while position < less:
        piece = _piece(html, position, less)
        lines.add(unescape(piece) if "&" in piece else piece)
        position += len(piece)
    return less
