"""Marks in texts where a search found them, as HTML; pure.

Standards: RFC 8621 section 5 (SearchSnippet).

Theory. A search compares texts in their normal form, without accents (`store.folding`, `fulltext.words`);
marks stand in the text as it was written. Neither form has other white space than the other, so that the
n-th word of the one is the n-th of the other; inside of a word, clusters of a character and what joins it are
folded one by one. Where the folded clusters are not the folded word, all of the word is marked.

Each cluster of the text is escaped by itself, and marks stand between clusters. So no mark stands inside of
an entity, and no character loses its accents. Nothing that a user or a message says becomes a pattern, and
each step is bounded or linear in the text.
"""

import bisect
import functools
import html
import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from pymailcore.store import query as q
from pymailcore.store.folding import normal
from pymailcore.store.fulltext.words import How, plain_text, within_word

MAX_PREVIEW_OCTETS: Final = 255  # RFC 8621 section 5: preview
MAX_SOUGHT: Final = 16
"""So many words and phrases are marked; a text is looked through once for each."""

MOST_LOOKS: Final = 10_000
"""So many places of a text are looked at for one of them."""

_MOST_MARKS: Final = 1_000
_BEFORE_OCTETS: Final = 60
_WINDOW: Final = 150
_LONGEST_CLUSTER: Final = 16
_LONGEST_LOOSE_END: Final = 24
_LONGEST_CUT: Final = 20_000
"""A longer word, if it has characters that join others, is marked as a whole."""

_OPEN: Final = "<mark>"
_CLOSE: Final = "</mark>"
_WORD: Final = re.compile(r"\S+")
_ZWJ: Final = "\u200d"


class Sought(NamedTuple):
    """A word or a phrase, as it is compared."""

    words: str
    how: How


class Wanted(NamedTuple):
    """What a filter looks for that snippets show."""

    subject: tuple[Sought, ...]
    body: tuple[Sought, ...]


def wanted(node: q.Filter) -> Wanted:
    """What a filter looks for in subject and body; what must not be there is none of it."""
    subject: dict[Sought, None] = {}
    body: dict[Sought, None] = {}
    waiting: list[tuple[q.Filter, bool]] = [(node, True)]
    while waiting:
        one, positive = waiting.pop()
        if isinstance(one, q.And | q.Or):
            waiting.extend((part, positive) for part in reversed(one.filters))
        elif isinstance(one, q.Not):
            waiting.append((one.filter, not positive))
        elif isinstance(one, q.Matches) and positive:
            sought = Sought(plain_text(normal(one.words)), one.how)
            if sought.words and one.field in {q.Field.TEXT, q.Field.SUBJECT}:
                subject[sought] = None
            if sought.words and one.field in {q.Field.TEXT, q.Field.BODY}:
                body[sought] = None
    return Wanted(tuple(subject)[:MAX_SOUGHT], tuple(body)[:MAX_SOUGHT])


def mark_all(text: str, sought: Sequence[Sought]) -> str | None:
    """The whole text as HTML with marks; None where there is nothing to be marked."""
    text = _clean(text)
    folded = plain_text(normal(text))
    found = _found(folded, sought)
    if not found:
        return None
    out: list[str] = []
    place = 0
    for start, end in _spans(text, folded, found):
        out += [_escape(text[place:start]), _OPEN, _escape(text[start:end]), _CLOSE]
        place = end
    return "".join([*out, _escape(text[place:])])


def mark_piece(text: str, sought: Sequence[Sought]) -> str | None:
    """The piece of a text, as HTML with marks, that shows best what was found; None for nothing.

    White space is single spaces; at most `MAX_PREVIEW_OCTETS`.
    """
    text = " ".join(_clean(text).split())
    folded = plain_text(normal(text))
    found = _found(folded, sought)
    if not found:
        return None
    best = _best(found)
    # What is found in the few words before the best place is marked as well.
    near = [hit for hit in found if abs(hit[0] - best) < MAX_PREVIEW_OCTETS]
    (place, _), *_ = _spans(text, folded, [hit for hit in near if hit[0] == best])
    return _cut(text, _spans(text, folded, near), place)


# --- finding ---------------------------------------------------------------------------------------

_Hit = tuple[int, int, int]
"""Start and end in the folded text, and which of what is sought it is."""


