r"""Normal text as a stream of tokens, and a needle as a plan of which tokens to look for; pure.

Theory. A stream says exactly what its text says, so that a phrase of tokens is in the stream where, and only
where, the needle is a substring of the text; what the index finds by it need not be confirmed.

- A word is a run of letters, digits, `_` and combining marks that are not Chinese or Japanese.
- Every other character but the space is a token of its own. A space beside one or two of them is told once,
  by the left one: `,` then a space is the token `,` + SPACE, a word then ` (` is the word, then SPACE + `(`.
- A space between two words is not told: two words that follow each other have one between them.
- Of a longer word than `LONGEST` there are pieces, each beginning `STEP` later than the one before, the last
  at its end. BREAK stands where a piece is cut off, so that a piece is not taken for a word of its own.

The text of a header has FIELD before each field of the message and PART_FIELD before each of a part, so that
it can be told which field something is in.

A needle is cut up likewise. Of several words the first may be the end of a word of the text and the last the
beginning of one, those between are whole; one word alone may be anywhere in a word. Where the needle has a
blank at an end, the word there is whole at that side; as the plan does not say that there is a blank beside
that word, what has it may not have the needle. SPACE, BREAK and the marks of fields are white space, which
normal text does not contain.

Standards: RFC 9051 section 6.4.4 (substrings), RFC 8621 section 4.4.1 (words and phrases).
"""

import enum
import functools
import itertools
import re
import unicodedata
from typing import Final, NamedTuple

SPACE: Final = "\x1f"
BREAK: Final = "\x1e"
FIELD: Final = "\x1d"
PART_FIELD: Final = "\x1c"
LONGEST: Final = 128
STEP: Final = 64
MOST_TOKENS: Final = 100
"""Of a needle that are looked for; what has those of a longer one may have it."""

TOKENIZER: Final = "ascii tokenchars '{}'".format(
    "".join(chr(n) for n in range(1, 128) if chr(n) not in " '" and not chr(n).isalnum()) + "''"
)
"""For FTS5: only the blank between two tokens parts them."""

_CJK: Final = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u302f\u3031-\u3035\u3038-\u303c\u3040-\u30ff\u3100-\u312f\u31a0-\u31bf"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00016fe0-\U00018d08"
    "\U0001aff0-\U0001b2fb\U0001f200-\U0001f202\U00020000-\U0003ffff"
)
_SIMPLE: Final = rf"\w+|{SPACE}?[^\w{SPACE}]{SPACE}?"
_ASCII: Final = re.compile(_SIMPLE, re.ASCII)
_PLAIN: Final = re.compile(_SIMPLE)

# Marks that an accent is: of Latin, Greek and Cyrillic, of Hebrew and Arabic. Those of Indic scripts are
# vowels, and the voicing of kana makes another letter.
_ACCENTS: Final = re.compile(
    "[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\ufe20-\ufe2f]+"
)
_STROKES: Final = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "ı": "i"})


@functools.cache
def _marks() -> str:
    """Combining marks but for those of kana and emoji, as ranges of a character class."""
    ranges: list[list[int]] = []
    for n in itertools.chain(range(0x300, 0x3400), range(0xA66F, 0xAC00), range(0xFB1D, 0x1F000)):
        if unicodedata.category(chr(n))[0] != "M" or 0xFE00 <= n <= 0xFE0F:
            continue
        if ranges and ranges[-1][1] == n - 1:
            ranges[-1][1] = n
        else:
            ranges.append([n, n])
    cjk = re.compile(f"[{_CJK}]")
    return "".join(
        f"{chr(low)}-{chr(high)}"
        for low, high in ranges
        if not cjk.match(chr(low)) and not cjk.match(chr(high))
    )


class _Patterns(NamedTuple):
    special: re.Pattern[str]  # has what makes `_PLAIN` wrong
    word: re.Pattern[str]
    token: re.Pattern[str]


@functools.cache
def _patterns() -> _Patterns:
    letters, marks = rf"[^\W{_CJK}]", _marks()
    word = f"(?:{letters}++|[{marks}]++)++"
    other = rf"{SPACE}?(?![{marks}{SPACE}])[\W{_CJK}]{SPACE}?"
    return _Patterns(re.compile(f"[{_CJK}{marks}]"), re.compile(word), re.compile(f"{word}|{other}"))


def stream(text: str) -> tuple[list[str], set[str]]:
    """Cut normal text into its stream; also gives the different tokens."""
    found = tokens(text)
    return found, set(found)


