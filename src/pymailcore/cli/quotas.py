"""What `pymailcore account` and `pymailcore domain` share about quotas."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from pymailcore.admin.sizes import read_size
from pymailcore.base.errors import InvalidValue
from pymailcore.cli.common import show
from pymailcore.cli.installation import open_installation, run
from pymailcore.store.types import Quota

F = TypeVar("F", bound=Callable[..., Any])

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
    return {name: read_limit(name, text) for name, text in given if text is not None}


def read_limit(name: str, text: str) -> int | None:
    """Read the value of a limit: a number, a size where it is one of octets, or none."""
    try:
        return read_size(text, plain=not name.endswith("octets"))
    except InvalidValue as fault:
        raise click.UsageError(str(fault)) from None


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
