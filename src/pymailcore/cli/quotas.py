"""What `pymailcore account` and `pymailcore domain` share about quotas."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from pymailcore.cli.common import show
from pymailcore.cli.installation import open_installation, run
from pymailcore.store.types import Quota

F = TypeVar("F", bound=Callable[..., Any])

_SIZE: Final = re.compile(r"(\d{1,15})([KMGT]?)\Z", re.ASCII | re.IGNORECASE)
_COLUMNS: Final = ("name", "octets", "of_octets", "emails", "of_emails", "mailboxes", "of_mailboxes")


def quota_options(command: F) -> F:
    """Give a command `--quota`, `--quota-emails` and `--quota-mailboxes`."""
    for name, what in (("mailboxes", "Mailboxes"), ("emails", "Emails")):
        text = f"How many {what} there may be; none for no limit."
        command = click.option(f"--quota-{name}", name, metavar="NUMBER|none", help=text)(command)
    text = "How much mail there may be, in octets or as 500M, 5G, 1T; none for no limit."
    return click.option("--quota", "octets", metavar="SIZE|none", help=text)(command)


def quota_changes(octets: str | None, emails: str | None, mailboxes: str | None) -> dict[str, int | None]:
    """What the options change, by the names of `Quota`; nothing for an option that was not given."""
    given = zip(Quota._fields, (octets, emails, mailboxes), strict=True)
    return {name: _number(text, plain=name != "octets") for name, text in given if text is not None}


def _number(text: str, *, plain: bool) -> int | None:
    if text.lower() == "none":
        return None
    match = _SIZE.match(text)
    if match is None or (plain and match[2]):
        raise click.UsageError(f"{text!r} is neither a {'number' if plain else 'size'} nor none")
    return int(match[1]) << (10 * " KMGT".index(match[2].upper() or " "))


def show_quotas(config: Path, scope: str, *, as_json: bool) -> None:
    """Write what accounts or domains hold and how much they may."""

    async def work() -> list[tuple[str, Quota, Quota]]:
        async with open_installation(config) as core:
            return await core.store.quotas.listed(scope)

    rows = [
        {
            "name": name,
            **{
                column: number
                for what, used, limit in zip(Quota._fields, held, limits, strict=True)
                for column, number in ((what, used), (f"of_{what}", limit))
            },
        }
        for name, limits, held in run(work)
    ]
    show(rows, _COLUMNS, as_json=as_json)
