"""What the parts of the directory stand on, over a real store; tenants and accounts are bare rows."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.directories import CHEAP, Clock, mint
from tests.support.memory_store import MemoryStore
from tests.support.stores import EnginePlace, small_settings

from pymailcore.base.ids import AccountId, IdMint, TenantId
from pymailcore.directory.cache import Memory
from pymailcore.directory.changes import Changes
from pymailcore.directory.ground import Ground
from pymailcore.directory.settings import DirectorySettings
from pymailcore.runtime.clock import now_ms
from pymailcore.store.opening import open_store
from pymailcore.store.store import Store
from pymailcore.store.types import Row, Transaction


@asynccontextmanager
async def opened_ground(
    data: Path,
    place: EnginePlace,
    *,
    settings: DirectorySettings = CHEAP,
    notices: list[tuple[int, int]] | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Ground]:
    """Open a store and what the directory needs of it."""
    clock = clock or Clock()
    ids, told = mint(clock), [] if notices is None else notices

    def publish(channel: int, value: int) -> None:
        told.append((channel, value))

    async with open_store(small_settings(data, **place), notify=publish, ids=ids, maintain=False) as store:
        yield make_ground(store, ids, publish, settings, clock)


def memory_ground(*, settings: DirectorySettings = CHEAP, clock: Clock | None = None) -> Ground:
    """The same over tables in memory, for what is not about the engine."""
    clock = clock or Clock()
    return make_ground(MemoryStore(), mint(clock), lambda _channel, _value: None, settings, clock)


def make_ground(
    store: Store,
    ids: IdMint,
    publish: Callable[[int, int], None],
    settings: DirectorySettings = CHEAP,
    clock: Callable[[], int] = now_ms,
) -> Ground:
    """What the parts of the directory stand on."""
    memory = Memory()
    return Ground(
        database=store.database,
        store=store,
        ids=ids,
        memory=memory,
        changes=Changes(store.database, memory, ids, publish, clock),
        settings=settings,
        now_ms=clock,
        random_bytes=lambda count: bytes(range(count)),
    )


async def fill(
    ground: Ground, tenants: Sequence[str] = (), accounts: Sequence[str] = (), *, tenant: int = 1
) -> None:
    """Add tenants, numbered from 2, and accounts of one tenant with their domains, numbered on."""

    async def work(tx: Transaction) -> None:
        for number, name in enumerate(tenants, 2):
            await tx.run(
                "INSERT INTO tenants (id, name, display, created_ms) VALUES (?1, ?2, ?2, 0)", number, name
            )
        for name in accounts:
            domain = name.partition("@")[2]
            row = await tx.row("SELECT id FROM domains WHERE name = ?1", domain)
            if row is None:
                row = await tx.row("SELECT count(*) + 1 FROM domains")
                assert row is not None
                await tx.run(
                    "INSERT INTO domains (id, tenant, name, created_ms) VALUES (?1, ?2, ?3, 0)",
                    row[0],
                    tenant,
                    domain,
                )
            count = await tx.row("SELECT count(*) + 1 FROM accounts")
            assert count is not None
            await tx.run(
                "INSERT INTO accounts (id, tenant, name, created_ms, domain) VALUES (?1, ?2, ?3, 0, ?4)",
                count[0], tenant, name, row[0],
            )  # fmt: skip

    await ground.database.write(work)


async def account_of(ground: Ground, name: str) -> AccountId:
    """The id of an account."""
    return AccountId(int((await ask(ground, "SELECT id FROM accounts WHERE name = ?1", name))[0][0]))


async def domain_of(ground: Ground, name: str) -> int:
    """The id of a domain."""
    return int((await ask(ground, "SELECT id FROM domains WHERE name = ?1", name))[0][0])


async def tenant_of(ground: Ground, name: str) -> TenantId:
    """The id of a tenant."""
    return TenantId(int((await ask(ground, "SELECT id FROM tenants WHERE name = ?1", name))[0][0]))


async def ask(ground: Ground, sql: str, *args: object) -> list[Row]:
    """Rows of the tables."""

    async def work(tx: Transaction) -> list[Row]:
        return await tx.rows(sql, *args)

    return await ground.database.read(work)


async def tell(ground: Ground, sql: str, *args: object) -> None:
    """Change rows behind everybody's back."""

    async def work(tx: Transaction) -> None:
        await tx.run(sql, *args)

    await ground.database.write(work)
