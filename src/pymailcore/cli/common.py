"""What the commands share: options, arguments, tables and JSON."""

import functools
import json
import os
import re
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, TypeVar, cast

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pymailcore.base.address import Address

F = TypeVar("F", bound=Callable[..., Any])


class Failure(Exception):
    """The command failed; the text is one line for the operator."""


def config_with(
    choose: Callable[[click.Context, Path | None], Path | None], *, kept: bool = True
) -> Callable[[F], F]:
    """An option `--config FILE`.

    Args:
        choose: makes the path of what was given.
        kept: the command gets it as `config`.
    """
    return click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        callback=lambda context, _, value: choose(context, value),
        expose_value=kept,
        help="Configuration file; PYMAILCORE_CONFIG in the environment does the same.",
    )


def chosen_config(context: click.Context, value: Path | None) -> Path | None:
    """The configuration: of this command, of one before it, or of the environment."""
    chosen = value or context.find_root().obj or os.environ.get("PYMAILCORE_CONFIG")
    return Path(chosen) if chosen else None


def _needed_config(context: click.Context, value: Path | None) -> Path:
    chosen = chosen_config(context, value)
    if chosen is None:
        raise click.UsageError("Where is the configuration? Give --config FILE, or set PYMAILCORE_CONFIG.")
    return chosen


def config_option(command: F) -> F:
    """Give a command `--config FILE`; it gets the path as `config`."""
    return config_with(_needed_config)(command)


json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON instead of a table.")
"""Gives a command `--json` as `as_json`."""

password_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input: its first line."
)
"""Gives a command `--password-stdin`."""


def examples(*lines: str) -> str:
    """The end of a command's help: lines that can be pasted."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


class AddressType(click.ParamType[Address]):
    """A mail address as an argument."""

    name = "address"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        """Read an address, or end with wrong usage."""
        if isinstance(value, Address):
            return value
        address = Address.parse(str(value))
        if address is None:
            self.fail(f"{value!r} is no mail address", param, ctx)
        return address


ADDRESS = AddressType()


def read_password() -> str:
    """Take the password from standard input.

    Raises:
        Failure: there is none.
    """
    line = sys.stdin.readline().removesuffix("\n").removesuffix("\r")
    if not line:
        raise Failure("there is no password on standard input")
    return line


class Some(NamedTuple):
    """Which part of a list is wanted.

    Attributes:
        limit: most items; None for all.
        after: as it stood behind the list before.
    """

    limit: int | None = None
    after: str | None = None

    def start(self) -> str | None:
        """What the operation is told; two values are joined by a line end there, by a blank here."""
        return None if self.after is None else _BETWEEN.sub("\\1\n", self.after, count=1)

    @staticmethod
    def written(following: object) -> str:
        """The beginning of the next part, as somebody can give it."""
        return str(following).replace("\n", " ")


_BETWEEN: Final = re.compile(r"(@\S+) ")


def some_options(command: F) -> F:
    """Give a command `--limit` and `--after` as `some`."""

    @functools.wraps(command)
    def with_some(*arguments: object, limit: int | None, after: str | None, **named: object) -> object:
        return command(*arguments, some=Some(limit, after), **named)

    text = "Begin behind this one, as the list before said."
    wrapped = click.option("--after", metavar="WHICH", help=text)(with_some)
    most = click.IntRange(min=1)
    return cast("F", click.option("--limit", type=most, metavar="N", help="Write at most N.")(wrapped))


class Lister:
    """Writes a list while it comes: JSON, tables on a terminal, else one line for each with tabs between.

    Args:
        columns: what a table or line shows, by names of the records' fields; JSON has everything.
    """

    def __init__(self, columns: Sequence[str], *, as_json: bool) -> None:
        self._columns = columns
        self._as_json = as_json
        self._empty = True
        self._note = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._as_json and kind is None:
            click.echo("[]" if self._empty else "\n]")
        if self._note and kind is None:
            click.echo(self._note, err=True)

    def note(self, text: str) -> None:
        """Write a line on standard error when the list is at its end."""
        self._note = text

    def add(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Write some more."""
        if self._as_json:
            self._add_json(rows)
        elif sys.stdout.isatty():
            self._add_table(rows)
        else:
            for row in rows:
                click.echo("\t".join(_cell(row.get(column)) for column in self._columns))

    def _add_json(self, rows: Sequence[Mapping[str, object]]) -> None:
        for row in rows:
            click.echo("[\n" if self._empty else ",\n", nl=False)
            self._empty = False
            text = json.dumps(row, ensure_ascii=False, indent=2)
            click.echo(textwrap.indent(text, "  "), nl=False)

    def _add_table(self, rows: Sequence[Mapping[str, object]]) -> None:
        if not rows:
            return
        table = Table(*self._columns, box=None, header_style="bold", pad_edge=False)
        for row in rows:
            table.add_row(*(Text(_cell(row.get(column))) for column in self._columns))
        Console().print(table)


def show(rows: Sequence[Mapping[str, object]], columns: Sequence[str], *, as_json: bool) -> None:
    """Write a short list."""
    with Lister(columns, as_json=as_json) as lister:
        lister.add(rows)


def show_one(record: Mapping[str, object], *, as_json: bool) -> None:
    """Write one thing: JSON, else a line for each of its values; lists in them are lines of their own."""
    if as_json:
        click.echo(json.dumps(record, ensure_ascii=False, indent=2))
        return
    for name, value in record.items():
        for one in value if isinstance(value, list | tuple) else [value]:
            click.echo(f"{name}: {_words(one)}")


def say(record: Mapping[str, object], sentence: str, as_json: bool) -> None:
    """Write what was done: a sentence, or a record as JSON."""
    if as_json:
        show_one(record, as_json=True)
    else:
        click.echo(sentence)


def _words(value: object) -> str:
    """One value of a record on its line."""
    if isinstance(value, Mapping):
        return " ".join(f"{name}={_cell(part)}" for name, part in value.items() if part not in (None, ""))
    return _cell(value)


def confirm(question: str, refused: str, *, yes: bool) -> None:
    """Ask on a terminal, unless it was said already.

    Raises:
        Failure: the answer is no.
    """
    if not yes and sys.stdin.isatty() and not click.confirm(question):
        raise Failure(refused)


yes_option = click.option("--yes", is_flag=True, help="Do not ask.")
"""Gives a command `--yes`."""


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ",".join(_cell(one) for one in value)
    text = "" if value is None else str(value)
    return "".join(character if character.isprintable() else "�" for character in text)