def _found(folded: str, sought: Sequence[Sought]) -> list[_Hit]:
    """Where things are in a folded text, in order."""
    found = [
        (start, start + len(one.words), number)
        for number, one in enumerate(sought)
        for start in itertools.islice(_places(folded, one), _MOST_MARKS)
    ]
    return sorted(found)


def _places(folded: str, sought: Sought) -> Iterator[int]:
    start = 0
    for _ in range(MOST_LOOKS):
        start = folded.find(sought.words, start)
        if start < 0:
            return
        end = start + len(sought.words)
        begins = sought.how is How.SUBSTRING or not within_word(folded, start)
        if begins and (sought.how is not How.WHOLE or not within_word(folded, end)):
            yield start
            start = end
        else:
            start += 1


def _best(found: list[_Hit]) -> int:
    """The first place from which on the most different things are close together."""
    best, most = 0, 0
    counts: dict[int, int] = {}
    last = 0
    for start, _, number in found:
        while last < len(found) and found[last][0] < start + _WINDOW:
            counts[found[last][2]] = counts.get(found[last][2], 0) + 1
            last += 1
        if len(counts) > most:
            best, most = start, len(counts)
        counts[number] -= 1
        if not counts[number]:
            del counts[number]
    return best


# --- from the folded text to the text as it is -----------------------------------------------------


def _spans(text: str, folded: str, found: Sequence[_Hit]) -> list[tuple[int, int]]:
    """Stretches of a text for those of its folded form, joined where they touch."""
    place = _Places(text, folded, found[0][0], max(end for _, end, _ in found))
    spans: list[tuple[int, int]] = []
    for start, end, _ in found:
        begin, stop = place.start(start), place.end(end)
        if spans and begin <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(stop, spans[-1][1]))
        else:
            spans.append((begin, stop))
    return spans


class _Places:
    """Finds for places of a folded text, between two of them, those of the text."""

    def __init__(self, text: str, folded: str, first: int, last: int) -> None:
        before = folded.count(" ", 0, first)
        begin = folded.rfind(" ", 0, first) + 1
        end = folded.find(" ", last)
        self._folded = folded[begin : len(folded) if end < 0 else end].split(" ")
        words = itertools.islice(_WORD.finditer(text), before, before + len(self._folded))
        self._words = [(match.start(), match[0]) for match in words]
        lengths = (len(word) + 1 for word in self._folded[:-1])
        self._starts = list(itertools.accumulate(lengths, initial=begin))
        self._last: tuple[int, Sequence[int], Sequence[int]] | None = None

    def start(self, place: int) -> int:
        """The place in the text of the cluster that a place of the folded text is in."""
        number = bisect.bisect_right(self._starts, place) - 1
        folded, there = self._cut(number)
        return self._words[number][0] + there[bisect.bisect_right(folded, place - self._starts[number]) - 1]

    def end(self, place: int) -> int:
        """The place behind the cluster that is before a place of the folded text."""
        number = bisect.bisect_left(self._starts, place) - 1
        folded, there = self._cut(number)
        return self._words[number][0] + there[bisect.bisect_left(folded, place - self._starts[number])]

    def _cut(self, number: int) -> tuple[Sequence[int], Sequence[int]]:
        """Where clusters begin in a word, in its folded form and as it is; the last are the ends of both."""
        if self._last is None or self._last[0] != number:
            self._last = (number, *_cuts(self._words[number][1], self._folded[number]))
        return self._last[1:]


def _cuts(word: str, folded: str) -> tuple[Sequence[int], Sequence[int]]:
    table = {ord(character): _folded(character) for character in set(word)}
    if len(word) == len(folded) and not any(map(_may_join, table)) and word.translate(table) == folded:
        places = range(len(word) + 1)
        return places, places
    if len(word) <= _LONGEST_CUT:
        pieces = clusters(word)
        forms = [_folded(piece) for piece in pieces]
        if "".join(forms) == folded:
            starts = itertools.accumulate(map(len, pieces), initial=0)
            return list(itertools.accumulate(map(len, forms), initial=0)), list(starts)
    return (0, len(folded)), (0, len(word))


@functools.lru_cache(maxsize=4_096)
def _folded(cluster: str) -> str:
    return plain_text(normal(cluster))


