r"""One text of SQL for two engines: what PostgreSQL is given for a statement that is written for SQLite.

Statements take `?1`, `?2`, …; the types of the arguments come from Python. A statement is translated once
for each pattern of types and then found in a dictionary. What differs between the engines is all named here
and in `postgres/functions.sql`:

- `?N` becomes `$n::type`; an argument that is None becomes the word NULL, one that is not named falls away.
- `x IN (SELECT value FROM json_each(?N))` becomes `x = ANY($n::bigint[])`, with `/*text*/` behind the
  argument `text[]`; the JSON is read here. `json_each(?N) r` as a table gives `r.value`, of which
  `json_extract(r.value, '$[0]')` takes a whole number.
- `json_group_array(x)` gives JSON text.
- `x'00ff'` is `'\x00ff'::bytea`.
- `CROSS JOIN t ON`, which keeps SQLite to the order that is written, is a JOIN.
- `/*lock*/` at the end is FOR UPDATE, `/*share*/` FOR KEY SHARE.
- Of the schema: INTEGER is BIGINT, BLOB is BYTEA, TEXT compares octet by octet, WITHOUT ROWID falls away.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

import orjson

MOST_KEPT: Final = 2_000
"""Statements that a dialect keeps."""

_CROSS_JOIN: Final = re.compile(r"CROSS JOIN (\w+(?: \w+)?) ON\b")
_OCTETS: Final = re.compile(r"\b[xX]'([0-9a-fA-F]*)'")
_ARGUMENT: Final = re.compile(r"\?(\d+)")
_IN_LIST: Final = re.compile(
    r"(NOT\s+)?IN\s*\(\s*SELECT\s+value\s+FROM\s+json_each\(\?(\d+)\s*(/\*text\*/)?\s*\)\s*\)"
)
_TABLE: Final = re.compile(
    r"json_each\(\?(\d+)\s*(/\*text\*/)?\s*\)(?:\s+(?:AS\s+)?(?!WHERE\b|ON\b)([a-z]\w*))?"
)
_EXTRACT: Final = re.compile(r"json_extract\((\w+\.)?value, '\$\[(\d+)\]'\)")
_GROUP_ARRAY: Final = re.compile(r"json_group_array\(((?:\w+\.)?\w+)\)")

_PLACE: Final = re.compile(r"\$(\d+)(?=::)")
_WORD: Final = re.compile(r"\w+")
_TYPES: Final = {"i": "bigint", "s": "text", "b": "bytea", "f": "double precision"}
_KINDS: Final[dict[type, str]] = {
    int: "i",
    bool: "i",
    str: "s",
    bytes: "b",
    bytearray: "b",
    memoryview: "b",
    float: "f",
    type(None): "n",
}


class Translated(NamedTuple):
    """A statement for PostgreSQL, and how to make its arguments of the caller's."""

    text: str
    take: tuple[tuple[int, Callable[[Any], Any] | None], ...]
    pieces: tuple[str, ...]  # of the text: between two of them the argument whose place is beside it
    places: tuple[int, ...]

    @property
    def has_lists(self) -> bool:
        """Whether an argument is not a plain value."""
        return any(change is not None for _, change in self.take)

    def literal(self, given: Sequence[Any]) -> str:
        """The statement with its arguments written into it; not for lists."""
        out = [self.pieces[0]]
        for place, piece in zip(self.places, self.pieces[1:], strict=True):
            out.append(quote(given[self.take[place][0]]))
            out.append(piece)
        return "".join(out)

    def arguments(self, given: Sequence[Any]) -> list[Any]:
        """The arguments in the order of the translated statement."""
        return [given[place] if change is None else change(given[place]) for place, change in self.take]


def quote(value: object) -> str:
    """Write a value as a literal, to be followed by its type (`standard_conforming_strings` is on).

    Raises:
        ValueError: text has a NUL, which PostgreSQL cannot keep.
    """
    if value is None:
        return "NULL"
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("text for the database has a NUL")
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, int):
        return f"'{int(value)}'"
    if isinstance(value, float):
        return f"'{value!r}'"
    if isinstance(value, bytes | bytearray | memoryview):
        return f"'\\x{bytes(value).hex()}'"
    raise TypeError(f"no argument of SQL: {type(value).__name__}")


def kinds_of(given: Iterable[object]) -> str:
    """The pattern of types of some arguments: a letter for each."""
    try:
        return "".join([_KINDS[type(value)] for value in given])
    except KeyError:
        return "".join([_kind(value) for value in given])


