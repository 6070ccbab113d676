"""routes: out of the tables of both engines, against a plain model, and remembered by several processes."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from tests.support.directory_graphs import ACCOUNTS, GROUPS, STARTS, WILD, Graph, To, graphs
from tests.support.directory_parts import ALL, ROOT, Parts, address, make_ground, opened_parts
from tests.support.stores import EnginePlace, counted_ids, small_settings

from pymailcore.base.address import Address
from pymailcore.base.errors import NotFound
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.directory.changes import Change
from pymailcore.directory.names import Pattern
from pymailcore.directory.routing import DomainFacts, Entry, resolve
from pymailcore.directory.settings import DirectorySettings
from pymailcore.directory.types import Posting, Route
from pymailcore.runtime.hub import ChangeHub
from pymailcore.store.opening import open_store
from pymailcore.store.types import Transaction

DEEP = DirectorySettings(alias_depth_count=50)
TENANT = TenantId(1)


class ModelTables:
    """`routing.Lookups` over a graph, in a.example; b.example is its alias."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        patterns = [Pattern(form.rstrip("*"), "", "a.example") for form in WILD if graph.aliases.get(form)]
        facts = DomainFacts(1, TENANT, "active", None, tuple(sorted(patterns, key=lambda one: one.rank)))
        self._domains = {"a.example": facts, "b.example": DomainFacts(1, TENANT, "active", "a.example", ())}

    def _entry(self, to: To) -> Entry:
        if isinstance(to, int):
            forwards = tuple(text_of(one) for one in self._graph.forwards.get(to, []))
            keeps = not forwards or self._graph.keeps[to]
            return Entry(AccountId(to + 1), TENANT, forwards=forwards, keeps=keeps)
        return Entry(None, target=text_of(to))

    async def domain(self, name: str) -> DomainFacts | None:
        return self._domains.get(name)

    async def entries(self, keys: Sequence[str]) -> dict[str, list[Entry]]:
        found = {}
        for key in keys:
            name, _, domain = key.partition("@")
            if domain != "a.example":
                continue
            if name in GROUPS:
                number = GROUPS.index(name) + 1
                found[key] = [Entry(None, posting=Posting(number, TENANT, "everyone"))]
            elif name in self._graph.aliases or name.startswith("a"):
                found[key] = [
                    self._entry(to)
                    for to in (self._graph.aliases.get(name) or self._graph.entries(name) or [])
                    if name.startswith("a") or self._graph.aliases.get(name)
                ]
        return {key: some for key, some in found.items() if some}

    async def members(self, groups: Sequence[int]) -> dict[int, list[Entry]]:
        return {
            number: [self._entry(to) for to in self._graph.groups[GROUPS[number - 1]]] for number in groups
        }

    async def administrators(self, tenant: TenantId, domain: str) -> list[Entry]:
        raise AssertionError((tenant, domain))


def text_of(to: To, domain: str = "a.example") -> str:
    """A target as an address."""
    if isinstance(to, int):
        return f"a{to}@{domain}"
    return f"{to}@{'b.elsewhere' if to.startswith('far') else domain}"


@given(graph=graphs(), start=STARTS)
@settings(max_examples=400, deadline=None)
def test_routes_reach_whom_the_plain_model_reaches(graph: Graph, start: str) -> None:
    """Aliases, groups, wildcards, alias domains and forwards with and without a copy, in any circle."""
    local, remote = graph.reached(start)
    for domain in ("a.example", "b.example"):
        route = trio.run(resolve, Address(start, domain), ModelTables(graph), DEEP)
        if route is None:
            assert not local
            assert not remote
        else:
            assert {one.account - 1 for one in route.local} == local
            assert {str(one) for one in route.remote} == {text_of(one) for one in remote}


async def put(tx: Transaction, graph: Graph, number: int) -> None:
    """Write a graph into the tables, in a domain of its own that has an alias domain."""
    domain, base = f"d{number}.example", number * 100

    def target(to: To) -> tuple[int | None, str | None]:
        return (base + to, None) if isinstance(to, int) else (None, text_of(to, domain))

    await tx.run_many(
        "INSERT INTO domains (id, tenant, name, created_ms, alias_of) VALUES (?1, 1, ?2, 0, ?3)",
        [(base, domain, None), (base + 1, f"also-{domain}", base)],
    )
    accounts = [(base + one, text_of(one, domain), base) for one in ACCOUNTS]
    await tx.run_many(
        "INSERT INTO accounts (id, tenant, name, created_ms, domain) VALUES (?1, 1, ?2, 0, ?3)", accounts
    )
    groups = [(base + 10 + place, text_of(name, domain), base) for place, name in enumerate(GROUPS)]
    await tx.run_many(
        "INSERT INTO groups (id, tenant, domain, name, display, created_ms) VALUES (?1, 1, ?3, ?2, ?2, 0)",
        groups,
    )
    addresses: list[tuple[object, ...]] = [
        (name, one, None, "primary", base, None) for one, name, _ in accounts
    ]
    addresses += [(name, None, None, "group", base, one) for one, name, _ in groups]
    for name, targets in graph.aliases.items():
        kind = "wildcard" if "*" in name else "alias"
        addresses += [(text_of(name, domain), *target(to), kind, base, None) for to in targets]
    await tx.run_many(
        "INSERT INTO addresses (address, target_account, target_address, kind, display, created_ms, domain,"
        " group_id) VALUES (?1, ?2, ?3, ?4, ?1, 0, ?5, ?6)",
        addresses,
    )
    await tx.run_many(
        "INSERT INTO group_members (group_id, address, display, account, created_ms)"
        " VALUES (?1, ?2, ?2, ?3, 0) ON CONFLICT DO NOTHING",
        [
            (base + 10 + place, text_of(to, domain), target(to)[0])
            for place, name in enumerate(GROUPS)
            for to in graph.groups[name]
        ],
    )
    await tx.run_many(
        "INSERT INTO forwards (account, target, keep_copy, created_ms) VALUES (?1, ?2, ?3, 0)"
        " ON CONFLICT DO NOTHING",
        [
            (base + one, text_of(to, domain), int(graph.keeps[one]))
            for one, targets in graph.forwards.items()
            for to in targets
        ],
    )


