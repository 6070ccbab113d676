import pytest
from tests.support.house import Killed, MortalHouse, hasty, rows
from tests.support.stores import Opened, a_message

from pymailcore.base.ids import MailboxId
from pymailcore.store.housekeeping import horizon
from pymailcore.store.housekeeping.horizon import DAY_MS, compact, oldest_run
from pymailcore.store.housekeeping.house import House
from pymailcore.store.types import Transaction


def test_the_oldest_rows_up_to_the_first_that_is_young() -> None:
    assert oldest_run([], 10) is None
    assert oldest_run([(1, 10), (2, 5)], 10) is None
    assert oldest_run([(1, 5), (2, 9), (3, 10), (4, 5)], 10) == 2
    assert oldest_run([(1, 5), (1, 5)], 10) == 1


async def removed(opened: Opened, count: int) -> list[int]:
    """Emails that come and go; the modseq after each."""
    states = []
    for number in range(count):
        filed = await opened.deliver(a_message(f"{number}"))
        await opened.store.destroy_emails(opened.account, [filed.email])
        states.append((await opened.store.states(opened.account)).email)
    return states


async def age(opened: Opened, upto: int, days: float) -> None:
    """Let what was removed up to a modseq have gone so many days ago."""
    gone_ms = opened.store.engine.now_ms() - int(days * DAY_MS)

    async def work(tx: Transaction) -> None:
        await tx.run("UPDATE removed SET gone_ms = ?1 WHERE modseq <= ?2", gone_ms, upto)
        await tx.run("UPDATE expunged SET gone_ms = ?1 WHERE modseq <= ?2", gone_ms, upto)

    await opened.store.database.write(work)


async def log_rows(opened: Opened) -> int:
    sql = "SELECT (SELECT count(*) FROM removed) + (SELECT count(*) FROM expunged)"
    return int((await rows(opened, sql))[0][0])


async def test_what_is_old_is_forgotten_and_who_knew_more_is_told(opened: Opened, house: House) -> None:
    """RFC 8620 section 5.2: cannotCalculateChanges; RFC 7162 section 3.2.5.1 by way of a new snapshot."""
    inbox = opened.mailbox("INBOX")
    before = await opened.store.states(opened.account)
    states = await removed(opened, 6)
    middle = states[2]
    there = await opened.store.changes(opened.account, "email", middle, 100)
    delta = await opened.store.delta(opened.account, MailboxId(inbox), middle)
    await age(opened, middle, 31)
    await compact(house)
    assert await opened.store.changes(opened.account, "email", before.email, 100) is None
    assert await opened.store.delta(opened.account, inbox, before.email) is None
    assert await opened.store.changes(opened.account, "email", middle, 100) == there
    assert await opened.store.delta(opened.account, inbox, middle) == delta
    assert delta is not None
    (floor,) = (await rows(opened, "SELECT log_floor FROM accounts"))[0]
    assert floor == middle
    assert {
        row[0] for row in await rows(opened, "SELECT modseq FROM removed WHERE modseq <= ?1", middle)
    } == set()
    assert await rows(opened, "SELECT modseq FROM expunged WHERE modseq <= ?1", middle) == []
    await opened.check()


async def test_what_is_young_stays(opened: Opened, house: House) -> None:
    states = await removed(opened, 3)
    count = await log_rows(opened)
    await age(opened, states[-1], 29)
    await compact(house)
    assert await log_rows(opened) == count
    assert await rows(opened, "SELECT log_floor FROM accounts") == [(0,)]


async def test_the_history_that_undelete_needs_stays(opened: Opened) -> None:
    states = await removed(opened, 3)
    count = await log_rows(opened)
    await age(opened, states[-1], 31)
    await compact(hasty(opened, undelete_days=60.0))
    assert await log_rows(opened) == count
    await compact(hasty(opened, change_log_days=1.0, undelete_days=1.0))
    assert await log_rows(opened) == 0


async def test_the_history_of_a_mailbox_that_is_nowhere_goes(
    opened: Opened, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(horizon, "ACCOUNTS", 1)
    await removed(opened, 3)
    made = await opened.store.create_mailbox(opened.account, "Gone")
    filed = await opened.deliver(a_message("x"), made.id)
    await opened.store.remove_mailbox(opened.account, made.id, with_emails=True)
    assert filed.mailbox == made.id
    count = len(await rows(opened, "SELECT 1 FROM expunged"))

    async def work(tx: Transaction) -> None:
        for uid in range(1, 8):
            await tx.run(
                "INSERT INTO expunged (mailbox, modseq, uid, arrived, gone_ms) VALUES (?1, 1, ?2, 1, ?3)",
                2**60, uid, house.now_ms(),
            )  # fmt: skip

    await opened.store.database.write(work)
    await compact(house)
    assert len(await rows(opened, "SELECT 1 FROM expunged")) == count
    assert await rows(opened, "SELECT 1 FROM expunged WHERE mailbox = ?1", 2**60) == []
    assert len(await rows(opened, "SELECT 1 FROM expunged WHERE mailbox = ?1", made.id)) == 1, (
        "it can come back"
    )


@pytest.mark.parametrize("after", [False, True])
async def test_a_kill_anywhere_never_forgets_more_than_the_floor_says(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    monkeypatch.setattr(horizon, "Pace", lambda _: _Slow())
    states = await removed(opened, 4)
    await age(opened, states[-1], 31)
    for left in range(1, 40):
        house: MortalHouse = hasty(opened, MortalHouse)
        house.left, house.after = left, after
        try:
            await compact(house)
        except Killed:
            (floor,) = (await rows(opened, "SELECT log_floor FROM accounts"))[0]
            for since in range(floor, states[-1]):
                found = await opened.store.changes(opened.account, "email", since, 100)
                assert found is not None
                assert found.new_modseq == states[-1]
            continue
        break
    assert left > 4
    assert await log_rows(opened) == 0


class _Slow:
    """One row at a time."""

    rows = 1

    def took(self, seconds: float) -> None:
        """It is always slow."""
