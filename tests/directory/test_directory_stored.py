"""directory over the real store: accounts with their Mailboxes, and look-ups from two processes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from tests.support.deliveries import MESSAGE
from tests.support.directories import CHEAP, Clock, address, mint
from tests.support.stores import EnginePlace, small_settings

from pymailcore.base.errors import AlreadyExists, Forbidden, NotFound
from pymailcore.base.ids import DEFAULT_TENANT, AccountId
from pymailcore.directory.directory import Directory
from pymailcore.runtime.clock import now_ms
from pymailcore.runtime.hub import ChangeHub
from pymailcore.store.opening import open_store
from pymailcore.store.store import Store
from pymailcore.store.types import Target

PASSWORD = "correct horse"


@asynccontextmanager
async def directory(data: Path, settings: EnginePlace) -> AsyncIterator[tuple[Directory, Store, ChangeHub]]:
    ids, hub = mint(Clock(now_ms())), ChangeHub()
    async with open_store(
        small_settings(data, **settings), notify=hub.publish, ids=ids, maintain=False
    ) as store:
        yield Directory(store.database, store, ids, hub.publish, CHEAP), store, hub


async def test_an_account_has_its_mailboxes_from_the_first_day(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    """RFC 8621 section 2, RFC 6154 section 2."""
    async with directory(tmp_path, store_settings) as (it, store, _):
        await it.add_domain("a.example")
        account = await it.add_account(address("Ann@a.example"), PASSWORD, admin=True)
        assert {"inbox", "drafts", "sent", "junk", "trash"} <= {
            mailbox.role for mailbox in await store.mailboxes(account.id)
        }
        principal = await it.authenticate("ann@a.example", PASSWORD, peer="192.0.2.1", protocol="imap")
        assert (principal.account, principal.admin) == (account.id, True)
        with pytest.raises(AlreadyExists):
            await it.add_account(address("ann@a.example"), PASSWORD)


async def test_everything_is_there_after_a_restart(tmp_path: Path, store_settings: EnginePlace) -> None:
    async with directory(tmp_path, store_settings) as (it, _, _):
        await it.add_domain("a.example")
        account = await it.add_account(address("ann@a.example"), PASSWORD)
        await it.add_alias(address("team@a.example"), address("ann@a.example"))
        token = await it.create_session(account.id, user_agent="browser", peer="192.0.2.1")
    async with directory(tmp_path, store_settings) as (it, _, _):
        assert (
            await it.authenticate("ann@a.example", PASSWORD, peer="x", protocol="smtp")
        ).account == account.id
        assert len((await it.route(address("team@a.example"))).local) == 1
        principal = await it.session(token)
        assert principal is not None
        assert principal.account == account.id
        assert [identity.email for identity in await it.identities(account.id)] == [
            "ann@a.example",
            "team@a.example",
        ]


async def test_removing_an_account_removes_its_mail_and_its_name_is_free(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    async with directory(tmp_path, store_settings) as (it, store, _):
        await it.add_domain("a.example")
        old = await it.add_account(address("ann@a.example"), PASSWORD)
        prepared = await store.prepare(MESSAGE)
        for _ in range(3):
            await store.deliver(
                prepared, [Target(old.id, "inbox")], tenant=DEFAULT_TENANT, received_ms=now_ms()
            )
        await it.remove_account(address("ann@a.example"))
        with pytest.raises(NotFound):
            await it.principal(old.id)
        with pytest.raises(Forbidden):
            await it.authenticate("ann@a.example", PASSWORD, peer="x", protocol="smtp")
        with pytest.raises(NotFound):
            await it.route(address("ann@a.example"))
        new = await it.add_account(address("ann@a.example"), PASSWORD)
        inbox = await store.mailbox_named(new.id, "INBOX")
        assert new.id != old.id
        assert inbox is not None
        assert inbox.messages == 0


async def test_changes_of_identities_move_the_accounts_state(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    """RFC 8621 section 6.3; RFC 8620 section 7.1: push tells of it."""
    async with directory(tmp_path, store_settings) as (it, store, hub):
        await it.add_domain("a.example")
        account = await it.add_account(address("ann@a.example"), PASSWORD)
        before = await store.states(account.id)
        with hub.watch(account.id) as watch:
            await it.add_alias(address("team@a.example"), address("ann@a.example"))
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
        await one.add_domain("a.example")
        await one.add_account(address("ann@a.example"), PASSWORD)
        with pytest.raises(NotFound):
            await two.route(address("team@a.example"))
        await one.add_alias(address("team@a.example"), address("ann@a.example"))
        two.invalidate()
        assert len((await two.route(address("team@a.example"))).local) == 1
        await two.set_password(address("ann@a.example"), "another horse")
        one.invalidate()
        with pytest.raises(Forbidden):
            await one.authenticate("ann@a.example", PASSWORD, peer="x", protocol="imap")


async def test_many_logins_at_once_leave_the_loop_free(tmp_path: Path, store_settings: EnginePlace) -> None:
    """Hashing is in threads; only so many run at a time."""
    async with directory(tmp_path, store_settings) as (it, _, _):
        await it.add_domain("a.example")
        await it.add_account(address("ann@a.example"), PASSWORD)
        right = 0

        async def login(number: int) -> None:
            nonlocal right
            who = await it.authenticate("ann@a.example", PASSWORD, peer=f"10.{number}.0.1", protocol="imap")
            right += who.account > AccountId(0)

        async with trio.open_nursery() as nursery:
            for number in range(9):
                nursery.start_soon(login, number)
        assert right == 9
