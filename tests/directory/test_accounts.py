"""accounts: one and many, lists, changes, renaming, removal."""

import json
from pathlib import Path

import pytest
from tests.support.directory_parts import ALL, ROOT, Parts, address, opened_parts
from tests.support.stores import EnginePlace, a_message

from pymailcore.base.errors import AlreadyExists, InvalidValue, NotFound
from pymailcore.base.ids import DEFAULT_TENANT, AccountId
from pymailcore.directory import identities
from pymailcore.directory.account_making import SLICE_ACCOUNTS, NewAccount
from pymailcore.directory.accounts import Changed
from pymailcore.directory.changes import Change
from pymailcore.directory.credentials import Secret
from pymailcore.directory.errors import OverLimit
from pymailcore.directory.permissions import View
from pymailcore.runtime.clock import now_ms
from pymailcore.store.types import Target, Transaction


async def emails(parts: Parts, account: AccountId) -> list[str]:
    found = await parts.store.database.read(lambda tx: identities.of_account(tx, account))
    return [identity.email for identity in found]


async def deliver(parts: Parts, account: AccountId) -> None:
    prepared = await parts.store.prepare(a_message())
    await parts.store.deliver(
        prepared, [Target(account, "inbox")], tenant=DEFAULT_TENANT, received_ms=now_ms()
    )


