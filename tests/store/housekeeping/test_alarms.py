from pathlib import Path

from tests.support.logs import captured
from tests.support.stores import Opened

from pymailcore.store.housekeeping import alarms
from pymailcore.store.housekeeping.alarms import (
    Alarm,
    Condition,
    end_old,
    few,
    is_seen,
    judge,
    look,
    read,
    settle,
    sound_again,
    tell,
)
from pymailcore.store.layout import Layout
from pymailcore.store.settings import StoreSettings
from pymailcore.store.types import Transaction

MIB = 2**20
SETTINGS = StoreSettings(
    data=Path("/srv/mail"), watermark_octets=100 * MIB, reserve_octets=MIB, restart_checkpoint_octets=10 * MIB
)


def kinds(free: int = 1000 * MIB, log: int = 0, *, reserve: bool = True) -> list[str]:
    return [alarm.kind for alarm in judge(Condition(free, reserve, log), SETTINGS)]


def test_the_disk_is_nearly_full_before_mail_is_refused() -> None:
    assert kinds() == kinds(200 * MIB) == []
    assert kinds(200 * MIB - 1) == kinds(0) == [alarms.DISK]
    (early,) = judge(Condition(150 * MIB, reserve=True, log_octets=0), SETTINGS)
    (late,) = judge(Condition(99 * MIB, reserve=True, log_octets=0), SETTINGS)
    assert early.detail == "150 MiB are free in /srv/mail; below 100 MiB none is accepted"
    assert late.detail == "99 MiB are free in /srv/mail: no mail is accepted"


def test_a_reserve_that_was_given_up_and_a_log_that_grows() -> None:
    assert kinds(reserve=False) == [alarms.RESERVE]
    assert kinds(log=20 * MIB) == []
    assert kinds(log=20 * MIB + 1) == [alarms.LOG]


def test_a_look_at_a_folder(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert look(layout)[1:] == (False, 0)
    layout.reserve.write_bytes(b"")
    layout.wal.write_bytes(b"12345")
    found = look(layout)
    assert found[1:] == (True, 5)
    assert found.free_octets > 0


def test_of_very_many_alarms_the_first_are_enough() -> None:
    found = [Alarm(alarms.SCRUB, f"a:{n}", "x") for n in range(alarms.MOST + 5)]
    assert few(found[: alarms.MOST]) == found[: alarms.MOST]
    assert few(found) == [*found[: alarms.MOST], Alarm(alarms.SCRUB, "a:more", "and 5 more like these")]
    assert few([]) == []


async def test_alarms_are_exactly_those_that_are_raised(opened: Opened) -> None:
    def scrub(subject: str, detail: str = "") -> Alarm:
        return Alarm(alarms.SCRUB, subject, detail)

    async def work(tx: Transaction) -> None:
        assert await settle(tx, alarms.JOB, [Alarm(alarms.JOB, "", "x")], 1) == (
            [Alarm(alarms.JOB, "", "x")],
            [],
        )
        assert await settle(tx, alarms.SCRUB, [scrub("a:1"), scrub("b:1")], 10) == (
            [scrub("a:1"), scrub("b:1")],
            [],
        )
        new, over = await settle(tx, alarms.SCRUB, [scrub("a:1", "more"), scrub("a:2")], 20, prefix="a")
        assert (new, over) == ([scrub("a:2")], [])
        new, over = await settle(tx, alarms.SCRUB, [], 30, prefix="a")
        assert (new, [alarm.subject for alarm in over]) == ([], ["a:1", "a:2"])
        assert over[0] == Alarm(alarms.SCRUB, "a:1", "more", 10)
        assert [alarm[:2] for alarm in await read(tx)] == [(alarms.JOB, ""), (alarms.SCRUB, "b:1")]

    await opened.store.database.write(work)


async def test_an_alarm_that_comes_often_is_written_now_and_then_and_ends_when_it_is_old(
    opened: Opened,
) -> None:
    mine, other = Alarm(alarms.SENDING, "7", "x"), Alarm(alarms.JOB, "7", "x")

    async def work(tx: Transaction) -> None:
        assert not await is_seen(tx, mine, after_ms=0)
        written = [await sound_again(tx, mine, now_ms, every_ms=100) for now_ms in (1000, 1099, 1100, 1199)]
        assert written == [True, False, True, False]
        assert [await is_seen(tx, mine, after_ms=moment) for moment in (1099, 1100)] == [True, False]
        await sound_again(tx, other, 1, every_ms=100)
        assert await end_old(tx, alarms.SENDING, 1100) == []
        assert await end_old(tx, alarms.SENDING, 1101) == [mine._replace(since_ms=1000)]
        assert await read(tx) == [other._replace(since_ms=1)]

    await opened.store.database.write(work)


def test_an_alarm_is_logged_when_it_comes_and_when_it_is_over() -> None:
    with captured() as lines:
        tell([Alarm(alarms.DISK, "", "full")], [Alarm(alarms.LOG, "", "")])
    assert [(line["log_level"], line["event"], line["kind"]) for line in lines] == [
        ("error", "alarm", "disk"),
        ("warning", "alarm is over", "log"),
    ]
