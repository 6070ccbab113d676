import pytest
from tests.support.house import all_readable, blobs, fill_packs, purge, rows
from tests.support.stores import Opened, a_message

from pymailcore.store.housekeeping import alarms, audit
from pymailcore.store.housekeeping.audit import audit_blobs, audit_counters, audit_references, share
from pymailcore.store.housekeeping.collector import collect
from pymailcore.store.housekeeping.house import House


def test_a_share_of_all_is_due_each_day() -> None:
    assert share(3_000, 30.0, 10) == 101
    assert share(3_000, 30.0, 500) == 500
    assert share(10, 0.0, 1) == 11


async def test_a_reference_of_nobody_goes_and_then_its_blob(
    opened: Opened, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "SCAN_ROWS", 3)
    filed = await fill_packs(opened, 8)
    await opened.store.upload(opened.account, b"an upload" * 200, now_ms=house.now_ms())
    kept = filed.pop()
    await opened.store.destroy_emails(opened.account, [kept])
    before = await blobs(opened)
    (blob,) = (await rows(opened, "SELECT blob FROM blob_refs WHERE owner = ?1", filed[0]))[0]
    await opened.store.database.write(
        lambda tx: tx.run(
            "INSERT INTO blob_refs (owner, blob, tenant, account) VALUES (?1, ?2, 1, 1)", 2**62, blob
        )
    )
    await audit_references(house)
    assert await rows(opened, "SELECT 1 FROM blob_refs WHERE owner = ?1", 2**62) == []
    assert await rows(opened, "SELECT blob FROM loose_blobs") == [(blob,)]
    assert house.metrics.store_audit_findings.labels("reference")._value.get() == 1
    await collect(house)
    assert await blobs(opened) == before, "an Email, an upload and kept mail need them"
    assert await all_readable(opened) == len(filed)


async def test_a_share_at_a_time_and_then_from_the_beginning(
    opened: Opened, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "SCAN_ROWS", 2)
    monkeypatch.setattr(audit, "LEAST_ROWS", 4)
    filed = await fill_packs(opened, 6)
    (blob,) = (await rows(opened, "SELECT blob FROM blob_refs"))[0]

    async def lose() -> None:
        await opened.store.database.write(
            lambda tx: tx.run(
                "INSERT INTO blob_refs (owner, blob, tenant, account) VALUES (?1, ?2, 1, 1)",
                filed[-1] + 1,
                blob,
            )
        )

    for _ in range(2):
        await lose()
        await audit_references(house)
        assert len(await rows(opened, "SELECT 1 FROM blob_refs WHERE owner = ?1", filed[-1] + 1)) == 1
        await audit_references(house)
        assert await rows(opened, "SELECT 1 FROM blob_refs WHERE owner = ?1", filed[-1] + 1) == []


async def test_a_blob_without_references_becomes_loose(
    opened: Opened, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "SCAN_ROWS", 3)
    filed = await fill_packs(opened, 8)
    gone = (await rows(opened, "SELECT blob FROM blob_refs WHERE owner = ?1", filed[0]))[0][0]
    await purge(opened, filed[0])
    await opened.store.database.write(lambda tx: tx.run("DELETE FROM loose_blobs"))
    await audit_blobs(house)
    assert await rows(opened, "SELECT blob FROM loose_blobs") == [(gone,)]
    await collect(house)
    assert gone not in await blobs(opened)
    assert await all_readable(opened) == len(filed) - 1
    await audit_blobs(house)
    assert await rows(opened, "SELECT blob FROM loose_blobs") == []


async def test_blobs_are_looked_at_in_turn(
    opened: Opened, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "MOST_BLOBS", 3)
    filed = await fill_packs(opened, 7)
    await purge(opened, *filed)
    await opened.store.database.write(lambda tx: tx.run("DELETE FROM loose_blobs"))
    counts = []
    for _ in range(4):
        await audit_blobs(house)
        counts.append(len(await rows(opened, "SELECT blob FROM loose_blobs")))
    assert counts == [3, 6, 7, 7]


@pytest.mark.parametrize("whole", [10_000, 0])
async def test_wrong_counters_are_an_alarm_until_they_are_right(
    opened: Opened, house: House, monkeypatch: pytest.MonkeyPatch, whole: int
) -> None:
    monkeypatch.setattr(audit, "WHOLE", whole)
    await opened.deliver(a_message())
    await audit_counters(house)
    assert await opened.store.database.read(alarms.read) == []
    await opened.store.database.write(
        lambda tx: tx.run("UPDATE accounts SET used_octets = used_octets + 1 WHERE id = 1")
    )
    await audit_counters(house)
    (alarm,) = await opened.store.database.read(alarms.read)
    assert (alarm.kind, alarm.subject) == (alarms.COUNTERS, "1:0")
    assert house.metrics.store_audit_findings.labels("counter")._value.get() == 1
    await opened.store.database.write(
        lambda tx: tx.run("UPDATE accounts SET used_octets = used_octets - 1 WHERE id = 1")
    )
    await audit_counters(house)
    assert await opened.store.database.read(alarms.read) == []


async def test_the_alarm_of_an_account_that_was_removed_ends(opened: Opened, house: House) -> None:
    await opened.store.database.write(
        lambda tx: tx.run("UPDATE accounts SET used_octets = used_octets + 1 WHERE id = 1")
    )
    await audit_counters(house)
    assert len(await opened.store.database.read(alarms.read)) == 1
    await opened.store.database.write(lambda tx: tx.run("DELETE FROM accounts WHERE id = 1"))
    await audit_counters(house)
    assert await opened.store.database.read(alarms.read) == []
