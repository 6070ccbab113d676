"""`pymailcore account import-csv`: many accounts from a table."""

import json
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import click
import trio

from pymailcore.admin.operations.importing import MOST
from pymailcore.app.core import Core
from pymailcore.base.address import Address
from pymailcore.base.errors import AlreadyExists, MailError, NotFound
from pymailcore.cli.accounts_table import Fault, Row, read_table
from pymailcore.cli.common import Failure, config_option, examples, json_option
from pymailcore.cli.installation import open_installation, run
from pymailcore.cli.operating import call, items_of
from pymailcore.cli.progress import Bars
from pymailcore.cli.transferring import printable

T = TypeVar("T")

_SLICE: Final = 250
_AT_ONCE: Final = 16
_SHOWN_FAULTS: Final = 100


@dataclass(slots=True)
class _Plan:
    """What is to become of the rows."""

    new: list[Row] = field(default_factory=list)
    known: list[Row] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


class _Job(NamedTuple):
    """Something that is to be done for a row."""

    row: Row
    work: Callable[[Core, Row], Awaitable[None]]


@click.command(
    "import-csv",
    epilog=examples(
        "pymailcore account import-csv people.csv --dry-run",
        "pymailcore account import-csv people.csv",
        "pymailcore account import-csv people.csv --update",
    ),
)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True))
@click.option("--dry-run", is_flag=True, help="Only say what would be.")
@click.option("--update", is_flag=True, help="Give accounts that exist what the table says; else they stay.")
@json_option
@config_option
def import_csv(file: Path, config: Path, *, dry_run: bool, update: bool, as_json: bool) -> None:
    """Make accounts from a table with a line of column names above.

    Columns: address, password or password_hash, full_name, kind, quota, aliases, groups; all but address may
    be left out. Every fault is told with its line, and nothing is done while there is one. Accounts that
    exist are left alone; so the same file may be given again.
    """
    begun = time.monotonic()
    with click.open_file(str(file), encoding="utf-8-sig") as source:
        try:
            rows, faults = read_table(source)
        except UnicodeDecodeError:
            raise Failure(f"{file}: is not in UTF-8; save it so") from None

    async def work() -> _Plan:
        async with open_installation(config) as core:
            plan = await _planned(core, rows)
            plan.faults = sorted([*faults, *plan.faults])
            if not plan.faults and not dry_run:
                with Bars() as bars:
                    await _carry_out(core, plan, bars, update=update)
            return plan

    plan = run(work)
    _tell(plan, time.monotonic() - begun, dry_run=dry_run, update=update, as_json=as_json)


# --- what would be ---------------------------------------------------------------------------------


async def _planned(core: Core, rows: Sequence[Row]) -> _Plan:
    """Compare the rows with what is there."""
    kinds = await _kinds(core, rows)
    plan = _Plan()
    for row in rows:
        found = kinds.get(row.address.domain)
        texts = ["no domain " + row.address.domain] if found is None else list(_wrong(row, kinds))
        plan.faults += [Fault(row.line, text) for text in texts]
        is_there = found is not None and "primary" in found.get(row.address.key, ())
        (plan.known if is_there else plan.new).append(row)
    return plan


async def _kinds(core: Core, rows: Sequence[Row]) -> dict[str, dict[str, list[str]] | None]:
    """What the addresses in the rows stand for, by domain; None for a domain that is not kept here."""
    asked: dict[str, dict[str, str]] = {}
    for row in rows:
        for address in (row.address, *row.aliases, *row.groups):
            asked.setdefault(address.domain, {})[address.key] = str(address)
    kinds: dict[str, dict[str, list[str]] | None] = {}
    for domain, addresses in asked.items():
        known: dict[str, list[str]] = {}
        try:
            for part in _slices(list(addresses.values()), MOST):
                for item in items_of(await call(core, "account.known", domain=domain, addresses=part)):
                    known[str(item["address"])] = [str(kind) for kind in _list(item["kinds"])]
        except NotFound:
            kinds[domain] = None
        else:
            kinds[domain] = known
    return kinds


def _wrong(row: Row, kinds: dict[str, dict[str, list[str]] | None]) -> Iterable[str]:
    """What stands in the way of a row."""
    found = _of(kinds, row.address)
    if found and "primary" not in found:
        yield f"{row.address} is an {found[0]} already"
    for alias in row.aliases:
        there = _of(kinds, alias)
        if there is None:
            yield f"alias {alias}: no domain {alias.domain}"
        elif "group" in there:
            yield f"alias {alias} is a group"
        elif alias.key == row.address.key:
            yield f"{alias} cannot stand for itself"
    for group in row.groups:
        if "group" not in (_of(kinds, group) or ()):
            yield f"no group {group}"


def _of(kinds: dict[str, dict[str, list[str]] | None], address: Address) -> list[str] | None:
    found = kinds.get(address.domain)
    return None if found is None else found.get(address.key, [])


# --- doing it --------------------------------------------------------------------------------------


