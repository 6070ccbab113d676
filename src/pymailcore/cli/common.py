"""What the commands share: options, arguments, tables and JSON."""

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Table

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


def show(rows: Sequence[Mapping[str, object]], columns: Sequence[str], *, as_json: bool) -> None:
    """Write a list: JSON, a table on a terminal, else one line for each with tabs between."""
    if as_json:
        click.echo(json.dumps(list(rows), ensure_ascii=False, indent=2))
    elif sys.stdout.isatty():
        table = Table(*columns, box=None, header_style="bold", pad_edge=False)
        for row in rows:
            table.add_row(*(_cell(row[column]) for column in columns))
        Console().print(table)
    else:
        for row in rows:
            click.echo("\t".join(_cell(row[column]) for column in columns))


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "" if value is None else str(value)
    return "".join(character if character.isprintable() else "�" for character in text)