async def test_an_account_has_mailboxes_address_identity_and_a_line_in_the_log(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    """RFC 8621 section 2, RFC 6154 section 2."""
    async with opened_parts(tmp_path, store_settings) as parts:
        await parts.domains.add(ROOT, "a.example")
        ann = await parts.accounts.add(ROOT, address("Ann@a.example"), "correct horse", full_name="Ann A.")
        assert (ann.name, ann.display, ann.kind, ann.full_name) == (
            "ann@a.example",
            "Ann@a.example",
            "personal",
            "Ann A.",
        )
        assert await parts.accounts.get(address("ANN@a.example")) == ann
        assert await parts.accounts.numbered(ann.id) == ann
        roles = {mailbox.role for mailbox in await parts.store.mailboxes(ann.id)}
        assert {"inbox", "drafts", "sent", "junk", "trash"} <= roles
        assert await emails(parts, ann.id) == ["Ann@a.example"]
        assert await parts.reached("ann+x@a.example") == (["ann@a.example"], [])
        assert await parts.rows("SELECT verifier FROM credentials WHERE account = ?1", ann.id) == [
            ("correct horse",)
        ]
        assert await parts.actions() == [("domain.add", "a.example"), ("account.add", "Ann@a.example")]
        assert not await parts.rows("SELECT 1 FROM audit WHERE instr(new, 'horse') > 0")


async def test_an_account_needs_a_domain_a_free_address_and_values_that_can_be(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    async with opened_parts(tmp_path, store_settings) as parts:
        await parts.account("ann@a.example")
        await parts.addresses.add(ROOT, address("team@a.example"), address("ann@a.example"))
        await parts.groups.add(ROOT, address("all@a.example"))
        with pytest.raises(NotFound):
            await parts.accounts.add(ROOT, address("ann@b.example"))
        for taken in ("ANN@a.example", "team@a.example", "all@a.example"):
            with pytest.raises(AlreadyExists):
                await parts.accounts.add(ROOT, address(taken))
        ben = address("ben@a.example")
        for kind, password, name in (
            ("odd", None, ""),
            ("shared", "correct horse", ""),
            ("personal", None, "a\nb"),
            ("personal", None, "x" * 201),
        ):
            with pytest.raises(InvalidValue):
                await parts.accounts.add(ROOT, ben, password, full_name=name, kind=kind)
        with pytest.raises(InvalidValue):
            await parts.accounts.add(ROOT, address("b*n@a.example"))
        assert (await parts.accounts.add(ROOT, ben, kind="shared")).kind == "shared"


async def test_lists_come_in_pages_and_are_narrowed(tmp_path: Path, store_settings: EnginePlace) -> None:
    async with opened_parts(tmp_path, store_settings) as parts:
        blue = (await parts.tenants.add(ROOT, "blue")).id
        await parts.domains.add(ROOT, "b.example", tenant=blue)
        for text in ("ann@a.example", "ben@a.example", "anna@b.example", "cy@b.example", "dan@c.example"):
            await parts.account(text)
        accounts = parts.accounts

        def narrowed(*tenants: int, domains: tuple[int, ...] = ()) -> View:
            return View(everything=False, tenants=frozenset(tenants), domains=frozenset(domains))

        everybody = [one.name for one in await accounts.page(ALL) if one.name != "bob@example.org"]
        assert everybody == [
            "ann@a.example",
            "anna@b.example",
            "ben@a.example",
            "cy@b.example",
            "dan@c.example",
        ]
        paged, after = list[str](), ""
        while page := await accounts.page(ALL, after=after, limit=2):
            after = page[-1].name
            paged += [one.name for one in page if one.name != "bob@example.org"]
        assert paged == everybody
        assert [one.name for one in await accounts.page(ALL, prefix="AN")] == everybody[:2]
        assert [one.name for one in await accounts.page(ALL, prefix="ann", after="ann@a.example")] == [
            "anna@b.example"
        ]
        assert [one.name for one in await accounts.page(ALL, domain="B.example")] == [
            "anna@b.example",
            "cy@b.example",
        ]
        assert [one.name for one in await accounts.page(ALL, tenant=blue, prefix="c")] == ["cy@b.example"]
        domain = (await parts.domains.get("c.example")).id
        assert [one.name for one in await accounts.page(narrowed(blue))] == ["anna@b.example", "cy@b.example"]
        assert [one.name for one in await accounts.page(narrowed(domains=(domain,)))] == ["dan@c.example"]
        assert [one.name for one in await accounts.page(narrowed(blue, domains=(domain,)))] == [
            "anna@b.example",
            "cy@b.example",
            "dan@c.example",
        ]
        assert await accounts.page(narrowed(blue), domain="a.example") == []
        assert await accounts.page(narrowed()) == []


async def test_many_are_made_in_slices_and_a_bad_one_hinders_no_other(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    async with opened_parts(tmp_path, store_settings) as parts:
        await parts.account("taken@a.example")
        entries = [NewAccount(address(f"u{n}@a.example"), Secret("x")) for n in range(SLICE_ACCOUNTS + 5)]
        bad = [
            NewAccount(address("taken@a.example")),
            NewAccount(address("u1@a.example")),
            NewAccount(address("x@nowhere.example")),
            NewAccount(address("y@a.example"), kind="odd"),
        ]
        sizes: list[int] = []
        outcomes = await parts.accounts.add_many(
            ROOT, [*bad[:1], *entries, *bad[1:]], progress=lambda some: sizes.append(len(some))
        )
        assert sizes == [SLICE_ACCOUNTS, 9]
        faults = [type(one.fault) for one in outcomes if one.fault is not None]
        assert faults == [AlreadyExists, AlreadyExists, NotFound, InvalidValue]
        made = [one.account for one in outcomes if one.account is not None]
        assert len(made) == len(entries)
        last = await parts.accounts.get(address(f"u{SLICE_ACCOUNTS + 4}@a.example"))
        assert last == made[-1]
        assert len(await parts.store.mailboxes(last.id)) >= 5
        assert await emails(parts, last.id) == [last.display]
        assert await parts.rows("SELECT count(*) FROM credentials") == [(len(entries),)]
        assert await parts.reached(last.display) == ([last.name], [])


async def test_limits_hold_within_a_slice(tmp_path: Path, store_settings: EnginePlace) -> None:
    async with opened_parts(tmp_path, store_settings) as parts:
        domain = await parts.domains.add(ROOT, "a.example")

        async def limit(tx: Transaction, _: Change) -> None:
            await tx.run(
                "INSERT INTO limits (scope, scope_id, name, value) VALUES ('domain', ?1, 'accounts', 3)",
                domain.id,
            )

        await parts.ground.changes.run(None, limit)
        await parts.account("u0@a.example")
        outcomes = await parts.accounts.add_many(
            ROOT, [NewAccount(address(f"u{n}@a.example")) for n in range(1, 5)]
        )
        assert [type(one.fault) for one in outcomes] == [type(None), type(None), OverLimit, OverLimit]
        with pytest.raises(OverLimit):
            await parts.account("u9@a.example")


async def test_changes_are_recorded_with_before_and_after(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    async with opened_parts(tmp_path, store_settings) as parts:
        ann = await parts.account("ann@a.example")
        new = await parts.accounts.set(
            ROOT, address("ann@a.example"), Changed(state="suspended", reason="unpaid", send_blocked=True)
        )
        assert new == ann._replace(state="suspended", reason="unpaid", send_blocked=True)
        assert await parts.accounts.numbered(ann.id) == new
        assert (await parts.route("ann@a.example")).state == "suspended"
        assert (
            await parts.accounts.set(ROOT, address("ann@a.example"), Changed(state="active"))
        ).reason == ""
        rows = await parts.rows("SELECT old, new FROM audit WHERE action = 'account.set' ORDER BY seq")
        before, after = json.loads(rows[0][0]), json.loads(rows[0][1])
        assert before == {"state": "active", "reason": "", "send_blocked": False}
        assert after == {"state": "suspended", "reason": "unpaid", "send_blocked": True}
        for changed in (Changed(state="closing"), Changed(kind="odd"), Changed(reason=" x")):
            with pytest.raises(InvalidValue):
                await parts.accounts.set(ROOT, address("ann@a.example"), changed)
        with pytest.raises(NotFound):
            await parts.accounts.set(ROOT, address("ben@a.example"), Changed())
        await parts.accounts.set(ROOT, address("ann@a.example"), Changed())
        assert len(await parts.rows("SELECT 1 FROM audit WHERE action = 'account.set'")) == 2


@pytest.mark.parametrize("keep", [True, False])
async def test_a_renamed_account_keeps_its_mail_and_on_wish_its_old_address(
    tmp_path: Path, store_settings: EnginePlace, keep: bool
) -> None:
    async with opened_parts(tmp_path, store_settings) as parts:
        ann = await parts.account("ann@a.example")
        await parts.account("ben@b.example")
        await deliver(parts, ann.id)
        await parts.groups.add(ROOT, address("all@a.example"))
        await parts.groups.add_member(ROOT, address("all@a.example"), address("ann@a.example"))
        await parts.send_rights.grant(ROOT, address("ben@b.example"), address("ann@a.example"))
        await parts.route("ann@a.example")
        with pytest.raises(AlreadyExists):
            await parts.accounts.rename(ROOT, address("ann@a.example"), address("ben@b.example"))
        new = await parts.accounts.rename(
            ROOT, address("ann@a.example"), address("Anna@b.example"), keep_alias=keep
        )
        assert (new.id, new.name, new.display) == (ann.id, "anna@b.example", "Anna@b.example")
        assert new.domain == (await parts.domains.get("b.example")).id
        assert await parts.reached("anna@b.example") == (["anna@b.example"], [])
        assert await parts.reached("all@a.example") == (["anna@b.example"], [])
        if keep:
            assert await parts.reached("ann@a.example") == (["anna@b.example"], [])
            assert sorted(await emails(parts, ann.id)) == ["Anna@b.example", "ann@a.example"]
        else:
            with pytest.raises(NotFound):
                await parts.route("ann@a.example")
            assert await emails(parts, ann.id) == ["Anna@b.example"]
        inbox = await parts.store.mailbox_named(ann.id, "INBOX")
        assert inbox is not None
        assert inbox.messages == 1
        ben = (await parts.accounts.get(address("ben@b.example"))).id
        assert await parts.send_rights.standing(ben, address("anna@b.example")) == "send-as"
        assert await parts.send_rights.standing(ann.id, address("ann@a.example")) == ("own" if keep else "")
        back = await parts.accounts.rename(ROOT, address("anna@b.example"), address("ann@a.example"))
        assert back.name == "ann@a.example"


async def test_no_account_goes_to_another_tenant_by_renaming(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    async with opened_parts(tmp_path, store_settings) as parts:
        await parts.account("ann@a.example")
        blue = (await parts.tenants.add(ROOT, "blue")).id
        await parts.domains.add(ROOT, "blue.example", tenant=blue)
        with pytest.raises(NotFound):
            await parts.accounts.rename(ROOT, address("ann@a.example"), address("ann@blue.example"))


async def test_a_removed_account_is_gone_everywhere_and_its_name_is_free(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    async with opened_parts(tmp_path, store_settings) as parts:
        ann, ben = await parts.account("ann@a.example"), await parts.account("ben@a.example")
        for _ in range(3):
            await deliver(parts, ann.id)
        await parts.addresses.add(ROOT, address("team@a.example"), address("ann@a.example"))
        await parts.groups.add(ROOT, address("all@a.example"))
        for member in ("ann@a.example", "ben@a.example"):
            await parts.groups.add_member(ROOT, address("all@a.example"), address(member))
        await parts.forwards.set(ROOT, address("ann@a.example"), address("far@b.example"))
        await parts.send_rights.grant(ROOT, address("ben@a.example"), address("ann@a.example"))
        assert len((await parts.route("all@a.example")).local) == 2
        await parts.accounts.remove(ROOT, address("ann@a.example"))
        for text in ("ann@a.example", "team@a.example"):
            with pytest.raises(NotFound):
                await parts.route(text)
        assert await parts.reached("all@a.example") == (["ben@a.example"], [])
        assert await parts.send_rights.standing(ben.id, address("ann@a.example")) == ""
        with pytest.raises(NotFound):
            await parts.accounts.remove(ROOT, address("ann@a.example"))
        for table in ("emails", "mailboxes", "identities", "forwards", "send_rights", "credentials"):
            assert not await parts.rows(f"SELECT 1 FROM {table} WHERE account = ?1", ann.id), table  # noqa: S608
        again = await parts.account("ann@a.example")
        assert again.id != ann.id
