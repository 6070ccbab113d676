"""presence: who is signed in is put out when his sign-in counts no more (notes: A6)."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from tests.support.directories import Clock
from tests.support.stores import Opened
from trio.testing import wait_all_tasks_blocked

from pymailcore.base.ids import DEFAULT_TENANT, AccountId, TenantId
from pymailcore.directory import presences
from pymailcore.directory.cache import tag
from pymailcore.directory.permissions import View
from pymailcore.directory.presence import Presence
from pymailcore.directory.presences import Connected
from pymailcore.directory.types import Principal
from pymailcore.store.types import Transaction

ANN = AccountId(41)
IMAP = {"protocol": "imap", "peer": "192.0.2.1"}


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
    return Presence(opened.store.database, "one", now_ms=lambda: 1_000_000)


def principal(generation: int = 3) -> Principal:
    return Principal(account=ANN, tenant=TenantId(1), name="ann@a.example", generation=generation)


async def change(opened: Opened, sql: str) -> None:
    async def work(tx: Transaction) -> None:
        await tx.run(sql)

    await opened.store.database.write(work)


async def test_who_is_in_good_standing_stays(opened: Opened, presence: Presence) -> None:
    line = Line()
    with presence.here(principal(), line.end, **IMAP):
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
    with presence.here(principal(), lines[0].end, **IMAP), presence.here(principal(), lines[1].end, **IMAP):
        await change(opened, sql)
        assert await presence.review() == 2
        assert await presence.review() == 0  # each is told once
    assert [line.ended for line in lines] == [1, 1]


async def test_who_signed_in_after_the_change_stays(opened: Opened, presence: Presence) -> None:
    old, new = Line(), Line()
    with presence.here(principal(3), old.end, **IMAP), presence.here(principal(4), new.end, **IMAP):
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
    with presence.here(principal(), line.end, **IMAP):
        await change(opened, "UPDATE accounts SET state = 'suspended' WHERE id = 41")
        other = tag("account", 42)
        presence.touched([other])
        await wait_all_tasks_blocked()
        assert line.ended == 0
        presence.touched(None if touched is None else [touched])
        with trio.fail_after(5):
            await line.told.wait()
    assert line.ended == 1


# --- the list of who is connected -----------------------------------------------------------------


EVERYTHING = View(everything=True, tenants=frozenset(), domains=frozenset())


async def listed(
    opened: Opened,
    now_ms: int = 1_000_000,
    *,
    view: View = EVERYTHING,
    account: AccountId | None = None,
    after: str = "",
    limit: int = 100,
) -> list[Connected]:
    async def work(tx: Transaction) -> list[Connected]:
        return await presences.listing(tx, view, account, after=after, limit=limit, now_ms=now_ms)

    return await opened.store.database.read(work)


async def test_who_is_connected_is_listed_for_all_processes(opened: Opened, presence: Presence) -> None:
    """Protocol, peer, client, kind of secret, since when; of all processes in one list."""
    two = Presence(opened.store.database, "two", now_ms=lambda: 1_000_500)
    who = replace(principal(), mechanism="app-password")
    with (
        presence.here(who, Line().end, protocol="imap", peer="192.0.2.1", client="Mail\r\n 1.0" + "x" * 200),
        two.here(who, Line().end, protocol="smtp", peer="2001:db8::1") as place,
    ):
        await presence.keep()
        place.client = "laptop"
        await two.keep()
        found = await listed(opened)
        assert [(one.process, one.protocol, one.peer, one.mechanism) for one in found] == [
            ("one", "imap", "192.0.2.1", "app-password"),
            ("two", "smtp", "2001:db8::1", "app-password"),
        ]
        assert [(one.name, one.since_ms) for one in found] == [
            ("ann@a.example", 1_000_000),
            ("ann@a.example", 1_000_500),
        ]
        assert (found[0].client[:12], len(found[0].client)) == ("Mail   1.0xx", 100)
        assert found[1].client == "laptop"
        place.client = "laptop 2"
        await two.keep()
        assert [one.client for one in await listed(opened)][1] == "laptop 2"
        first = presences.place_of(found[0])
        assert [one.process for one in await listed(opened, after=first)] == ["two"]
        assert [one.process for one in await listed(opened, limit=1)] == ["one"]
    await presence.keep()
    assert [one.process for one in await listed(opened)] == ["two"]
    await two.leave()
    assert await listed(opened) == []


@pytest.mark.parametrize(
    ("view", "account", "count"),
    [
        (EVERYTHING, None, 1),
        (View(everything=False, tenants=frozenset({1}), domains=frozenset()), None, 1),
        (View(everything=False, tenants=frozenset({2}), domains=frozenset()), None, 0),
        (View(everything=False, tenants=frozenset(), domains=frozenset({9})), None, 1),
        (View(everything=False, tenants=frozenset(), domains=frozenset({8})), None, 0),
        (View(everything=False, tenants=frozenset(), domains=frozenset()), ANN, 1),
        (EVERYTHING, AccountId(42), 0),
    ],
)
async def test_everybody_sees_what_is_his_business(
    opened: Opened, presence: Presence, view: View, account: AccountId | None, count: int
) -> None:
    with presence.here(principal(), Line().end, **IMAP):
        await presence.keep()
        assert len(await listed(opened, view=view, account=account)) == count


async def test_connections_of_a_process_that_was_killed_are_not_listed_for_long(
    opened: Opened, presence: Presence
) -> None:
    clock = Clock(1_000_000)
    living = Presence(opened.store.database, "living", now_ms=clock)
    with presence.here(principal(), Line().end, **IMAP), living.here(principal(), Line().end, **IMAP):
        await presence.keep()  # and never again
        for _ in range(4):
            await living.keep()
            clock.ms += 60_000
        assert [one.process for one in await listed(opened, clock.ms)] == ["living"]
        await living.keep()
        rows = await opened.store.database.read(lambda tx: tx.rows("SELECT process FROM presences"))
        assert [row[0] for row in rows] == ["living"]


async def test_nothing_is_written_while_nothing_changes(
    opened: Opened, presence: Presence, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    write = presence._database.write

    async def noted(work: Any) -> Any:  # noqa: ANN401 - whatever a transaction is
        written.append("")
        return await write(work)

    monkeypatch.setattr(presence, "_database", SimpleNamespace(write=noted))
    await presence.keep()
    await presence.leave()
    assert written == []
    with presence.here(principal(), Line().end, **IMAP):
        for _ in range(5):
            await presence.keep()
    assert len(written) == 1
    with presence.here(replace(principal(), account=AccountId(42)), Line().end, **IMAP):
        await presence.keep()  # of an account that is gone by now: nothing is listed
    assert await listed(opened) == []
