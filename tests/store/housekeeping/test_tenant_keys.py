"""tenant_keys: they stay as long as there is anything that they open."""

from tests.support.house import rows
from tests.support.stores import Opened, a_message

from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.tenant_keys import forget, forget_all
from pymailcore.store.types import Transaction


async def names(opened: Opened) -> set[str]:
    return {row[0] for row in await rows(opened, "SELECT name FROM secrets WHERE name LIKE 'tenant:%'")}


async def put(opened: Opened, *statements: str) -> None:
    async def work(tx: Transaction) -> None:
        for statement in statements:
            await tx.run(statement)

    await opened.store.database.write(work)


async def test_keys_go_with_the_last_of_tenant_account_and_blob(opened: Opened, house: House) -> None:
    await opened.deliver(a_message("somebody else's"))
    await put(
        opened,
        "INSERT INTO secrets (name, value) VALUES ('tenant:77', x'00')",
        "INSERT INTO tenants (id, name, display, created_ms) VALUES (77, 'blue', 'Blue', 0)",
        "INSERT INTO accounts (id, tenant, name, created_ms) VALUES (771, 77, 'x@blue.example', 0)",
        "INSERT INTO blobs (id, tenant, key, size_octets, pack, position, stored_octets, encoding, crc)"
        " VALUES (772, 77, x'00', 1, 0, 0, 1, 0, 0)",
        "INSERT INTO sealing_keys (tenant, number, master, wrapped, created_ms)"
        " VALUES (77, 1, 'm', x'00', 0)",
    )
    first = f"tenant:{DEFAULT_TENANT}"
    for statement in (
        "DELETE FROM tenants WHERE id = 77",
        "DELETE FROM accounts WHERE id = 771",
        "DELETE FROM blobs WHERE id = 772",
    ):
        await forget_all(house)
        assert await names(opened) == {first, "tenant:77"}
        await put(opened, statement)
    assert await opened.store.database.write(forget) == 1
    assert await names(opened) == {first}
    assert await rows(opened, "SELECT 1 FROM sealing_keys WHERE tenant = 77") == []
    assert await opened.store.database.write(forget) == 0
