"""HTML reduced to its words, for previews and search; not for showing.

Standards: HTML Living Standard section 13.2.5 (tokenization), as far as it matters for where text begins.

Theory: one pass from `<` to `<`. Each way to skip (comment, raw text, tag) either finds its end, and the
pass goes on behind it, or does not, and then nothing more is read or the tag reader falls back, once and
for all, to the nearest `>`. So nothing is searched twice, and the time is linear in the text.
"""

import re
from html import unescape
from typing import Final

from pymailcore.message.limits import MAX_TEXT_OCTETS

# tag = "<" ["/"] name attributes ">", where quotes hide ">"
_TAG: Final = re.compile(r"""<(/?[a-zA-Z][a-zA-Z0-9]*+)(?:[^<>"']++|"[^"]*+"|'[^']*+')*+>""")
_NAME: Final = re.compile(r"</?[a-zA-Z][a-zA-Z0-9]*+")
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

    def read_tag(self, less: int) -> tuple[str, int] | None:
        """Give a tag's name, with its slash, and the place behind it; None when `<` is text."""
        tag = _TAG.match(self._html, less) if self._quotes_matter else None
        if tag:
            return tag[1].lower(), tag.end()
        name = _NAME.match(self._html, less)
        if name is None:
            return None
        self._quotes_matter = False
        return name[0][1:].lower(), self._behind(">", name.end())

    def skip_raw(self, name: str, position: int) -> int:
        """Give the place behind the end tag of an element whose content is not text."""
        end_tag = _RAW[name].search(self._html, position)
        return self._behind(">", end_tag.end()) if end_tag else len(self._html)

    def _behind(self, mark: str, position: int) -> int:
        found = self._html.find(mark, position)
        return len(self._html) if found < 0 else found + len(mark)


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
        less = html.find("<", position)
        if less < 0:
            less = end
        if less > position:
            piece = html[position:less]
            lines.add(unescape(piece) if "&" in piece else piece)
        if less == end:
            break
        if html.startswith(("<!", "<?"), less):
            position = reader.skip_declaration(less)
            continue
        tag = reader.read_tag(less)
        if tag is None:
            lines.add("<")
            position = less + 1
            continue
        name, position = tag
        if name in _RAW:
            position = reader.skip_raw(name, position)
        elif name.lstrip("/") in _BLOCKS:
            lines.end_line()
        elif name.lstrip("/") in _CELLS:
            lines.gap()
    return lines.text()[:limit]
