"""Plain text as HTML: everything is escaped first, then links and quotes are marked.

Linear: one pass by a tokenizer whose patterns cannot go back.
"""

import html
import re
from typing import Final

MAX_QUOTE_DEPTH: Final = 6

_TOKEN: Final = re.compile(
    r"(?P<url>\b(?:https?://|mailto:)[^\s<>\"'`{}|\\^\x00-\x1f\x7f]{1,2000})"
    r"|(?P<www>\bwww\.[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}(?:/[^\s<>\"'`{}|\\^\x00-\x1f\x7f]{0,2000})?)"
    r"|(?P<mail>\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8})",
    re.IGNORECASE,
)
_TRAILING: Final = ".,;:!?'\"*_~"
_QUOTE: Final = re.compile(r"(?:> ?){1,20}")


def text_to_html(text: str) -> str:
    """Write a text as HTML with links; quoted lines become nested block quotes."""
    out: list[str] = []
    depth = 0
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        match = _QUOTE.match(line)
        wanted = min(match[0].count(">"), MAX_QUOTE_DEPTH) if match else 0
        if match:
            line = line[match.end() :]
        while depth < wanted:
            out.append("<blockquote>")
            depth += 1
        while depth > wanted:
            out.append("</blockquote>")
            depth -= 1
        out.append(linked(line) + "\n")
    out.append("</blockquote>" * depth)
    return "".join(out)


def linked(line: str) -> str:
    """Escape one line and make links of its addresses."""
    out: list[str] = []
    place = 0
    for match in _TOKEN.finditer(line):
        word = _trimmed(match[0])
        if not word:
            continue
        out.append(html.escape(line[place : match.start()]))
        out.append(_anchor(word, match.lastgroup or ""))
        place = match.start() + len(word)
    out.append(html.escape(line[place:]))
    return "".join(out)


def _trimmed(word: str) -> str:
    """Leave out what belongs to the sentence and not to the address."""
    word = word.rstrip(_TRAILING)
    while word.endswith((")", "]")) and word.count(word[-1]) > word.count("(" if word[-1] == ")" else "["):
        word = word[:-1].rstrip(_TRAILING)
    return word


def _anchor(word: str, kind: str) -> str:
    address = {"www": "https://" + word, "mail": "mailto:" + word}.get(kind, word)
    return (
        f'<a href="{html.escape(address)}" target="_blank" rel="noopener noreferrer">{html.escape(word)}</a>'
    )
