"""routing: aliases, groups, forwards, wildcards, alias domains, sub-addresses, roles, states."""

from collections.abc import Sequence

import pytest
import trio
from tests.support.directories import address

from pymailcore.base.address import Address
from pymailcore.base.errors import PermanentFailure
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.directory.errors import Loop
from pymailcore.directory.names import Pattern
from pymailcore.directory.routing import DomainFacts, Entry, resolve, worst
from pymailcore.directory.settings import DirectorySettings
from pymailcore.directory.types import LocalRecipient, Posting, Route

TENANT, OTHER = TenantId(1), TenantId(2)
SETTINGS = DirectorySettings()
HERE = DomainFacts(1, TENANT, "active", None, ())

To = int | str | Entry


def an_entry(to: To) -> Entry:
    """An int is an account, a str an address."""
    if isinstance(to, Entry):
        return to
    return Entry(AccountId(to), TENANT) if isinstance(to, int) else Entry(None, target=to)


def a_group(number: int, who: str = "everyone") -> Entry:
    return Entry(None, posting=Posting(number, TENANT, who))


class Tables:
    """`Lookups` over dicts."""

    def __init__(
        self,
        entries: dict[str, list[To]],
        domains: dict[str, DomainFacts] | None = None,
        members: dict[int, list[To]] | None = None,
    ) -> None:
        self._entries = entries
        self._domains = {"a.example": HERE} | (domains or {})
        self._members = members or {}

    async def domain(self, name: str) -> DomainFacts | None:
        return self._domains.get(name)

    async def entries(self, keys: Sequence[str]) -> dict[str, list[Entry]]:
        return {key: [an_entry(to) for to in self._entries[key]] for key in keys if self._entries.get(key)}

    async def members(self, groups: Sequence[int]) -> dict[int, list[Entry]]:
        return {group: [an_entry(to) for to in self._members.get(group, [])] for group in groups}

    async def administrators(self, tenant: TenantId, domain: str) -> list[Entry]:
        assert domain.endswith(".example")
        return [Entry(AccountId(99), tenant)]


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
    expected = Route((LocalRecipient(asked, AccountId(1), TENANT, None),), (), tenant=TENANT)
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
    chain: dict[str, list[To]] = {f"s{n}@a.example": [f"s{n + 1}@a.example"] for n in range(length)}
    chain[f"s{length}@a.example"] = [1]
    if length <= SETTINGS.alias_depth_count:
        assert accounts(run("s0@a.example", Tables(chain))) == [1]
    else:
        with pytest.raises(Loop):
            run("s0@a.example", Tables(chain))


@pytest.mark.parametrize("width", [999, 1_000, 1_001])
def test_an_address_may_stand_for_as_many_as_the_limit(width: int) -> None:
    tables = Tables({"all@a.example": [a_group(7)]}, members={7: list(range(1, width + 1))})
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
        ("crew+x@a.example", "x"),
    ],
)
def test_a_sub_address_is_the_address_with_a_detail(asked: str, detail: str) -> None:
    """RFC 5233 section 1."""
    tables = Tables(
        {"ann@a.example": [1], "team@a.example": ["ann@a.example"], "crew@a.example": [a_group(7)]},
        members={7: [1]},
    )
    expected = Route((LocalRecipient(address(asked), AccountId(1), TENANT, detail),), (), tenant=TENANT)
    assert run(asked, tables) == expected


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


def test_a_role_with_an_address_of_its_own_goes_there_and_comes_before_a_catch_all() -> None:
    assert accounts(run("postmaster@a.example", Tables({"postmaster@a.example": [5]}))) == [5]
    catching = HERE._replace(wildcards=(Pattern("", "", "a.example"),))
    tables = Tables({"*@a.example": [6]}, {"a.example": catching})
    assert accounts(run("postmaster@a.example", tables)) == [99]
    assert accounts(run("anybody@a.example", tables)) == [6]


@pytest.mark.parametrize(
    "text", ["ann%b.example@a.example", "b.example!ann@a.example", '"ann@b.example"@a.example']
)
def test_nothing_is_rewritten(text: str) -> None:
    """RFC 5321 section 2.3.11: the local part is for its own domain to understand."""
    assert run(text, Tables({"ann@a.example": [1]})) is None


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("sales-eu-big@a.example", 3),
        ("SALES-eu@a.example", 2),
        ("sales-@a.example", 2),
        ("other@a.example", 4),
        ("sales-eu+x@a.example", 2),
        ("ann+x@a.example", 1),
    ],
)
def test_of_wildcards_the_one_that_says_most_takes_what_nobody_has(asked: str, found: int) -> None:
    patterns = [Pattern("", "", "a.example"), Pattern("sales-", "", "a.example")]
    patterns.append(Pattern("sales-", "-big", "a.example"))
    facts = HERE._replace(wildcards=tuple(sorted(patterns, key=lambda one: one.rank)))
    tables = Tables(
        {
            "sales-*-big@a.example": [3],
            "sales-*@a.example": [2],
            "*@a.example": [4],
            "ann@a.example": [1],
        },
        {"a.example": facts},
    )
    assert accounts(run(asked, tables)) == [found]


