"""audit_log: what was tampered with is found; lists, exports and letting go keep it so."""

import dataclasses
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.directories import CHEAP, START_MS, Clock
from tests.support.grounds import ask, memory_ground, opened_ground, tell
from tests.support.stores import EnginePlace

from pymailcore.base.errors import InvalidValue
from pymailcore.base.ids import TenantId
from pymailcore.directory import audit_log
from pymailcore.directory.actors import Actor
from pymailcore.directory.audit import Place
from pymailcore.directory.audit_log import AuditLog, Filter, verify_export
from pymailcore.directory.changes import Change
from pymailcore.directory.ground import Ground
from pymailcore.directory.permissions import View
from pymailcore.store.types import Transaction

ALL = View(True, frozenset(), frozenset())
NONE = Filter()
ROOT = Actor.operator("root")
DAY_MS = 86_400_000


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def ground(tmp_path: Path, store_settings: EnginePlace, clock: Clock) -> AsyncIterator[Ground]:
    settings = dataclasses.replace(CHEAP, audit_log_days=10.0)
    async with opened_ground(tmp_path, store_settings, clock=clock, settings=settings) as opened:
        yield opened


async def note(ground: Ground, count: int, *, tenant: int = 1, action: str = "account.set") -> None:
    async def work(_tx: Transaction, change: Change) -> None:
        for number in range(count):
            change.record(action, f"n{number}@a.example", tenant=TenantId(tenant), old={"at": number})

    await ground.changes.run(ROOT, work)


async def exported(log: AuditLog, tenant: TenantId | None = None) -> list[str]:
    lines, after = await log.export_page(tenant=tenant)
    while after is not None:
        more, after = await log.export_page(tenant=tenant, after=after)
        lines += more
    return lines