def _kind(value: object) -> str:
    for type_, kind in _KINDS.items():
        if isinstance(value, type_):
            return kind
    raise TypeError(f"no argument of SQL: {type(value).__name__}")


def kinds_of_rows(rows: Sequence[Sequence[object]]) -> str:
    """The pattern of many rows of arguments: a column's type is that of its first value that is not None."""
    found = list(kinds_of(rows[0])) if rows else []
    for place, kind in enumerate(found):
        if kind == "n":
            found[place] = next((k for row in rows if (k := _kind(row[place])) != "n"), "n")
    return "".join(found)


def _read_list(text: str) -> list[Any]:
    return list(orjson.loads(text))


class Dialect:
    """Translates statements; keeps those that it has translated lately.

    Filters of searches make new ones without end: a range of UIDs is part of the text.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Translated] = {}
        self._words: dict[str, frozenset[str]] = {}

    def words(self, sql: str) -> frozenset[str]:
        """The words of a statement, among them all tables that it names."""
        found = self._words.get(sql)
        if found is None:
            if len(self._words) >= MOST_KEPT:
                self._words.clear()
            found = self._words[sql] = frozenset(_WORD.findall(sql))
        return found

    def translate(self, sql: str, kinds: str) -> Translated:
        """Give the statement for a pattern of types (`kinds_of`)."""
        found = self._known.get((sql, kinds))
        if found is None:
            if len(self._known) >= MOST_KEPT:
                self._known.clear()
            found = self._known[sql, kinds] = translate(sql, kinds)
        return found


def translate(sql: str, kinds: str) -> Translated:
    """Translate a statement for a pattern of types."""
    take: list[tuple[int, Callable[[Any], Any] | None]] = []
    places: dict[tuple[int, str], str] = {}

    def argument(number: int, type_: str, change: Callable[[Any], Any] | None = None) -> str:
        if kinds[number - 1] == "n":
            return "NULL"
        found = places.get((number, type_))
        if found is None:
            take.append((number - 1, change))
            found = places[number, type_] = f"${len(take)}::{type_}"
        return found

    def in_list(match: re.Match[str]) -> str:
        type_ = "text[]" if match[3] else "bigint[]"
        listed = argument(int(match[2]), type_, _read_list)
        if listed == "NULL":
            listed = f"NULL::{type_}"
        return f"<> ALL({listed})" if match[1] else f"= ANY({listed})"

    def table(match: re.Match[str]) -> str:
        name = match[3] or "json_each"
        text = argument(int(match[1]), "text")
        if match[2]:
            return f"jsonb_array_elements_text({text}::jsonb) AS {name}(value)"
        return f"jsonb_array_elements({text}::jsonb) AS {name}(value)"

    text = _IN_LIST.sub(in_list, sql)
    text = _TABLE.sub(table, text)
    text = _OCTETS.sub(r"'\\x\1'::bytea", text)
    text = _CROSS_JOIN.sub(r"JOIN \1 ON", text)
    text = _EXTRACT.sub(r"(\1value->>\2)::bigint", text)
    text = _GROUP_ARRAY.sub(r"coalesce(json_agg(\1)::text, '[]')", text)
    text = _ARGUMENT.sub(lambda match: argument(int(match[1]), _TYPES[kinds[int(match[1]) - 1]])
                         if kinds[int(match[1]) - 1] != "n" else "NULL", text)  # fmt: skip
    text = text.replace("/*lock*/", "FOR UPDATE").replace("/*share*/", "FOR KEY SHARE")
    pieces = _PLACE.split(text)
    return Translated(
        text, tuple(take), tuple(pieces[::2]), tuple([int(number) - 1 for number in pieces[1::2]])
    )


_COMMENT: Final = re.compile(r"--[^\n]*")
_SCHEMA: Final = (
    (re.compile(r"\bINTEGER\b"), "BIGINT"),
    (re.compile(r"\bBLOB\b"), "BYTEA"),
    (re.compile(r"\bTEXT\b"), 'TEXT COLLATE "C"'),
    (re.compile(r"\)\s*WITHOUT ROWID"), ")"),
)


def translate_schema(sql: str) -> str:
    """Translate the text of a migration."""
    text = _COMMENT.sub("", sql)
    for pattern, replacement in _SCHEMA:
        text = pattern.sub(replacement, text)
    return _OCTETS.sub(r"'\\x\1'::bytea", text)