def test_an_alias_domain_has_the_addresses_of_the_other_one_and_its_own_first() -> None:
    domains = {
        "a.example": HERE._replace(wildcards=(Pattern("x-", "", "a.example"),)),
        "alias.example": HERE._replace(alias_of="a.example"),
    }
    tables = Tables(
        {"ann@a.example": [1], "ben@a.example": [2], "ben@alias.example": [3], "x-*@a.example": [4]}, domains
    )
    assert accounts(run("ann+d@alias.example", tables)) == [1]
    assert accounts(run("ben@alias.example", tables)) == [3]
    assert accounts(run("x-1@alias.example", tables)) == [4]
    assert accounts(run("postmaster@alias.example", tables)) == [99]
    assert run("nobody@alias.example", tables) is None


def forwarding(account: int, *targets: str, keeps: bool, state: str = "active") -> Entry:
    return Entry(AccountId(account), TENANT, forwards=targets, keeps=keeps, state=state)


def test_an_account_forwards_with_and_without_a_copy() -> None:
    tables = Tables(
        {
            "ann@a.example": [forwarding(1, "far@b.example", "ben@a.example", keeps=True)],
            "ben@a.example": [forwarding(2, "away@b.example", keeps=False)],
        }
    )
    route = run("ann@a.example", tables)
    assert accounts(route) == [1]
    assert route is not None
    assert [str(one) for one in route.remote] == ["far@b.example", "away@b.example"]


@pytest.mark.parametrize(
    ("ben", "expected"),
    [
        (forwarding(2, "ann@a.example", keeps=False), [1, 2]),
        (forwarding(2, "nobody@a.example", keeps=False), [1, 2]),
        (forwarding(2, "ann@a.example", keeps=True), [2]),
    ],
)
def test_forwards_that_lead_to_nobody_leave_a_copy(ben: Entry, expected: list[int]) -> None:
    tables = Tables({"ann@a.example": [forwarding(1, "ben@a.example", keeps=False)], "ben@a.example": [ben]})
    assert sorted(accounts(run("ann@a.example", tables))) == expected


def test_a_forward_does_not_open_a_closed_group() -> None:
    entry = forwarding(1, "staff@a.example", keeps=False)
    tables = Tables({"ann@a.example": [entry], "staff@a.example": [a_group(7, "members")]}, members={7: [2]})
    assert accounts(run("ann@a.example", tables)) == [1]


def test_the_groups_that_one_writes_to_are_named_and_those_in_them_are_not() -> None:
    tables = Tables(
        {
            "alias@a.example": ["staff@a.example"],
            "staff@a.example": [a_group(7, "members")],
            "inner@a.example": [a_group(8, "tenant")],
        },
        members={7: ["inner@a.example", 1], 8: [2, "staff@a.example"]},
    )
    route = run("alias@a.example", tables)
    assert sorted(accounts(route)) == [1, 2]
    assert route is not None
    assert route.postings == (Posting(7, TENANT, "members"),)


@pytest.mark.parametrize("state", ["suspended", "closing"])
def test_a_state_is_said_when_nobody_else_gets_the_mail(state: str) -> None:
    held = Entry(AccountId(1), TENANT, state=state, forwards=("far@b.example",))
    tables = Tables(
        {"ann@a.example": [held], "all@a.example": [held, 2]},
        {"shut.example": HERE._replace(state=state)},
    )
    assert run("ann@a.example", tables) == Route((), (), state, tenant=TENANT)
    assert run("any@shut.example", tables) == Route((), (), state, tenant=TENANT)
    assert sorted(accounts(run("all@a.example", tables))) == ([1, 2] if state == "suspended" else [2])


def test_what_is_in_another_tenants_domain_is_elsewhere() -> None:
    tables = Tables(
        {"x@a.example": ["y@t.example"], "y@t.example": [5]},
        {"t.example": DomainFacts(2, OTHER, "active", None, ())},
    )
    assert run("x@a.example", tables) == Route((), (Address("y", "t.example"),), tenant=TENANT)
    route = run("y@t.example", tables)
    assert route is not None
    assert (accounts(route), route.tenant) == ([5], OTHER)


def test_of_states_the_worst_counts() -> None:
    assert worst("active", None, "suspended") == "suspended"
    assert worst("closing", "suspended") == "closing"
    assert worst(None) == "active"
