"""presence: who is signed in is put out when his sign-in counts no more (notes: A6)."""

import pytest
import trio
from tests.support.stores import Opened
from trio.testing import wait_all_tasks_blocked

from pymailcore.base.ids import DEFAULT_TENANT, AccountId, TenantId
from pymailcore.directory.cache import tag
from pymailcore.directory.presence import Presence
from pymailcore.directory.types import Principal
from pymailcore.store.types import Transaction

ANN = AccountId(41)


class Line:
    """A connection that notes whether it was ended."""

    def __init__(self) -> None:
        self.ended = 0
        self.told = trio.Event()

    def end(self) -> None:
        self.ended += 1
        self.told.set()


@pytest.fixture
async def presence(opened: Opened) -> Presence:
    """A process with an account ann@a.example of generation 3."""

    async def work(tx: Transaction) -> None:
        await tx.run(
            "INSERT INTO domains (id, tenant, name, created_ms) VALUES (9, ?1, 'a.example', 0)",
            DEFAULT_TENANT,
        )
        await tx.run(
            "INSERT INTO accounts (id, tenant, name, domain, generation, created_ms)"
            " VALUES (?1, ?2, 'ann@a.example', 9, 3, 0)",
            ANN,
            DEFAULT_TENANT,
        )

    await opened.store.database.write(work)
    return Presence(opened.store.database)


def principal(generation: int = 3) -> Principal:
    return Principal(account=ANN, tenant=TenantId(1), name="ann@a.example", generation=generation)


async def change(opened: Opened, sql: str) -> None:
    async def work(tx: Transaction) -> None:
        await tx.run(sql)

    await opened.store.database.write(work)


async def test_who_is_in_good_standing_stays(opened: Opened, presence: Presence) -> None:
    line = Line()
    with presence.here(principal(), line.end):
        assert await presence.review() == 0
        assert len(presence) == 1
    assert (line.ended, len(presence)) == (0, 0)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE accounts SET generation = 4 WHERE id = 41",
        "UPDATE accounts SET state = 'suspended' WHERE id = 41",
        "UPDATE accounts SET kind = 'shared' WHERE id = 41",
        "UPDATE domains SET state = 'suspended' WHERE id = 9",
        "UPDATE tenants SET state = 'closing' WHERE id = 1",
        "DELETE FROM accounts WHERE id = 41",
    ],
)
async def test_every_connection_ends_when_the_sign_in_counts_no_more(
    sql: str, opened: Opened, presence: Presence
) -> None:
    """A6: password changed, disabled, suspended, removed."""
    lines = [Line(), Line()]
    with presence.here(principal(), lines[0].end), presence.here(principal(), lines[1].end):
        await change(opened, sql)
        assert await presence.review() == 2
        assert await presence.review() == 0  # each is told once
    assert [line.ended for line in lines] == [1, 1]


async def test_who_signed_in_after_the_change_stays(opened: Opened, presence: Presence) -> None:
    old, new = Line(), Line()
    with presence.here(principal(3), old.end), presence.here(principal(4), new.end):
        await change(opened, "UPDATE accounts SET generation = 4 WHERE id = 41")
        assert await presence.review() == 1
    assert (old.ended, new.ended) == (1, 0)


@pytest.mark.parametrize(
    "touched", [tag("account", ANN), tag("domain", "a.example"), tag("tenant", DEFAULT_TENANT), None]
)
async def test_a_notice_has_only_those_concerned_looked_at(
    touched: int | None, opened: Opened, presence: Presence, nursery: trio.Nursery
) -> None:
    nursery.start_soon(presence.follow)
    line = Line()
    with presence.here(principal(), line.end):
        await change(opened, "UPDATE accounts SET state = 'suspended' WHERE id = 41")
        other = tag("account", 42)
        presence.touched([other])
        await wait_all_tasks_blocked()
        assert line.ended == 0
        presence.touched(None if touched is None else [touched])
        with trio.fail_after(5):
            await line.told.wait()
    assert line.ended == 1