async def _carry_out(core: Core, plan: _Plan, bars: Bars, *, update: bool) -> None:
    """Make the new accounts, then give them, and with `update` the others, all the rest."""
    bars.begin("accounts")
    made: list[Row] = []
    done = 0
    by_domain: dict[str, list[Row]] = {}
    for row in plan.new:
        by_domain.setdefault(row.address.domain, []).append(row)
    for domain, rows in by_domain.items():
        for part in _slices(rows, _SLICE):
            found = await call(core, "account.import", domain=domain, accounts=[_new(row) for row in part])
            for row, outcome in zip(part, items_of(found), strict=True):
                if outcome["fault"] is None:
                    made.append(row)
                else:
                    plan.faults.append(Fault(row.line, str(outcome["fault"])))
            done += len(part)
            bars.at(done / len(plan.new))
    plan.new = made
    bars.begin("quotas, aliases, groups")
    jobs = [_Job(row, _furnish) for row in made if _has_more(row)]
    if update:
        jobs += [_Job(row, _renew) for row in plan.known]
    plan.faults += await _each(core, jobs, bars)


async def _each(core: Core, jobs: Sequence[_Job], bars: Bars) -> list[Fault]:
    """Do something for each of many rows, some at a time, so that they share commits."""
    faults: list[Fault] = []
    limiter = trio.CapacityLimiter(_AT_ONCE)
    done = 0

    async def one(job: _Job) -> None:
        nonlocal done
        async with limiter:
            try:
                await job.work(core, job.row)
            except MailError as fault:
                faults.append(Fault(job.row.line, str(fault)))
        done += 1
        bars.at(done / len(jobs))

    async with trio.open_nursery() as nursery:
        for job in jobs:
            nursery.start_soon(one, job)
    return sorted(faults)


def _new(row: Row) -> dict[str, object]:
    return {
        "account": str(row.address),
        "password": row.password,
        "verifier": row.verifier,
        "full_name": row.full_name,
        "kind": row.kind or "personal",
    }


def _has_more(row: Row) -> bool:
    return bool(row.limits or row.aliases or row.groups)


async def _furnish(core: Core, row: Row) -> None:
    """Limits, aliases and groups; what is there already is well."""
    name = str(row.address)
    if row.limits:
        await call(core, "limit.set", account=name, limits=dict(row.limits))
    for alias in row.aliases:
        await _unless_there(call(core, "alias.add", address=str(alias), target=name))
    for group in row.groups:
        await _unless_there(call(core, "group.member.add", group=str(group), member=name))


async def _renew(core: Core, row: Row) -> None:
    """Give an account that exists what its row says."""
    name = str(row.address)
    if row.full_name or row.kind:
        await call(core, "account.set", account=name, full_name=row.full_name or None, kind=row.kind or None)
    if row.password or row.verifier:
        await call(core, "account.password", account=name, password=row.password, verifier=row.verifier)
    await _furnish(core, row)


async def _unless_there(work: Awaitable[object]) -> None:
    try:
        await work
    except AlreadyExists:
        return


# --- telling ---------------------------------------------------------------------------------------


def _tell(plan: _Plan, seconds: float, *, dry_run: bool, update: bool, as_json: bool) -> None:
    if as_json:
        record = {
            "new": [str(row.address) for row in plan.new],
            "known": [str(row.address) for row in plan.known],
            "faults": [fault._asdict() for fault in plan.faults],
            "dry_run": dry_run,
            "seconds": round(seconds, 3),
        }
        click.echo(json.dumps(record, ensure_ascii=False, indent=2))
    else:
        for fault in plan.faults[:_SHOWN_FAULTS]:
            click.echo(f"line {fault.line}: {printable(fault.text)}", err=True)
        if dry_run:
            _tell_rows(plan, update=update)
        if dry_run or not plan.faults:
            _tell_counts(plan, seconds, dry_run=dry_run, update=update)
    if plan.faults:
        raise Failure(f"{len(plan.faults)} faults in the table; correct them and give it again")


def _tell_rows(plan: _Plan, *, update: bool) -> None:
    for row in plan.new:
        click.echo(f"+ {row.address}{_rest(row)}")
    for row in plan.known:
        click.echo(f"~ {row.address}{_rest(row)}" if update else f"= {row.address}")


def _tell_counts(plan: _Plan, seconds: float, *, dry_run: bool, update: bool) -> None:
    would = "would be " if dry_run else ""
    known = "updated" if update else "left alone: they exist"
    click.echo(f"{len(plan.new)} {would}added, {len(plan.known)} {would}{known} ({seconds:.1f} s)")


def _rest(row: Row) -> str:
    """What a row says beside the address; secrets only by name."""
    parts = [
        "password" if row.password or row.verifier else "no password",
        *(f"{name} {value}" for name, value in row.limits.items()),
        *(f"alias {alias}" for alias in row.aliases),
        *(f"group {group}" for group in row.groups),
    ]
    return f" ({', '.join(parts)})"


def _slices(items: Sequence[T], most: int) -> Iterable[Sequence[T]]:
    return (items[first : first + most] for first in range(0, len(items), most))


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


COMMANDS: Final = (import_csv,)
"""The commands of this module."""
