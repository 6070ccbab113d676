"""directory over the real store: accounts with their Mailboxes, and look-ups from two processes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from tests.support.directories import CHEAP, Clock, address, mint
from tests.support.stores import EnginePlace, small_settings

from pymailcore.base.errors import Forbidden, NotFound
from pymailcore.directory.actors import SYSTEM
from pymailcore.directory.directory import Directory
from pymailcore.runtime.clock import now_ms
from pymailcore.runtime.hub import ChangeHub
from pymailcore.sasl.steps import Credentials
from pymailcore.store.opening import open_store
from pymailcore.store.store import Store

PASSWORD = "correct horse"
ANN_SAYS = Credentials("ann@a.example", "", PASSWORD)


@asynccontextmanager
async def directory(data: Path, settings: EnginePlace) -> AsyncIterator[tuple[Directory, Store, ChangeHub]]:
    ids, hub = mint(Clock(now_ms())), ChangeHub()
    async with open_store(
        small_settings(data, **settings), notify=hub.publish, ids=ids, maintain=False
    ) as store:
        yield Directory(store.database, store, ids, hub.publish, CHEAP), store, hub


async def test_everything_is_there_after_a_restart(tmp_path: Path, store_settings: EnginePlace) -> None:
    async with directory(tmp_path, store_settings) as (it, _, _):
        await it.domains.add(SYSTEM, "a.example")
        account = await it.accounts.add(SYSTEM, address("ann@a.example"), PASSWORD)
        await it.addresses.add(SYSTEM, address("team@a.example"), address("ann@a.example"))
        token = await it.create_session(account.id, user_agent="browser", peer="192.0.2.1")
    async with directory(tmp_path, store_settings) as (it, _, _):
        assert (await it.authenticate(ANN_SAYS, peer="x", protocol="smtp")).account == account.id
        assert len((await it.route(address("team@a.example"))).local) == 1
        principal = await it.session(token)
        assert principal is not None
        assert principal.account == account.id
        assert [identity.email for identity in await it.identities(account.id)] == [
            "ann@a.example",
            "team@a.example",
        ]


async def test_changes_of_identities_move_the_accounts_state(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    """RFC 8621 section 6.3; RFC 8620 section 7.1: push tells of it."""
    async with directory(tmp_path, store_settings) as (it, store, hub):
        await it.domains.add(SYSTEM, "a.example")
        account = await it.accounts.add(SYSTEM, address("ann@a.example"), PASSWORD)
        before = await store.states(account.id)
        with hub.watch(account.id) as watch:
            await it.addresses.add(SYSTEM, address("team@a.example"), address("ann@a.example"))
            with trio.fail_after(5):
                await watch.changed()
        after = await store.states(account.id)
        assert after.identity > before.identity
        assert after.email == before.email


async def test_two_processes_see_each_others_changes_by_notice(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    """DIRECTORY notices; without them the age of look-ups is the bound."""
    async with (
        directory(tmp_path, store_settings) as (one, _, _),
        directory(tmp_path, store_settings) as (two, _, _),
    ):
        await one.domains.add(SYSTEM, "a.example")
        account = await one.accounts.add(SYSTEM, address("ann@a.example"), PASSWORD)
        with pytest.raises(NotFound):
            await two.route(address("team@a.example"))
        await one.addresses.add(SYSTEM, address("team@a.example"), address("ann@a.example"))
        two.forget()
        assert len((await two.route(address("team@a.example"))).local) == 1
        await two.credentials.set_password(SYSTEM, account.id, "another horse")
        one.forget()
        with pytest.raises(Forbidden):
            await one.authenticate(ANN_SAYS, peer="x", protocol="imap")