def test_tables_give_what_the_plain_model_gives(tmp_path: Path, store_settings: EnginePlace) -> None:
    """The same over the tables: each directory in a domain of its own, asked in any case, with a detail."""
    count = 0

    async def compare(graph: Graph, start: str, parts: Parts) -> None:
        nonlocal count
        count += 1
        await parts.store.database.write(lambda tx: put(tx, graph, count))
        local, remote = graph.reached(start)
        for asked in (f"{start}@d{count}.example", f"{start.upper()}+x@also-d{count}.example"):
            try:
                route = await parts.route(asked)
            except NotFound:
                route = Route((), ())
            assert {one.account - count * 100 for one in route.local} == local
            assert {str(one) for one in route.remote} == {text_of(one) for one in remote}

    async def main() -> None:
        async with opened_parts(tmp_path, store_settings, directory=DEEP) as parts:
            token = trio.lowlevel.current_trio_token()

            @given(graph=graphs(), start=STARTS)
            @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
            def examples(graph: Graph, start: str) -> None:
                trio.from_thread.run(compare, graph, start, parts, trio_token=token)

            await trio.to_thread.run_sync(examples)

    trio.run(main)


async def test_a_change_is_seen_at_once_by_another_process_and_only_what_it_touched_is_forgotten(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    hub = ChangeHub()
    async with (
        opened_parts(tmp_path, store_settings) as one,
        open_store(
            small_settings(tmp_path, **store_settings),
            notify=lambda *_: None,
            ids=counted_ids(2),
            maintain=False,
        ) as store,
    ):
        two = Parts(store, make_ground(store, counted_ids(3), hub.publish))

        async def told() -> None:
            """Hand what the first process said to the second, as the hub does."""
            with hub.follow_directory() as watch:
                for channel, value in one.notices:
                    if channel < 0:
                        hub.receive(channel, value)
                one.notices.clear()
                tags = await watch.changed()
            assert tags is not None
            two.ground.memory.touch(tags)

        await one.account("ann@a.example")
        await one.account("ben@a.example")
        await told()
        await two.route("ben@a.example")
        with pytest.raises(NotFound):
            await two.route("team@a.example")
        await one.addresses.add(ROOT, address("team@a.example"), address("ann@a.example"))
        with pytest.raises(NotFound):
            await two.route("team@a.example")
        await told()
        assert len((await two.route("team@a.example")).local) == 1
        assert two.routes._routes.peek(address("ben@a.example")) is not None
        await one.groups.add(ROOT, address("all@a.example"))
        await one.groups.add_member(ROOT, address("all@a.example"), address("team@a.example"))
        await told()
        assert len((await two.route("all@a.example")).local) == 1
        await one.addresses.remove(ROOT, address("team@a.example"))
        await told()
        with pytest.raises(NotFound):  # two steps away from what was changed
            await two.route("all@a.example")
        await one.domains.set(ROOT, "a.example", state="suspended")
        await told()
        assert (await two.route("ben@a.example")).state == "suspended"
        assert await two.accounts.page(ALL, domain="a.example")


async def test_postmaster_is_who_administers_the_tenant_else_the_operators(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    """RFC 5321 section 4.5.1, RFC 2142 sections 4 and 5."""
    async with opened_parts(tmp_path, store_settings) as parts:
        root = await parts.account("root@a.example")
        tenant = (await parts.tenants.add(ROOT, "blue")).id
        await parts.domains.add(ROOT, "blue.example", tenant=tenant)
        ann = await parts.account("ann@blue.example")
        await grant(parts, root.id, "operator", "installation", 0)
        assert await parts.reached("postmaster@a.example") == (["root@a.example"], [])
        assert await parts.reached("ABUSE@blue.example") == (["root@a.example"], [])
        await grant(parts, ann.id, "tenant-admin", "tenant", tenant)
        assert await parts.reached("abuse@blue.example") == (["ann@blue.example"], [])


async def grant(parts: Parts, account: int, role: str, scope: str, number: int) -> None:
    """A role, as `roles.Roles` gives one."""

    async def work(tx: Transaction, change: Change) -> None:
        await tx.run(
            "INSERT INTO role_grants (account, role, scope, scope_id, created_ms) VALUES (?1, ?2, ?3, ?4, 0)",
            account,
            role,
            scope,
            number,
        )
        change.touch("roles", number)

    await parts.ground.changes.run(None, work)
