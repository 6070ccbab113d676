"""routing: aliases, sub-addresses and roles."""

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from tests.support.directories import address

from pymailcore.base.address import Address
from pymailcore.base.errors import PermanentFailure
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.directory.errors import Loop
from pymailcore.directory.routing import Entry, resolve
from pymailcore.directory.settings import DirectorySettings
from pymailcore.directory.types import LocalRecipient, Route

TENANT = TenantId(1)
SETTINGS = DirectorySettings()


class Tables:
    """`Lookups` over a dict: an int is an account, a str an address."""

    def __init__(
        self, entries: dict[str, list[int | str]], domains: tuple[str, ...] = ("a.example",)
    ) -> None:
        self._entries = entries
        self._domains = domains

    async def tenant_of(self, domain: str) -> TenantId | None:
        return TENANT if domain in self._domains else None

    async def entries(self, key: str) -> list[Entry]:
        return [
            Entry(AccountId(to), TENANT, None) if isinstance(to, int) else Entry(None, None, to)
            for to in self._entries.get(key, [])
        ]

    async def administrators(self, tenant: TenantId) -> list[Entry]:
        return [Entry(AccountId(99), tenant, None)]


def run(text: str, tables: Tables, settings: DirectorySettings = SETTINGS) -> Route | None:
    return trio.run(resolve, address(text), tables, settings)


def accounts(route: Route | None) -> list[int]:
    assert route is not None
    return [recipient.account for recipient in route.local]


def test_an_address_elsewhere_is_its_own_route() -> None:
    assert run("x@b.example", Tables({})) == Route((), (Address("x", "b.example"),))


def test_an_address_here_that_nobody_has_has_no_route() -> None:
    assert run("x@a.example", Tables({})) is None


def test_an_account_is_found_in_any_case_with_the_address_as_asked_for() -> None:
    asked = address("Ann@A.example")
    expected = Route((LocalRecipient(asked, AccountId(1), TENANT, None),), ())
    assert run("Ann@A.example", Tables({"ann@a.example": [1]})) == expected


def test_aliases_lead_to_accounts_and_elsewhere_each_once() -> None:
    """RFC 5321 section 3.9.1."""
    tables = Tables(
        {
            "team@a.example": ["ann@a.example", "ben@a.example", "all@a.example", "far@b.example"],
            "all@a.example": ["ben@a.example", "far@b.example"],
            "ann@a.example": [1],
            "ben@a.example": [2],
        }
    )
    route = run("team@a.example", tables)
    assert accounts(route) == [1, 2]
    assert route is not None
    assert route.remote == (Address("far", "b.example"),)


def test_a_cycle_ends_and_the_rest_is_delivered() -> None:
    tables = Tables({"a@a.example": ["b@a.example", 1], "b@a.example": ["a@a.example"]})
    assert accounts(run("a@a.example", tables)) == [1]
    assert accounts(run("b@a.example", tables)) == [1]


def test_a_cycle_without_an_account_is_nobody() -> None:
    tables = Tables({"a@a.example": ["b@a.example"], "b@a.example": ["a@a.example"]})
    assert run("a@a.example", tables) is None


@pytest.mark.parametrize("length", [9, 10, 11])
def test_chains_are_followed_to_the_limit_and_no_further(length: int) -> None:
    chain: dict[str, list[int | str]] = {f"s{n}@a.example": [f"s{n + 1}@a.example"] for n in range(length)}
    chain[f"s{length}@a.example"] = [1]
    if length <= SETTINGS.alias_depth_count:
        assert accounts(run("s0@a.example", Tables(chain))) == [1]
    else:
        with pytest.raises(Loop):
            run("s0@a.example", Tables(chain))


@pytest.mark.parametrize("width", [999, 1_000, 1_001])
def test_an_address_may_stand_for_as_many_as_the_limit(width: int) -> None:
    tables = Tables({"all@a.example": list(range(1, width + 1))})
    if width <= SETTINGS.alias_width_count:
        assert len(accounts(run("all@a.example", tables))) == width
    else:
        with pytest.raises(PermanentFailure):
            run("all@a.example", tables)


@pytest.mark.parametrize(
    ("asked", "detail"),
    [
        ("ann+lists@a.example", "lists"),
        ("ann+a+b@a.example", "a+b"),
        ("ann+@a.example", ""),
        ("team+x@a.example", "x"),
    ],
)
def test_a_sub_address_is_the_address_with_a_detail(asked: str, detail: str) -> None:
    """RFC 5233 section 1."""
    route = run(asked, Tables({"ann@a.example": [1], "team@a.example": ["ann@a.example"]}))
    assert route == Route((LocalRecipient(address(asked), AccountId(1), TENANT, detail),), ())


def test_an_address_that_has_a_plus_itself_comes_before_the_sub_address() -> None:
    route = run("ann+x@a.example", Tables({"ann@a.example": [1], "ann+x@a.example": [2]}))
    assert accounts(route) == [2]


def test_a_separator_in_front_is_no_separator() -> None:
    assert run("+x@a.example", Tables({"@a.example": [1]})) is None


def test_sub_addresses_can_be_turned_off() -> None:
    assert (
        run("ann+x@a.example", Tables({"ann@a.example": [1]}), DirectorySettings(sub_address_separator=""))
        is None
    )


@pytest.mark.parametrize("role", ["postmaster", "Postmaster", "abuse", "POSTMASTER+x"])
def test_roles_of_each_domain_go_to_the_administrators(role: str) -> None:
    """RFC 5321 section 4.5.1, RFC 2142 section 4."""
    assert accounts(run(f"{role}@a.example", Tables({}))) == [99]


def test_a_role_with_an_address_of_its_own_goes_there() -> None:
    assert accounts(run("postmaster@a.example", Tables({"postmaster@a.example": [5]}))) == [5]


@pytest.mark.parametrize(
    "text", ["ann%b.example@a.example", "b.example!ann@a.example", '"ann@b.example"@a.example']
)
def test_nothing_is_rewritten(text: str) -> None:
    """RFC 5321 section 2.3.11: the local part is for its own domain to understand."""
    assert run(text, Tables({"ann@a.example": [1]})) is None


NAMES = st.integers(0, 7)
GRAPHS = st.dictionaries(NAMES, st.lists(st.one_of(NAMES, st.integers(100, 105)), max_size=5), max_size=8)


@given(graph=GRAPHS, start=NAMES)
def test_any_graph_of_aliases_ends_at_what_can_be_reached(graph: dict[int, list[int]], start: int) -> None:
    """A number below 100 is an alias, one above an account; the oracle walks the graph."""
    entries: dict[str, list[int | str]] = {
        f"n{name}@a.example": [to if to >= 100 else f"n{to}@a.example" for to in targets]
        for name, targets in graph.items()
    }
    reached, found, todo = {start}, set[int](), [start]
    while todo:
        for to in graph.get(todo.pop(), []):
            if to >= 100:
                found.add(to)
            elif to not in reached:
                reached.add(to)
                todo.append(to)
    route = run(f"n{start}@a.example", Tables(entries))
    assert (set(accounts(route)) if route else set()) == found
