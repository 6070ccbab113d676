"""Where the keys of a TOML file stand, so that a fault can name its line. Pure.

Theory. A file of TOML is a row of statements: heads of tables, and keys with values. Each statement alone is
a file of TOML too, so Python's reader says which keys it has. One that goes over several lines is read when
it is whole; nothing in it is mistaken for a statement, whatever its strings hold.
"""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Final

Path = tuple[str, ...]
"""Keys from the outermost one inwards."""

_ENDS: Final = ("]", '"""', "'''")
"""One of these is in the last line of a statement that has several."""


def lines_of(text: str) -> dict[Path, int]:
    """The first line, counted from 1, of every key and table in a text that is TOML."""
    found: dict[Path, int] = {}
    head: Path = ()
    for number, statement in _statements(text):
        read = tomllib.loads(statement)
        if statement.lstrip().startswith("["):
            head = max(_paths(read), key=len, default=())
            paths = [head[:length] for length in range(1, len(head) + 1)]
        else:
            paths = [(*head, *path) for path in _paths(read)]
        for path in paths:
            found.setdefault(path, number)
    return found


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """The statements, each with the number of its first line."""
    begun, statement = 1, ""
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        continued = bool(statement)
        begun, statement = (begun, statement + line) if continued else (number, line)
        if (not continued or any(end in line for end in _ENDS)) and _is_whole(statement):
            yield begun, statement
            statement = ""


def _is_whole(statement: str) -> bool:
    try:
        tomllib.loads(statement)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _paths(read: Mapping[str, object]) -> Iterator[Path]:
    """All keys of what was read, those in lists of tables too."""
    for name, value in read.items():
        yield (name,)
        for table in value if isinstance(value, list) else [value]:
            if isinstance(table, Mapping):
                yield from ((name, *path) for path in _paths(table))
