"""What looking an address up costs, a page of accounts, and making many accounts.

python -m benchmarks.directory_lookup [--addresses 1000000] [--accounts 100000] [--new 10000] [--postgresql]

Goals (issue 6): a route 20 µs when it is remembered and 300 µs when it is not; the first page of 100,000
accounts 100 ms.
"""

import argparse
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from tests.support.directory_parts import ALL, ROOT, Parts, make_ground
from tests.support.postgres import cluster

from benchmarks.store_support import command_line, opened, start, timed
from pymailcore.base.address import Address
from pymailcore.base.errors import NotFound
from pymailcore.directory.account_making import NewAccount, Outcome
from pymailcore.directory.credentials import Secret
from pymailcore.directory.permissions import View
from pymailcore.store.store import Store
from pymailcore.store.types import Transaction

BATCH: Final = 20_000
DOMAINS: Final = 1_000
ASKED: Final = 3_000

Row = tuple[object, ...]


def _domain(number: int) -> str:
    return f"d{number % DOMAINS}.example"


def _accounts(count: int) -> Iterator[Row]:
    for number in range(count):
        yield (number + 1_000, 1, f"user{number}@{_domain(number)}", 0, number % DOMAINS + 1)


def _addresses(accounts: int, count: int) -> Iterator[Row]:
    """The first address of each account, and aliases of them up to a count."""
    for number in range(count):
        name = f"user{number}" if number < accounts else f"alias.{number}"
        address = f"{name}@{_domain(number)}"
        kind = "primary" if number < accounts else "alias"
        yield (address, number % accounts + 1_000, kind, address, 0, number % DOMAINS + 1)


async def _load(store: Store, table: str, columns: tuple[str, ...], rows: Iterator[Row]) -> None:
    while batch := list(islice(rows, BATCH)):

        async def work(tx: Transaction, batch: list[Row] = batch) -> None:
            await tx.load(table, columns, batch)

        await store.database.write(work)


async def _fill(store: Store, accounts: int, addresses: int) -> None:
    begun = time.perf_counter()
    domains = ((number + 1, 1, _domain(number), 0) for number in range(DOMAINS))
    await _load(store, "domains", ("id", "tenant", "name", "created_ms"), domains)
    await _load(store, "accounts", ("id", "tenant", "name", "created_ms", "domain"), _accounts(accounts))
    columns = ("address", "target_account", "kind", "display", "created_ms", "domain")
    await _load(store, "addresses", columns, _addresses(accounts, addresses))
    print(f"filled with {addresses} addresses, {accounts} accounts in {time.perf_counter() - begun:.0f} s")


async def _each(name: str, asked: list[Address], one: Callable[[Address], Awaitable[object]]) -> None:
    """Ask one after the other; print what one takes."""
    took = []
    for address in asked:
        begun = time.perf_counter()
        with contextlib.suppress(NotFound):
            await one(address)
        took.append((time.perf_counter() - begun) * 1e6)
    took.sort()
    mean, half, most = sum(took) / len(took), took[len(took) // 2], took[len(took) * 99 // 100]
    print(f"{name:46s} mean {mean:8.1f} µs, p50 {half:8.1f}, p99 {most:8.1f}", flush=True)


async def _look_up(parts: Parts, accounts: int, addresses: int) -> None:
    chance = random.Random(7)
    numbers = chance.sample(range(accounts, addresses), ASKED)
    known = [Address(f"alias.{number}", _domain(number)) for number in numbers]
    unknown = [Address(f"nobody.{number}", _domain(number)) for number in numbers]
    route = parts.routes.route
    await _each("domain and address for the first time", known[:DOMAINS], route)
    for number in range(DOMAINS):
        await parts.routes.domain(_domain(number))
    await _each("address for the first time", known[DOMAINS:], route)
    await _each("address that is remembered", known[-200:], route)
    await _each("unknown address for the first time", unknown, route)
    await _each("unknown address that is remembered", unknown[-200:], route)


async def _list(parts: Parts) -> None:
    own = View(everything=False, tenants=frozenset({1}), domains=frozenset())
    page = parts.accounts.page
    await timed("first page of 1,000 accounts", lambda: page(ALL))
    await timed("page from the middle", lambda: page(ALL, after="user5"))
    await timed("first page of a tenant", lambda: page(own))
    await timed("accounts of a domain", lambda: page(ALL, domain=_domain(7)))
    await timed("accounts with a prefix", lambda: page(ALL, prefix="user123"))


async def _make(parts: Parts, count: int) -> None:
    entries = [
        NewAccount(Address(f"new{number}", _domain(number)), Secret("x" * 90), f"New {number}")
        for number in range(count)
    ]
    slices: list[float] = []
    begun = time.perf_counter()

    def progress(_: object) -> None:
        slices.append(time.perf_counter())

    done: list[Outcome] = await parts.accounts.add_many(ROOT, entries, progress=progress)
    took = time.perf_counter() - begun
    assert all(one.account is not None for one in done)
    longest = max(after - before for before, after in zip([begun, *slices], slices, strict=False))
    print(
        f"{count} accounts made in {took:.1f} s, {count / took:.0f}/s; longest slice {longest * 1000:.0f} ms"
    )


async def _main(given: argparse.Namespace, place: Path) -> None:
    metadata = cluster().url(cluster().new_database()) if given.postgresql else ""
    async with opened(place, accounts=0, maintain=False, metadata=metadata) as store:
        parts = Parts(store, make_ground(store, store.engine.ids, lambda *_: None))
        await _fill(store, given.accounts, given.addresses)
        if given.postgresql:
            cluster().ask("ANALYZE", metadata.rpartition("/")[2].partition("?")[0])
        await _look_up(parts, given.accounts, given.addresses)
        await _list(parts)
        if given.new:
            await _make(parts, given.new)


if __name__ == "__main__":
    parser = command_line(__doc__)
    parser.add_argument("--addresses", type=int, default=1_000_000)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--new", type=int, default=10_000, help="accounts that are made at the end")
    parser.add_argument("--postgresql", action="store_true", help="on a PostgreSQL of its own, in memory")
    start(parser, _main)
