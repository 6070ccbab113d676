"""changes: recorded in their own transaction, and told to all processes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
from tests.support.grounds import ask, opened_ground
from tests.support.logs import captured
from tests.support.stores import EnginePlace

from pymailcore.base.errors import Forbidden, LocalProtocolError
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.directory.actors import Actor
from pymailcore.directory.audit_log import AuditLog
from pymailcore.directory.cache import tag
from pymailcore.directory.changes import Change
from pymailcore.directory.ground import Ground
from pymailcore.runtime.hub import DIRECTORY, tag_channel
from pymailcore.store.types import Transaction

ROOT = Actor.operator("root")


@pytest.fixture
def notices() -> list[tuple[int, int]]:
    return []


@pytest.fixture
async def ground(
    tmp_path: Path, store_settings: EnginePlace, notices: list[tuple[int, int]]
) -> AsyncIterator[Ground]:
    async with opened_ground(tmp_path, store_settings, notices=notices) as opened:
        yield opened


async def rename(tx: Transaction, change: Change) -> str:
    await tx.run("UPDATE tenants SET display = 'New' WHERE id = 1")
    change.record(
        "tenant.set", "default", tenant=TenantId(1), old={"display": "Default"}, new={"display": "New"}
    )
    change.touch("tenant", 1)
    change.tell(AccountId(7), 3)
    return "done"


async def test_a_change_is_recorded_told_and_logged(ground: Ground, notices: list[tuple[int, int]]) -> None:
    with captured() as lines:
        assert await ground.changes.run(ROOT, rename) == "done"
    rows = await ask(ground, "SELECT seq, tenant, actor, action, subject, old, new, digest FROM audit")
    assert [tuple(row[:-1]) for row in rows] == [
        (1, 1, "operator:root@cli", "tenant.set", "default", '{"display":"Default"}', '{"display":"New"}')
    ]
    assert [line["digest"] for line in lines if line["event"] == "audit"] == [bytes(rows[0][-1]).hex()]
    assert [channel for channel, _ in notices] == [tag_channel(tag("tenant", 1)), 7]


async def test_what_fails_leaves_neither_change_nor_record(
    ground: Ground, notices: list[tuple[int, int]]
) -> None:
    async def fail(tx: Transaction, change: Change) -> None:
        await rename(tx, change)
        raise Forbidden("no")

    with pytest.raises(Forbidden):
        await ground.changes.run(ROOT, fail)
    assert await ask(ground, "SELECT display, (SELECT count(*) FROM audit) FROM tenants") == [("Default", 0)]
    assert notices == []
    assert (await AuditLog(ground).verify()).broken is None


async def test_many_at_once_make_one_chain(ground: Ground) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(30):
            nursery.start_soon(ground.changes.run, ROOT, rename)
    verified = await AuditLog(ground).verify()
    assert (verified.records, verified.broken) == (30, None)


async def test_what_touches_very_much_touches_everything(
    ground: Ground, notices: list[tuple[int, int]]
) -> None:
    async def much(_tx: Transaction, change: Change) -> None:
        for number in range(2_000):
            change.touch("account", number)

    async def everything(_tx: Transaction, change: Change) -> None:
        change.touch("account", 1)
        change.touch_everything()

    for work in (much, everything):
        notices.clear()
        await ground.changes.run(None, work)
        assert [channel for channel, _ in notices] == [DIRECTORY]


async def test_what_nobody_did_has_no_record(ground: Ground) -> None:
    with pytest.raises(LocalProtocolError):
        await ground.changes.run(None, rename)
    assert await ask(ground, "SELECT display FROM tenants") == [("Default",)]
