"""`pymailcore verify`: look for damage in the whole store, and repair it."""

from collections.abc import Iterable
from pathlib import Path

import click

from pymailcore.base.address import Address
from pymailcore.cli.common import ADDRESS, Failure, config_option, examples, json_option, show
from pymailcore.cli.installation import open_installation, run
from pymailcore.cli.progress import Bars
from pymailcore.cli.transferring import account_of
from pymailcore.store.verifying.faults import KINDS, MOST_LISTED, Fault, Report
from pymailcore.store.verifying.verifier import Repaired, repair_store, verify_store

_COLUMNS = ("state", "kind", "account", "subject", "detail")


@click.command(
    epilog=examples(
        "pymailcore verify",
        "pymailcore verify --messages --repair",
        "pymailcore verify --messages --account anna@example.org --json",
    )
)
@click.option(
    "--messages",
    is_flag=True,
    help="Also read the octets of every blob, rebuild every message, compare it with its digest, and parse it"
    " afresh. Takes as long as reading the whole store.",
)
@click.option("--repair", is_flag=True, help="Repair what can be repaired, and look again.")
@click.option("--account", type=ADDRESS, metavar="ADDRESS", help="Look at one account only.")
@json_option
@config_option
def verify(config: Path, *, messages: bool, repair: bool, account: Address | None, as_json: bool) -> None:
    """Check the store; beside a running server too.

    Counts every Mailbox, Thread and account anew, looks for rows that belong to nothing and for packs that
    are missing or short. Nothing that moves meanwhile is taken for damage: each fault was seen twice.

    Ends with 0 when all is well (with --repair: afterwards), else with 1. Emails that an earlier repair
    marked as damaged are listed as `lost`; they are known, and no fault.
    """

    async def work() -> tuple[Report, Repaired | None]:
        async with open_installation(config) as core:
            id_ = (await account_of(core, account)).id if account is not None else 0
            with Bars() as bars:
                if repair:
                    repaired = await repair_store(core.store, messages=messages, account=id_, progress=bars)
                    return repaired.last, repaired
                return await verify_store(core.store, messages=messages, account=id_, progress=bars), None

    report, repaired = run(work)
    rows = list(_rows(report, repaired))
    show(rows, _COLUMNS, as_json=as_json)
    if report.total:
        hint = "" if repair else "; `pymailcore verify --repair` repairs what can be"
        raise Failure(f"{report.total} faults in the store{hint}")
    if report.notes:
        raise Failure("not everything could be looked at")
    if not as_json:
        looked = ", ".join(f"{number} {what}" for what, number in report.looked.items())
        click.echo(f"no faults ({looked})")


def _rows(report: Report, repaired: Repaired | None) -> Iterable[dict[str, object]]:
    for fault, remedy in repaired.done if repaired is not None else ():
        yield _row("repaired", fault, remedy)
    for fault in report.lost:
        yield _row("lost", fault, fault.detail)
    for fault in report.faults:
        yield _row("fault", fault, fault.detail)
    for kind, number in report.counts.items():
        if number > MOST_LISTED:
            more = f"and {number - MOST_LISTED} more"
            yield {"state": "fault", "kind": KINDS[kind].name, "account": 0, "subject": 0, "detail": more}
    for note in report.notes:
        yield {"state": "note", "kind": "not looked at", "account": 0, "subject": 0, "detail": note}


def _row(state: str, fault: Fault, detail: str) -> dict[str, object]:
    return {
        "state": state,
        "kind": KINDS[fault.kind].name,
        "account": fault.account,
        "subject": fault.subject,
        "detail": detail,
    }


COMMAND = verify