def tokens(text: str) -> list[str]:
    """Cut normal text into its stream."""
    found = _cut(text)
    if _has_long_run(text) and max(map(len, found), default=0) > LONGEST:
        return [piece for token in found for piece in pieces(token)]
    return found


def _has_long_run(text: str) -> bool:
    """Whether there is a stretch without a blank in which a word has room that is longer than `LONGEST`."""
    start, last = 0, len(text) - LONGEST
    while start < last:
        blank = text.rfind(" ", start, start + LONGEST + 1)
        if blank < 0:
            return True
        start = blank + 1
    return False


def _cut(text: str) -> list[str]:
    marked = text.replace(" ", SPACE)
    if text.isascii():
        return _ASCII.findall(marked)
    patterns = _patterns()
    if patterns.special.search(text) is None:
        return _PLAIN.findall(marked)
    return patterns.token.findall(marked)


def pieces(word: str) -> list[str]:
    """A word as it stands in a stream: itself, or its pieces."""
    if len(word) <= LONGEST:
        return [word]
    last = len(word) - LONGEST
    starts = [*range(0, last, STEP), last]
    cut = [word[start : start + LONGEST] for start in starts]
    return [cut[0] + BREAK, *(BREAK + piece + BREAK for piece in cut[1:-1]), BREAK + cut[-1]]


def is_word(token: str) -> bool:
    """Whether a token of a stream is a word, or a piece of one."""
    first = token[1 if token[0] == BREAK else 0]
    return first.isalnum() or first == "_" if first.isascii() else _patterns().word.match(first) is not None


def plain(word: str) -> str:
    """A word without its accents; what is nothing but accents stays."""
    if word.isascii():
        return word
    bare = _ACCENTS.sub("", unicodedata.normalize("NFD", word))
    return unicodedata.normalize("NFC", bare).translate(_STROKES) or word


def plain_text(text: str) -> str:
    """Normal text with the accents of its words left out."""
    if text.isascii():
        return text
    return _patterns().word.sub(lambda match: plain(match[0]), text)


# --- needles ---------------------------------------------------------------------------------------


class Place(enum.Enum):
    """Where in a word of the text a word of the needle may stand."""

    WHOLE = "whole"
    BEGINNING = "beginning"
    END = "end"
    INSIDE = "inside"


class Words(NamedTuple):
    """A place of a phrase that words of the account's vocabulary fill: those that have `part` there.

    Attributes:
        accents: False: without them, in `part` and in the words.
    """

    part: str
    place: Place
    accents: bool = True

    def takes(self, word: str) -> bool:
        """Whether a word of the vocabulary fills it; it is given without accents where they do not count."""
        match self.place:
            case Place.WHOLE:
                return word == self.part
            case Place.BEGINNING:
                return word.startswith(self.part)
            case Place.END:
                return word.endswith(self.part)
            case Place.INSIDE:
                return self.part in word


Slot = tuple[str, ...] | Words
"""What may stand at a place of a phrase: any of these tokens, or words."""


class Plan(NamedTuple):
    """What a needle is in the stream: a phrase.

    Attributes:
        slots: none for a needle that is in every text, or (not exact) may be in any.
        exact: what has the phrase has the needle; else it may have it.
    """

    slots: tuple[Slot, ...]
    exact: bool = True


def substring(needle: str) -> Plan:
    """Plan to find what `folding.sought` gives anywhere in normal texts."""
    before, behind = needle.startswith(" "), needle.endswith(" ")
    found = _cut(needle.strip(" "))
    if not found:
        return Plan((), exact=not needle)
    if len(found) == 1:
        return _alone_between(found[0], before=before, behind=behind)
    anchored = before and len(found[0]) <= LONGEST
    first, sure = _first(found[0], Place.WHOLE if anchored else Place.END, accents=True)
    sure = sure and not before
    if len(found) > MOST_TOKENS:
        some = [piece for token in found[1:MOST_TOKENS] for piece in pieces(token)]
        return Plan((first, *((piece,) for piece in some)), exact=False)
    last, sure_too = (
        _last_before_blank(found[-1]) if behind else _last(found[-1], Place.BEGINNING, accents=True)
    )
    between = ((piece,) for token in found[1:-1] for piece in pieces(token))
    return Plan((first, *between, last), sure and sure_too)