async def test_an_untouched_log_holds_over_many_pages(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = AuditLog(ground)
    assert await log.verify() == (0, Place(0, bytes(32)), None, "")
    monkeypatch.setattr(audit_log, "_PAGE", 3)
    for count in (1, 5, 7):
        await note(ground, count)
    verified = await log.verify()
    assert (verified.records, verified.broken) == (13, None)
    assert verified.head == await log.head()
    assert (await log.verify(known=await log.head())).broken is None


@pytest.mark.parametrize(
    ("tampering", "broken"),
    [
        (["UPDATE audit SET actor = 'nobody' WHERE seq = 4"], 4),
        (["UPDATE audit SET moment_ms = moment_ms + 1 WHERE seq = 1"], 1),
        (["UPDATE audit SET old = '' WHERE seq = 9"], 9),
        (["UPDATE audit SET tenant = 2 WHERE seq = 5"], 5),
        (["UPDATE audit SET digest = x'00' WHERE seq = 5"], 5),
        (["DELETE FROM audit WHERE seq = 6"], 6),
        (["DELETE FROM audit WHERE seq = 1"], 1),
        (["DELETE FROM audit WHERE seq > 7"], 8),
        (["DELETE FROM audit"], 1),
        (["UPDATE audit SET seq = 100 WHERE seq = 3", "UPDATE audit SET seq = 3 WHERE seq = 4",
          "UPDATE audit SET seq = 4 WHERE seq = 100"], 3),
        (["DELETE FROM audit WHERE seq = 4", "UPDATE audit SET seq = seq - 1 WHERE seq = 5",
          "UPDATE audit SET seq = seq - 1 WHERE seq = 6", "UPDATE audit SET seq = seq - 1 WHERE seq = 7",
          "UPDATE audit SET seq = seq - 1 WHERE seq = 8", "UPDATE audit SET seq = seq - 1 WHERE seq = 9"], 4),
        (["INSERT INTO audit SELECT 10, moment_ms, tenant, actor, peer, action, subject, old, new, digest"
          " FROM audit WHERE seq = 9"], 10),
        (["DELETE FROM secrets WHERE name = 'audit head'"], 10),
    ],
)  # fmt: skip
async def test_each_tampering_is_found_at_its_first_record(
    tampering: list[str], broken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = memory_ground()
    monkeypatch.setattr(audit_log, "_PAGE", 4)
    await note(ground, 9)
    assert (await AuditLog(ground).verify()).broken is None
    for statement in tampering:
        await tell(ground, statement)
    verified = await AuditLog(ground).verify()
    assert verified.broken == broken
    assert verified.fault


async def test_a_log_made_anew_differs_from_a_place_written_down(ground: Ground) -> None:
    await note(ground, 3)
    log = AuditLog(ground)
    written_down = await log.head()
    await tell(ground, "DELETE FROM audit")
    await tell(ground, "DELETE FROM secrets WHERE name = 'audit head'")
    await note(ground, 4, action="account.add")
    assert (await log.verify()).broken is None
    assert (await log.verify(known=written_down)).broken == 3


async def test_lists_are_filtered_and_come_in_pages(ground: Ground, clock: Clock) -> None:
    await note(ground, 2)
    clock.ms += DAY_MS
    await note(ground, 2, tenant=2, action="alias.add")
    log = AuditLog(ground)

    async def found(view: View = ALL, wanted: Filter = NONE) -> list[int]:
        return [record.seq for record in await log.listing(view, wanted)]

    assert await found() == [4, 3, 2, 1]
    assert await found(View(False, frozenset({2}), frozenset())) == [4, 3]
    assert await found(View(False, frozenset(), frozenset({2}))) == []
    assert (
        await found(wanted=Filter(action="alias")) == await found(wanted=Filter(action="alias.add")) == [4, 3]
    )
    assert await found(wanted=Filter(action="ali")) == []
    assert await found(wanted=Filter(subject="n1@a.example")) == [4, 2]
    assert await found(wanted=Filter(actor="operator:root@cli", until_ms=START_MS + 1)) == [2, 1]
    assert await found(wanted=Filter(since_ms=START_MS + 1)) == [4, 3]
    assert [record.seq for record in await log.listing(ALL, Filter(), before=4, limit=2)] == [3, 2]


async def test_an_export_can_be_checked_without_the_server(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log, "_PAGE", 2)
    await note(ground, 3)
    await note(ground, 2, tenant=2)
    await note(ground, 1)
    log = AuditLog(ground)
    whole = await exported(log)
    assert verify_export(whole) == await log.verify()
    assert verify_export([*whole[:3], *whole[4:]]).broken == 3
    assert verify_export([whole[0], whole[2], whole[1], *whole[3:]]).broken == 1
    changed = json.loads(whole[2]) | {"subject": "eve@a.example"}
    assert verify_export([*whole[:2], json.dumps(changed), *whole[3:]]).broken == 2
    some = await exported(log, TenantId(1))
    assert verify_export(some) == (4, await log.head(), None, "")
    assert verify_export([some[0], json.dumps(json.loads(some[2]) | {"actor": "x"})]).broken == 2
    assert verify_export([some[0], some[2], some[1]]).broken == 1


@pytest.mark.parametrize(
    "lines",
    [[], ["x"], ["[]"], ["{}"], ['{"format": "pymailcore-audit-1"}']]
    + [
        ['{"format": "pymailcore-audit-1", "after": 0, "digest": "' + "00" * 32 + '"}', line]
        for line in ("", "1", "{}", '{"seq": 1, "moment_ms": 1, "tenant": 1, "digest": "00"}')
    ],
)
def test_what_is_no_export_is_refused(lines: list[str]) -> None:
    with pytest.raises(InvalidValue):
        verify_export(lines)


async def test_old_records_go_and_the_rest_still_holds(
    ground: Ground, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log, "_PAGE", 4)
    log = AuditLog(ground)
    assert await log.prune() == 0
    await note(ground, 6)
    clock.ms += 10 * DAY_MS
    await note(ground, 2)
    assert await log.prune() == 0
    before = await log.head()
    clock.ms += 1
    assert await log.prune() == 6
    assert [row[0] for row in await ask(ground, "SELECT seq FROM audit ORDER BY seq")] == [7, 8, 9, 10]
    records = await log.listing(ALL, Filter(action="audit.prune"))
    assert [json.loads(record.old)["last"] for record in records] == [6, 4]
    assert (await log.verify(known=before)).broken is None
    assert verify_export(await exported(log)).records == 4
    await tell(ground, "DELETE FROM audit WHERE seq = 7")
    assert (await log.verify()).broken == 7


async def test_the_newest_record_never_goes(ground: Ground, clock: Clock) -> None:
    await note(ground, 1)
    clock.ms += 11 * DAY_MS
    assert await AuditLog(ground).prune() == 0
