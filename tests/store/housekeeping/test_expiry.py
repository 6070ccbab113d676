import functools

from tests.support.house import blobs, hasty, rows
from tests.support.logs import captured
from tests.support.stores import Opened, a_message

from pymailcore.store.housekeeping import alarms
from pymailcore.store.housekeeping.alarms import Alarm
from pymailcore.store.housekeeping.collector import collect
from pymailcore.store.housekeeping.expiry import DAY_MS, expire_alarms, expire_kept, expire_uploads
from pymailcore.store.housekeeping.house import House


async def test_an_upload_that_nobody_used_goes_with_its_blob(opened: Opened, house: House) -> None:
    now_ms = house.now_ms()
    await opened.store.upload(opened.account, b"old" * 1000, now_ms=now_ms - 2 * DAY_MS)
    # a second upload looks for those whose time is over, too: so both are young for it
    await opened.store.upload(opened.account, b"young" * 1000, now_ms=now_ms - 2 * DAY_MS + 1000)
    await opened.store.database.write(
        lambda tx: tx.run("UPDATE uploads SET expires_ms = ?1 WHERE size_octets = 5000", now_ms + DAY_MS)
    )
    await expire_uploads(house)
    assert await rows(opened, "SELECT size_octets FROM uploads") == [(5000,)]
    assert len(await blobs(opened)) == 2
    await collect(house)
    assert [where.size_octets for where in (await blobs(opened)).values()] == [5000]
    await opened.check()


async def test_expunged_mail_goes_after_its_days(opened: Opened, house: House) -> None:
    filed = [await opened.deliver(a_message(f"{n}", body=f"text {n}\r\n" * 300)) for n in range(4)]
    await opened.store.destroy_emails(opened.account, [one.email for one in filed[:3]])
    await opened.store.database.write(
        lambda tx: tx.run(
            "UPDATE kept_emails SET gone_ms = gone_ms - ?1 WHERE id <> ?2", 15 * DAY_MS, filed[0].email
        )
    )
    await expire_kept(house)
    assert await rows(opened, "SELECT id FROM kept_emails") == [(filed[0].email,)]
    assert house.metrics.store_purged._value.get() == 2
    await collect(house)
    assert len(await blobs(opened)) == 2
    await opened.check()


async def test_with_no_space_all_of_it_goes_and_the_log_says_so(opened: Opened) -> None:
    house = hasty(opened)
    filed = await opened.deliver()
    await opened.store.destroy_emails(opened.account, [filed.email])
    house.hurry = True
    await expire_kept(house)
    assert len(await rows(opened, "SELECT id FROM kept_emails")) == 1, "it went just now"
    await opened.store.database.write(lambda tx: tx.run("UPDATE kept_emails SET gone_ms = gone_ms - 61000"))
    with captured() as lines:
        await expire_kept(house)
    assert await rows(opened, "SELECT id FROM kept_emails") == []
    assert [line["emails"] for line in lines] == [1]
    await opened.check()


async def test_an_account_that_reached_no_limit_for_a_day_is_no_alarm_any_more(
    opened: Opened, house: House
) -> None:
    database, now_ms = opened.store.database, house.now_ms()
    for subject, ago_ms in (("1", DAY_MS + 60_000), ("2", DAY_MS - 60_000)):
        alarm = Alarm(alarms.SENDING, subject, "too many")
        await database.write(
            functools.partial(alarms.sound_again, alarm=alarm, now_ms=now_ms - ago_ms, every_ms=1)
        )
    with captured() as lines:
        await expire_alarms(house)
    assert [(line["event"], line["subject"]) for line in lines] == [("alarm is over", "1")]
    assert [alarm.subject for alarm in await database.read(alarms.read)] == ["2"]
