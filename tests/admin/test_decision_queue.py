"""decision: the queue is changed in transactions of its own, and there the decision is made again, too."""

from functools import partial
from typing import Final

import pytest
from tests.support.directories import Clock, address
from tests.support.late_changes import late
from tests.support.stored_post import ROOT, Process, make_process
from tests.support.stores import Opened

from pymailcore.admin import registry
from pymailcore.admin.registry import Administration
from pymailcore.base.errors import MailError
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.directory.accounts import Changed
from pymailcore.directory.audit_log import Filter
from pymailcore.directory.permissions import INSTALLATION, View
from pymailcore.store.types import Row
from pymailcore.submission.settings import SubmissionSettings

BOSS: Final = "boss@a.example"
NAMES: Final = sorted(
    name for name in registry.OPERATIONS if name.startswith("queue.") and name != "queue.list"
)
EVERYTHING: Final = View(everything=True, tenants=frozenset(), domains=frozenset())


async def state_of(it: Process) -> list[Row]:
    return await it.rows("SELECT message, address, state, next_try_ms FROM queue_recipients ORDER BY address")


@pytest.mark.parametrize("lost", ["role", "standing"])
async def test_the_queue_is_asked_for_in_its_own_transaction(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """A6, T9: he was an operator when he was let in, and is none any more; then he is one again."""
    it = make_process(opened, Clock())
    ann, boss = await it.add("ann@a.example", DEFAULT_TENANT), await it.add(BOSS)
    roles = it.directory.roles
    await roles.grant(ROOT, boss, "operator", INSTALLATION)
    actor = await roles.actor(await it.directory.principal(boss), peer="192.0.2.9")
    administration = Administration(it.directory, it.queue, now_ms=it.clock)
    for recipient in ("x@b.example", "y@c.example"):
        await it.submit(SubmissionSettings(), ann, "ann@a.example", recipient)
    await it.queue.hold(ann)
    await it.submit(SubmissionSettings(), ann, "ann@a.example", "z@d.example")
    before = await state_of(it)
    assert sorted(str(row[2]) for row in before) == ["held", "held", "waiting"]

    async def lose() -> None:
        if lost == "standing":
            await it.directory.accounts.set(ROOT, address(BOSS), Changed(state="suspended"))
        else:
            await roles.revoke(ROOT, boss, "operator", INSTALLATION)

    async def tried(name: str) -> str:
        try:
            return str(await administration.call(actor, name, {}))
        except MailError as fault:
            return str(fault)

    told = await late(monkeypatch, [partial(tried, name) for name in NAMES], lose)
    expected = {
        "standing": "you may do nothing now",
        "role": "that takes the permission queue.write",
    }
    assert told == [expected[lost]] * len(NAMES)
    assert await state_of(it) == before
    records = await it.directory.audit.listing(EVERYTHING, Filter(actor=actor.name))
    assert [one.action for one in records] == ["refused"] * len(NAMES)

    if lost == "standing":
        await it.directory.accounts.set(ROOT, address(BOSS), Changed(state="active"))
    else:
        await roles.grant(ROOT, boss, "operator", INSTALLATION)
    assert [await tried(name) for name in ("queue.release", "queue.retry", "queue.drop")] == [
        "{'count': 2}",
        "{'count': 3}",
        "{'count': 3}",
    ]
