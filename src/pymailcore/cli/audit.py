"""`pymailcore audit`: who did what to whom."""

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import click

from pymailcore.cli.common import Failure, Lister, Some, config_option, examples, json_option, some_options
from pymailcore.cli.installation import open_installation, run
from pymailcore.cli.operating import call, do, write_pages
from pymailcore.directory.audit_log import verify_export


@click.group()
def audit() -> None:
    """List, check and export the log of all administrative actions."""


@audit.command(
    "list",
    epilog=examples(
        "pymailcore audit list --limit 20",
        "pymailcore audit list --action account --since 2026-01-01 --json",
        "pymailcore audit list --subject anna@example.org",
        "pymailcore audit list --domain example.org",
    ),
)
@click.option("--tenant", metavar="T", help="Only of a tenant.")
@click.option("--domain", metavar="D", help="Only about a domain and what is in it.")
@click.option("--actor", default="", metavar="WHO", help="Only what somebody did.")
@click.option("--action", default="", metavar="A", help="Only this: account.add, or account for all of it.")
@click.option("--subject", default="", metavar="WHOM", help="Only what was done to this.")
@click.option("--since", metavar="TIME", help="From a day, or a time such as 2026-01-31T12:00:00Z.")
@click.option("--until", metavar="TIME", help="Before that.")
@some_options
@json_option
@config_option
def list_(
    config: Path,
    some: Some,
    tenant: str | None,
    domain: str | None,
    actor: str,
    action: str,
    subject: str,
    since: str | None,
    until: str | None,
    *,
    as_json: bool,
) -> None:
    """List records, the newest first; --after with the number of one goes on behind it."""
    if some.after is not None and not some.after.isdecimal():
        raise click.UsageError("--after takes the number of a record")
    start = None if some.after is None else int(some.after)

    async def work() -> None:
        with Lister(("seq", "moment", "actor", "peer", "action", "subject"), as_json=as_json) as lister:
            async with open_installation(config) as core:
                await write_pages(
                    core, "audit.list", lister, some, start, by="before", tenant=tenant, domain=domain,
                    actor=actor, action=action, subject=subject, since=since, until=until,
                )  # fmt: skip

    run(work)


@audit.command(epilog=examples("pymailcore audit show 1207"))
@click.argument("seq", type=click.IntRange(min=1))
@json_option
@config_option
def show(seq: int, config: Path, *, as_json: bool) -> None:
    """Show one record with what was before and after."""
    found = do(config, "audit.list", before=seq + 1, limit=1)["items"]
    if not isinstance(found, list) or not found or found[0]["seq"] != seq:
        raise Failure(f"there is no record {seq}")
    if as_json:
        click.echo(json.dumps(found[0], ensure_ascii=False, indent=2))
        return
    for name, value in found[0].items():
        click.echo(f"{name}: {json.dumps(value) if isinstance(value, dict) else value}")


@audit.command(epilog=examples("pymailcore audit head"))
@json_option
@config_option
def head(config: Path, *, as_json: bool) -> None:
    """Write the newest record's number and digest; kept elsewhere, they prove the log up to it later."""
    found = do(config, "audit.head")
    click.echo(json.dumps(found) if as_json else f"{found['seq']} {found['digest']}")


@audit.command(
    epilog=examples(
        "pymailcore audit verify",
        "pymailcore audit verify --seq 1207 --digest 8a1f…",
        "pymailcore audit verify --file audit.jsonl",
    )
)
@click.option("--seq", type=click.IntRange(min=1), metavar="N", help="A record that was written down.")
@click.option("--digest", metavar="HEX", help="Its digest.")
@click.option("--file", "exported", type=click.File("r", "utf-8"), help="Check an exported log; - for stdin.")
@json_option
@config_option
def verify(
    seq: int | None, digest: str | None, exported: TextIO | None, config: Path, *, as_json: bool
) -> None:
    """Check that no record was changed, removed or cut off; exit status 1 when one was."""
    if exported is not None:
        checked = verify_export(exported)
        found: dict[str, object] = {
            "records": checked.records,
            "seq": checked.head.seq,
            "digest": checked.head.digest.hex(),
            "broken": checked.broken,
            "fault": checked.fault,
        }
    else:
        found = do(config, "audit.verify", seq=seq, digest=digest)
    if as_json:
        click.echo(json.dumps(found))
    if found["broken"] is not None:
        raise Failure(f"the audit log is broken at record {found['broken']}: {found['fault']}")
    if not as_json:
        click.echo(f"{found['records']} records are as they were written; the last is {found['seq']}")


@audit.command(
    epilog=examples(
        "pymailcore audit export audit.jsonl", "pymailcore audit export - --tenant acme | gzip > a.gz"
    )
)
@click.argument("place", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--tenant", metavar="T", help="Only of a tenant.")
@config_option
def export(place: Path, tenant: str | None, config: Path) -> None:
    """Write the log as lines of JSON, the oldest first; `audit verify --file` checks it anywhere."""

    async def work() -> int:
        count, after = 0, None
        async with open_installation(config) as core:
            with _opened(place) as file:
                while True:
                    page = await call(core, "audit.export", tenant=tenant, after=after)
                    lines, after = page["lines"], page["next"]
                    if isinstance(lines, list):
                        file.writelines(f"{line}\n" for line in lines)
                        count += len(lines)
                    if after is None:
                        return count - 1  # the first line says what the others are

    click.echo(f"exported {run(work)} records", err=True)


@contextlib.contextmanager
def _opened(place: Path) -> Iterator[TextIO]:
    if str(place) == "-":
        yield sys.stdout
        return
    with place.open("x", encoding="utf-8") as file:
        yield file


COMMAND = audit
