"""tenants: states, and removal with everything that is theirs and nothing that is not."""

from pathlib import Path

import pytest
from tests.support.directory_parts import ALL, ROOT, Parts, address, opened_parts
from tests.support.stores import EnginePlace, a_message

from pymailcore.base.errors import AlreadyExists, Forbidden, InvalidValue, NotFound
from pymailcore.base.ids import DEFAULT_TENANT, TenantId
from pymailcore.directory.permissions import View
from pymailcore.directory.types import Account, Tenant
from pymailcore.runtime.clock import now_ms
from pymailcore.runtime.metrics import Metrics
from pymailcore.store.housekeeping.collector import collect
from pymailcore.store.housekeeping.house import House
from pymailcore.store.types import Row, Target, Transaction

INVENTORY = (
    "tenants", "domains", "domain_claims", "accounts", "addresses", "groups", "group_members", "send_rights",
    "forwards", "role_grants", "limits", "identities", "credentials", "mailboxes", "emails", "placements",
    "quotas", "roles", "api_keys", "annotations", "sent", "tenant_octets", "blobs", "blob_refs",
    "sealing_keys",
)  # fmt: skip
"""Tables in which a tenant may have rows."""


async def test_a_tenant_is_made_listed_and_changed(tmp_path: Path, store_settings: EnginePlace) -> None:
    async with opened_parts(tmp_path, store_settings) as parts:
        first = await parts.tenants.get("default")
        assert (first.id, first.state) == (DEFAULT_TENANT, "active")
        blue = await parts.tenants.add(ROOT, "blue", display="Blue Ltd")
        assert await parts.tenants.page(ALL) == [blue, first]
        assert await parts.tenants.page(ALL, after="blue") == [first]
        mine = View(everything=False, tenants=frozenset({blue.id}), domains=frozenset())
        assert await parts.tenants.page(mine) == [blue]
        with pytest.raises(AlreadyExists):
            await parts.tenants.add(ROOT, "blue")
        for name in ("", "Blue", "-x", "a b", "x" * 64):
            with pytest.raises(InvalidValue):
                await parts.tenants.add(ROOT, name)
        changed = await parts.tenants.set(ROOT, "blue", display="Bluer", state="suspended", reason="unpaid")
        assert changed == blue._replace(display="Bluer", state="suspended", reason="unpaid")
        assert (await parts.tenants.set(ROOT, "blue", state="active")).reason == ""
        with pytest.raises(InvalidValue):
            await parts.tenants.set(ROOT, "blue", state="closing")
        with pytest.raises(NotFound):
            await parts.tenants.set(ROOT, "green", state="active")
        assert [action for action, _ in await parts.actions()] == ["tenant.add", "tenant.set", "tenant.set"]


async def test_mail_for_a_suspended_tenant_is_put_off(tmp_path: Path, store_settings: EnginePlace) -> None:
    async with opened_parts(tmp_path, store_settings) as parts:
        await furnish(parts, "blue")
        assert (await parts.route("ann@blue.example")).state == "active"
        await parts.tenants.set(ROOT, "blue", state="suspended")
        assert (await parts.route("ann@blue.example")).state == "suspended"
        await parts.tenants.set(ROOT, "blue", state="active")
        assert (await parts.route("ann@blue.example")).state == "active"


async def furnish(parts: Parts, name: str) -> tuple[Tenant, Account]:
    """A tenant with some of everything."""
    tenant = await parts.tenants.add(ROOT, name)
    for domain in (f"{name}.example", f"also-{name}.example"):
        await parts.domains.add(ROOT, domain, tenant=tenant.id)
    await parts.domains.set(ROOT, f"also-{name}.example", alias_of=f"{name}.example")
    await parts.claims.make(ROOT, f"claimed-{name}.example", tenant=tenant.id)
    ann, group = address(f"ann@{name}.example"), address(f"all@{name}.example")
    account = await parts.accounts.add(ROOT, ann, "correct horse")
    await parts.accounts.add(ROOT, address(f"ben@{name}.example"))
    await parts.addresses.add(ROOT, address(f"team@{name}.example"), ann)
    await parts.addresses.add(ROOT, address(f"*@{name}.example"), address("far@b.example"))
    await parts.groups.add(ROOT, group)
    await parts.groups.add_member(ROOT, group, ann)
    await parts.forwards.set(ROOT, ann, address("far@b.example"))
    await parts.send_rights.grant(ROOT, ann, group)
    await parts.ground.changes.run(None, lambda tx, _: limit(tx, tenant.id))
    for number in range(3):
        prepared = await parts.store.prepare(a_message(f"{name} {number}"))
        await parts.store.deliver(
            prepared, [Target(account.id, "inbox")], tenant=tenant.id, received_ms=now_ms()
        )
    return tenant, account


