"""One look at a whole store, and repairs until nothing is left that can be repaired."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from pymailcore.store.engine import Engine
from pymailcore.store.fulltext.checking import check_index
from pymailcore.store.store import Store
from pymailcore.store.verifying.faults import Fault, Report
from pymailcore.store.verifying.messages import MessageSweep
from pymailcore.store.verifying.octets import BlobSweep
from pymailcore.store.verifying.repair import Repairs
from pymailcore.store.verifying.sweep import (
    Progress,
    Silent,
    sweep_accounts,
    sweep_mailboxes,
    sweep_rows,
)

_IDLE_ROUNDS: Final = 4  # a repair may bring as many faults to light as it mended


class Repaired(NamedTuple):
    """What a repair did.

    Attributes:
        first: what was found at first.
        done: what was done, in order: (the fault, what was done about it).
        last: what is found now.
    """

    first: Report
    done: Sequence[tuple[Fault, str]]
    last: Report


async def verify_store(
    store: Store, *, messages: bool = False, account: int = 0, progress: Progress | None = None
) -> Report:
    """Look at everything, beside a server that runs.

    Args:
        messages: also read the octets of every blob, rebuild every message and parse it.
        account: only what is this account's; 0 for all.
    """
    engine = store.engine
    report = Report()
    told = progress or Silent()
    await sweep_rows(engine.database, report, told, account)
    await sweep_mailboxes(engine.database, report, told, account)
    await sweep_accounts(engine.database, report, told, account)
    await sweep_index(engine, report, told, account)
    packs = engine.settings.pack_folder
    await BlobSweep(engine, packs, report, told, account=account, read=messages).run()
    if messages:
        await MessageSweep(engine, report, told, account=account).run()
    return report


async def sweep_index(engine: Engine, report: Report, progress: Progress, account: int = 0) -> None:
    """Ask the full-text index for every Email that it claims to have, and for words of some."""
    progress.begin("full-text index")
    checked = await check_index(engine, account)
    report.saw("Emails in the index", checked.emails)
    report.saw("Emails looked up in the index", checked.sampled)
    for lost in checked.lost:
        detail = f"its words are not found: {lost.needle!r}" if lost.needle else "it is not in the index"
        report.add(Fault("index-lost", lost.account, lost.email, detail))
    progress.at(1.0)


async def repair_store(
    store: Store, *, messages: bool = False, account: int = 0, progress: Progress | None = None
) -> Repaired:
    """Repair what can be repaired, and look again; may be run as often as one likes.

    One repair brings others to light (a Thread that is made again changes what a Mailbox should count), so
    it goes round until a look finds nothing, or not less than the looks before.
    """
    done: list[tuple[Fault, str]] = []
    done += await Repairs(store, (), progress or Silent()).salvage()
    first = last = await verify_store(store, messages=messages, account=account, progress=progress)
    idle = 0
    while last.faults and idle < _IDLE_ROUNDS:
        round_ = await Repairs(store, last.faults, progress or Silent()).run()
        if not round_:
            break
        done += round_
        before = last.total
        last = await verify_store(store, messages=messages, account=account, progress=progress)
        idle = 0 if last.total < before else idle + 1
    return Repaired(first, done, last)
