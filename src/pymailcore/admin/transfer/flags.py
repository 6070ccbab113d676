r"""Flags as files of mail keep them, and the keywords that the store knows.

Standards: RFC 8621 section 4.1.1 (keywords), RFC 5788 section 4.

Maildir: letters behind `:2,` in the name of a file; a to z are keywords that `dovecot-keywords` names, one
file for each folder. mbox: the fields Status, X-Status and X-Keywords.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from pymailcore.store.keywords import MAX_KEYWORD_OCTETS, MAX_KEYWORDS

KEYWORDS_FILE: Final = "dovecot-keywords"
MAX_LETTERS: Final = 26
_KEYWORD: Final = re.compile(r"[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+")
_LETTERS: Final = {"D": "$draft", "F": "$flagged", "P": "$forwarded", "R": "$answered", "S": "$seen"}
_FLAGS: Final = {
    "\\seen": "$seen",
    "\\answered": "$answered",
    "\\flagged": "$flagged",
    "\\draft": "$draft",
    "\\forwarded": "$forwarded",
}
_STATUS: Final = {"R": "$seen", "A": "$answered", "F": "$flagged", "T": "$draft", "P": "$forwarded"}
_SPELLED: Final = {
    "$forwarded": "$Forwarded",
    "$mdnsent": "$MDNSent",
    "$junk": "$Junk",
    "$notjunk": "$NotJunk",
    "$phishing": "$Phishing",
    "$important": "$Important",
}


class Flags(NamedTuple):
    r"""Keywords in the store's spelling, sorted, and whether the message has `\Deleted`."""

    keywords: tuple[str, ...] = ()
    deleted: bool = False


def flags_of(names: Iterable[str]) -> Flags:
    r"""Take the names that the store can keep: system flags, and keywords of the grammar; `\Recent` goes."""
    keywords = set()
    deleted = False
    for name in names:
        folded = name.lower()
        if folded == "\\deleted":
            deleted = True
        elif (known := _FLAGS.get(folded)) is not None:
            keywords.add(known)
        elif len(folded) <= MAX_KEYWORD_OCTETS and _KEYWORD.fullmatch(folded):
            keywords.add(folded)
    return Flags(tuple(sorted(keywords)[:MAX_KEYWORDS]), deleted)


def read_keywords_file(text: str) -> dict[str, str]:
    """Read `dovecot-keywords`: letter to name."""
    found = {}
    for line in text.splitlines():
        number, _, name = line.strip().partition(" ")
        if number.isdecimal() and int(number) < MAX_LETTERS and name:
            found[chr(ord("a") + int(number))] = name
    return found


def write_keywords_file(letters: Mapping[str, str]) -> str:
    """Write `dovecot-keywords` of letter to name."""
    return "".join(
        f"{ord(letter) - ord('a')} {_SPELLED.get(name, name)}\n" for letter, name in sorted(letters.items())
    )


def read_letters(letters: str, named: Mapping[str, str]) -> Flags:
    """Read the letters of a file's name."""
    names = [_LETTERS.get(letter) or named.get(letter, "") for letter in letters]
    return Flags(flags_of(names).keywords, "T" in letters)


def write_letters(flags: Flags, named: dict[str, str]) -> tuple[str, list[str]]:
    """Write letters in ASCII order, as Maildir has it.

    Args:
        named: letter to keyword; grows by the keywords that are new.

    Returns:
        The letters, and the keywords for which none is left.
    """
    fixed = {name: letter for letter, name in _LETTERS.items()}
    own = {name.lower(): letter for letter, name in named.items()}
    letters, left = ["T"] if flags.deleted else [], []
    for name in flags.keywords:
        letter = fixed.get(name) or own.get(name)
        if letter is None:
            letter = next((one for one in map(chr, range(ord("a"), ord("z") + 1)) if one not in named), None)
            if letter is None:
                left.append(name)
                continue
            named[letter], own[name] = name, letter
        letters.append(letter)
    return "".join(sorted(letters)), left


def read_status(status: str, x_status: str, x_keywords: str) -> Flags:
    """Read the fields of mbox: R read, O old, A answered, F flagged, T draft, D deleted, P forwarded."""
    letters = status + x_status
    names = [name for letter, name in _STATUS.items() if letter in letters]
    return Flags(flags_of([*names, *x_keywords.split()]).keywords, "D" in letters)


def write_status(flags: Flags) -> tuple[str, str, str]:
    """Write the three fields of mbox."""
    rest = [name for name in flags.keywords if name not in {*_LETTERS.values()}]
    there = {letter for letter, name in _STATUS.items() if letter != "R" and name in flags.keywords}
    x_status = "".join(sorted(there | ({"D"} if flags.deleted else set())))
    return (
        ("RO" if "$seen" in flags.keywords else "O"),
        x_status,
        " ".join(_SPELLED.get(name, name) for name in rest),
    )