class How(enum.Enum):
    """How a row of words is looked for."""

    WHOLE = "whole"
    PREFIX = "prefix"  # the last word is the beginning of one
    SUBSTRING = "substring"  # so is the first the end of one


_ALONE: Final = {How.WHOLE: Place.WHOLE, How.PREFIX: Place.BEGINNING, How.SUBSTRING: Place.INSIDE}
_ENDS: Final = {How.WHOLE: Place.WHOLE, How.PREFIX: Place.BEGINNING, How.SUBSTRING: Place.BEGINNING}


def phrase(needle: str, how: How) -> Plan:
    """Plan to find a normal needle as a row of words, whatever their accents."""
    found = _cut(needle)
    if not found:
        return Plan(())
    if len(found) == 1:
        return _alone(found[0], _ALONE[how], accents=False)
    long = next((token for token in found if is_word(token) and len(token) > LONGEST), None)
    if long is not None:  # of which the stream has several pieces: they stand in no row with the others
        return Plan((_word(long, Place.INSIDE, accents=False)[0],), False)
    cut, found = len(found) > MOST_TOKENS, found[:MOST_TOKENS]
    first, sure = _first(found[0], Place.END if how is How.SUBSTRING else Place.WHOLE, accents=False)
    last, sure_too = _last(found[-1], _ENDS[how], accents=False)
    between: list[Slot] = []
    for token in found[1:-1]:
        slot, whole = _word(token, Place.WHOLE, accents=False) if is_word(token) else ((token,), True)
        between.append(slot)
        sure = sure and whole
    return Plan((first, *between, last), sure and sure_too and not cut)


def field_name(name: str) -> Plan:
    """Plan to find a header field of the message by its normal name: what stands before its value."""
    return Plan(((FIELD,), *((token,) for token in tokens(name)), (":", ":" + SPACE)))


def has_phrase(text: str, needle: str, how: How) -> bool:
    """Whether a text has a needle as a row of words; of both the `plain_text`."""
    start = text.find(needle)
    while start >= 0:
        end = start + len(needle)
        begins = how is How.SUBSTRING or not within_word(text, start)
        if begins and (how is not How.WHOLE or not within_word(text, end)):
            return True
        start = text.find(needle, start + 1)
    return False


def within_word(text: str, place: int) -> bool:
    """Whether a place is inside of a word."""
    return 0 < place < len(text) and _in_word(text[place - 1]) and _in_word(text[place])


def _in_word(character: str) -> bool:
    return character != " " and is_word(character)


def _alone(token: str, place: Place, *, accents: bool) -> Plan:
    if is_word(token):
        slot, sure = _word(token, place, accents=accents)
        return Plan((slot,), sure)
    return Plan(((token, SPACE + token, token + SPACE, SPACE + token + SPACE),))


_PLACES: Final = {
    (False, False): Place.INSIDE,
    (True, False): Place.BEGINNING,
    (False, True): Place.END,
    (True, True): Place.WHOLE,
}


def _alone_between(token: str, *, before: bool, behind: bool) -> Plan:
    """The only token of a needle that may have a blank before and behind it."""
    if not is_word(token) and behind:  # of a mark and a space behind it, the mark tells that there is one
        return Plan(((token + SPACE, SPACE + token + SPACE),), exact=not before)
    plan = _alone(token, _PLACES[before, behind], accents=True)
    return plan._replace(exact=plan.exact and not before and not behind)


def _last_before_blank(token: str) -> tuple[Slot, bool]:
    """The last token of several, and a blank behind it."""
    if not is_word(token):
        return (token + SPACE,), True
    slot, _ = _word(token, Place.WHOLE if len(token) <= LONGEST else Place.BEGINNING, accents=True)
    return slot, False


def _first(token: str, place: Place, *, accents: bool) -> tuple[Slot, bool]:
    """The first token of several: whether there is a space before the needle is not asked."""
    if is_word(token):
        return _word(token, place, accents=accents)
    return (token, SPACE + token), True


def _last(token: str, place: Place, *, accents: bool) -> tuple[Slot, bool]:
    """The last token of several."""
    if is_word(token):
        return _word(token, place, accents=accents)
    return (token, token + SPACE), True


def _word(word: str, place: Place, *, accents: bool) -> tuple[Slot, bool]:
    part = word if accents else plain(word)
    if len(part) <= (STEP if place is Place.INSIDE else LONGEST):
        return Words(part, place, accents), True
    return Words(part[-STEP:] if place is Place.END else part[:STEP], Place.INSIDE, accents), False