async def limit(tx: Transaction, tenant: TenantId) -> None:
    """Rows that other parts of the directory keep of a tenant."""
    await tx.run(
        "INSERT INTO limits (scope, scope_id, name, value) VALUES ('tenant', ?1, 'accounts', 9)", tenant
    )
    await tx.run(
        "INSERT INTO roles (id, tenant, name, permissions, created_ms) VALUES (?1, ?1, 'own', '[]', 0)",
        tenant,
    )
    await tx.run(
        "INSERT INTO annotations (account, mailbox, owner, entry, value) VALUES (?1, 0, 0, '/shared/a', ?2)",
        -tenant,
        b"x",
    )
    await tx.run(
        "INSERT INTO sealing_keys (tenant, number, master, wrapped, created_ms) VALUES (?1, 1, 'm', ?2, 0)",
        tenant,
        b"w",
    )
    await tx.run(
        "INSERT INTO sent (scope, scope_id, window_ms, begun_ms, messages, recipients)"
        " VALUES ('tenant', ?1, 1, 1, 1, 1)",
        tenant,
    )
    await tx.run(
        "INSERT INTO api_keys (id, tenant, account, name, digest, role, scope, scope_id, networks,"
        " created_ms) VALUES (?1, ?1, 0, 'a', ?2, 'support', 'tenant', ?1, '[]', 0)",
        tenant,
        b"%d" % tenant,
    )


async def inventory(parts: Parts) -> dict[str, list[Row]]:
    """All rows of all tables that tenants have rows in."""
    return {
        table: sorted(await parts.rows(f"SELECT * FROM {table}"), key=repr)  # noqa: S608 - names of this module
        for table in INVENTORY
    }


async def keys_of(parts: Parts) -> set[str]:
    """Whose blobs have a key."""
    return {row[0] for row in await parts.rows("SELECT name FROM secrets WHERE name LIKE 'tenant:%'")}


async def blobs_of(parts: Parts, tenant: TenantId) -> list[Row]:
    return await parts.rows("SELECT owner, blob FROM blob_refs WHERE tenant = ?1 ORDER BY 1, 2", tenant)


async def test_removing_a_tenant_leaves_what_was_before_it_came(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    """Before and after: what is of the tenant goes, and not a row of anybody else's."""
    async with opened_parts(tmp_path, store_settings) as parts:
        red, _ = await furnish(parts, "red")
        before, kept = await inventory(parts), await blobs_of(parts, red.id)
        assert kept
        blue, _ = await furnish(parts, "blue")
        with_both = await inventory(parts)
        assert all(len(with_both[table]) >= len(before[table]) for table in INVENTORY)
        assert with_both["emails"] != before["emails"]
        assert await keys_of(parts) == {f"tenant:{one}" for one in (DEFAULT_TENANT, red.id, blue.id)}
        await parts.tenants.remove(ROOT, "blue")
        assert f"tenant:{blue.id}" in await keys_of(parts)  # its blobs can still be checked
        await collect(House(parts.store.engine, Metrics()))
        assert await inventory(parts) == before
        assert await keys_of(parts) == {f"tenant:{one}" for one in (DEFAULT_TENANT, red.id)}
        assert await blobs_of(parts, blue.id) == []
        assert await blobs_of(parts, red.id) == kept
        with pytest.raises(NotFound):
            await parts.tenants.remove(ROOT, "blue")
        with pytest.raises(Forbidden):
            await parts.tenants.remove(ROOT, "default")
        assert (await parts.route("ann@blue.example")).remote == (address("ann@blue.example"),)


async def test_a_removal_that_was_cut_off_goes_on_when_it_is_asked_for_again(
    tmp_path: Path, store_settings: EnginePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened_parts(tmp_path, store_settings) as parts:
        before = await inventory(parts)
        _, ann = await furnish(parts, "blue")
        calls = 0
        remove = parts.store.remove_account

        async def cut_off(account: int) -> None:
            nonlocal calls
            calls += 1
            assert account
            raise ConnectionError("power")

        monkeypatch.setattr(parts.store, "remove_account", cut_off)
        with pytest.raises(ConnectionError):
            await parts.tenants.remove(ROOT, "blue")
        assert calls == 1
        assert (await parts.tenants.get("blue")).state == "closing"
        assert (await parts.route("ann@blue.example")).state == "closing"
        assert (await parts.accounts.numbered(ann.id)).state == "closing"
        with pytest.raises(NotFound):
            await parts.tenants.set(ROOT, "blue", state="active")
        monkeypatch.setattr(parts.store, "remove_account", remove)
        await parts.tenants.remove(ROOT, "blue")
        await collect(House(parts.store.engine, Metrics()))
        assert await inventory(parts) == before
