"""What import, export and move-engine share: the account, and showing how far they are."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from pymailcore.admin.transfer.importer import Failure as NotMoved
from pymailcore.app.core import Core
from pymailcore.base.address import Address
from pymailcore.cli.common import config_with
from pymailcore.directory.types import Account

F = TypeVar("F", bound=Callable[..., Any])

_SHOWN_FAILURES: Final = 50


def keep_config(command: F) -> F:
    """Give a group `--config FILE`, for the commands in it."""

    def keep(context: click.Context, value: Path | None) -> None:
        if value is not None:
            context.find_root().obj = value

    return config_with(keep, kept=False)(command)


def named(account: Address | None) -> Address:
    """The account that an option of the group names; the group's commands have help without it."""
    if account is None:
        raise click.UsageError("Whose mail? Give --account ADDRESS before the command.")
    return account


async def account_of(core: Core, address: Address) -> Account:
    """Find an account by its address.

    Raises:
        NotFound: there is none.
    """
    return await core.directory.accounts.get(address)


def printable(text: str) -> str:
    """Give a text of somebody else a form that a terminal shows and does not obey."""
    return "".join(character if character.isprintable() else "�" for character in text)


def megabytes(octets: int) -> str:
    """Write a size."""
    return f"{octets / 1e6:.1f} MB"


class Watcher:
    """A bar on a terminal, one line for each folder elsewhere; on standard error.

    Attributes:
        seconds: since it was entered.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._terminal = sys.stderr.isatty() and not quiet
        self._quiet = quiet
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[octets]}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            disable=not self._terminal,
        )
        self._task: TaskID | None = None
        self._path = ""
        self._count = 0
        self._octets = 0
        self._begun = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._begun

    def __enter__(self) -> Self:
        self._begun = time.monotonic()
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begin(self, path: str, total: int | None = None) -> None:
        """A folder, or a table, begins."""
        self._path, self._count, self._octets = printable(path), 0, 0
        self._task = self._bar.add_task(self._path, total=total, octets="")

    def seen(self, count: int, octets: int) -> None:
        """So many more are dealt with."""
        self._count += count
        self._octets += octets
        if self._task is not None and self._terminal:
            self._bar.update(self._task, advance=count, octets=megabytes(self._octets))

    def end(self) -> None:
        """It is done."""
        if self._task is not None:
            self._bar.update(self._task, total=self._count, completed=self._count)
        if not self._terminal and not self._quiet:
            click.echo(f"{self._path}: {self._count}, {megabytes(self._octets)}", err=True)

    def tell_json(self, summary: Any) -> None:  # noqa: ANN401 - some dataclass
        """Write a summary, and the seconds that it took, as JSON."""
        record = {**asdict(summary), "seconds": round(self.seconds, 3)}
        click.echo(json.dumps(record, ensure_ascii=False, indent=2))


def tell_counts(*counts: tuple[int, str]) -> None:
    """A line for each number that is not 0."""
    for count, text in counts:
        if count:
            click.echo(f"{count} {text}")


def tell_failures(what: str, failures: Sequence[NotMoved], count: int) -> None:
    """The first failures on standard error, and how many more there are."""
    for failure in failures[:_SHOWN_FAILURES]:
        where = " ".join(filter(None, (failure.folder, failure.item)))
        click.echo(f"{what}: {printable(where)}: {printable(failure.reason)}", err=True)
    if count > _SHOWN_FAILURES:
        click.echo(f"{what}: {count - _SHOWN_FAILURES} more; --json lists them", err=True)