def clusters(text: str) -> list[str]:
    """Cut a text where it may be cut: marks, joiners and Jamo stay with what they belong to."""
    if text.isascii():
        return list(text)
    cut: list[str] = []
    for character in text:
        if cut and len(cut[-1]) < _LONGEST_CLUSTER and _joins(cut[-1][-1], character):
            cut[-1] += character
        else:
            cut.append(character)
    return cut


def _joins(before: str, character: str) -> bool:
    if before == _ZWJ:
        return True
    if not _may_join(ord(character)):
        return False
    return not _is_flag(ord(character)) or _is_flag(ord(before))


@functools.lru_cache(maxsize=4_096)
def _may_join(point: int) -> bool:
    """Whether a character may belong to the one before it, or takes the one behind it to itself."""
    return point >= 0x300 and (
        unicodedata.category(chr(point))[0] == "M"
        or point == ord(_ZWJ)
        or 0x1F3FB <= point <= 0x1F3FF  # colours of skin
        or 0x1160 <= point <= 0x11FF  # Jamo that follow others
        or 0xD7B0 <= point <= 0xD7FB
        or _is_flag(point)
    )


def _is_flag(point: int) -> bool:
    """Whether two of it are a flag."""
    return 0x1F1E6 <= point <= 0x1F1FF


# --- HTML ------------------------------------------------------------------------------------------


def _clean(text: str) -> str:
    """Without what no JSON text can hold."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _escape(text: str) -> str:
    return html.escape(text, quote=False)


def _is_plain(text: str) -> bool:
    """Whether each character is one octet of HTML."""
    return text.isascii() and not ("&" in text or "<" in text or ">" in text)


def _octets(text: str) -> int:
    return len(_escape(text).encode())


def _cut(text: str, spans: Sequence[tuple[int, int]], best: int) -> str:
    """The piece of a text round a place that has room, with marks."""
    place = _before(text, best)
    last = min(len(text), place + MAX_PREVIEW_OCTETS + _LONGEST_CLUSTER)
    out: list[str] = []
    left = MAX_PREVIEW_OCTETS
    for start, end, marked in _stretches(spans, place, last):
        html_of = _fitting(text[start:end], left - marked * len(_OPEN + _CLOSE))
        if html_of.cut and not marked:
            out.append(_without_loose_end(html_of.html) if out else html_of.html)
        elif html_of.html:
            out.append(f"{_OPEN}{html_of.html}{_CLOSE}" if marked else html_of.html)
        if html_of.cut:
            break
        left -= len(out[-1].encode())
    return "".join(out)


def _stretches(spans: Sequence[tuple[int, int]], place: int, last: int) -> Iterator[tuple[int, int, bool]]:
    """Cut what is between two places into stretches, each marked or not."""
    for begin, stop in spans:
        start, end = max(begin, place), min(stop, last)
        if start < end:
            if place < start:
                yield place, start, False
            yield start, end, True
            place = end
    if place < last:
        yield place, last, False


class _Fitted(NamedTuple):
    html: str
    cut: bool


def _fitting(text: str, room: int) -> _Fitted:
    """As much of a text as has room, as HTML."""
    if len(text) <= room:
        escaped = _escape(text)
        if len(escaped.encode()) <= room:
            return _Fitted(escaped, cut=False)
    text = text[: max(0, room) + _LONGEST_CLUSTER]
    if _is_plain(text):
        return _Fitted(text[: max(0, room)], cut=True)
    out = []
    for cluster in clusters(text):
        out.append(_escape(cluster))
        room -= len(out[-1].encode())
        if room < 0:
            del out[-1]
            break
    return _Fitted("".join(out), cut=True)


def _without_loose_end(escaped: str) -> str:
    """Leave out the word that was cut, unless it is long."""
    space = escaped.rfind(" ", -_LONGEST_LOOSE_END)
    return escaped if space < 0 else escaped[:space]


def _before(text: str, place: int) -> int:
    """Where a piece begins that is to show a place: some words before it."""
    early = text[max(0, place - _BEFORE_OCTETS - _LONGEST_CLUSTER) : place]
    start = max(0, place - _BEFORE_OCTETS)
    if not _is_plain(early):
        start, left = place, _BEFORE_OCTETS
        for cluster in reversed(clusters(early)):
            left -= _octets(cluster)
            if left < 0:
                break
            start -= len(cluster)
    if start == 0:
        return 0
    space = text.find(" ", start, place)
    return start if space < 0 else space + 1
