"""What a user types into a search box, cut into words and phrases; pure.

Standards: RFC 8621 section 4.4.1.

Quotation marks begin a phrase only where a word would begin and where they are closed again, so that an
apostrophe is one. A backslash takes a quotation mark or itself as it is. Commas and brackets round a word
are left out, as people write them; inside of a phrase everything counts.
"""

from typing import Final, NamedTuple

_OPENING: Final = "([{<"
_CLOSING: Final = ")]}>,.;:!?"


class Needle(NamedTuple):
    """One thing that must be there.

    Attributes:
        phrase: these words in a row and whole; else a word that begins so.
    """

    text: str
    phrase: bool


def split_search(text: str) -> list[Needle]:
    """Cut a search string; what has nothing to look for is left out. Linear in its length."""
    found: list[Needle] = []
    place = 0
    while place < len(text):
        character = text[place]
        if character.isspace():
            place += 1
            continue
        if character in "\"'":
            phrase, end = _until(text, place + 1, character)
            place = end if phrase is not None else place + 1  # not closed: neither is any behind it
            if phrase is not None and phrase.strip():
                found.append(Needle(phrase, phrase=True))
            continue
        word, place = _until(text, place, None)
        found.append(Needle(_bare(word or ""), phrase=False))
    return found


def _until(text: str, place: int, quote: str | None) -> tuple[str | None, int]:
    """Read up to a quotation mark, or to white space; gives what was read and the place behind it."""
    out = []
    while place < len(text):
        character = text[place]
        if character == "\\" and text[place + 1 : place + 2] in ('"', "'", "\\"):
            out.append(text[place + 1])
            place += 2
        elif character == quote:
            return "".join(out), place + 1
        elif quote is None and character.isspace():
            break
        else:
            out.append(character)
            place += 1
    return ("".join(out), place) if quote is None else (None, place)


def _bare(word: str) -> str:
    """A word without the marks round it; nothing but marks stays as it is."""
    return word.lstrip(_OPENING).rstrip(_CLOSING) or word
