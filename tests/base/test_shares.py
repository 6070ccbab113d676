"""shares: who had the last place the longest ago is next (the exact order: test_turns, test_fair_places)."""

from pymailcore.base.shares import LATELY, Shares


def test_fewest_places_first_and_then_the_longest_ago() -> None:
    shares = Shares()
    for tenant in (1, 1, 2, 3):
        shares.begin(tenant, tenant * 10)
    shares.end(1, 10)
    assert shares.next_tenant([1, 2, 3], 9) == 1  # all have one
    shares.end(3, 30)
    assert shares.next_tenant([1, 2, 3], 9) == 3
    assert shares.next_tenant([1, 2, 4, 3], 9) == 4  # who never had one
    assert shares.next_flow([10, 20, 30], 9) == 30


def test_who_has_as_many_as_one_may_have_is_left_out() -> None:
    shares = Shares()
    shares.begin(1, 10)
    assert (shares.next_tenant([1], 1), shares.next_flow([10], 1)) == (None, None)
    assert (shares.next_tenant([1], 2), shares.next_flow([10, 11], 1)) == (1, 11)
    assert shares.next_tenant([], 1) is None


def test_a_plan_changes_nothing() -> None:
    shares = Shares()
    shares.begin(1, 10)
    planned = shares.copy()
    planned.begin(2, 20)
    planned.end(1, 10)
    assert (shares.tenants, shares.flows, shares.count) == ({1: 1}, {10: 1}, 1)


def test_what_is_remembered_has_an_end() -> None:
    shares = Shares()
    for number in range(12_000):
        shares.begin(number, number)
        shares.end(number, number)
    assert (len(shares.served_tenants), len(shares.served_flows)) == (10_000, 10_000)
    assert (shares.flows, shares.tenants) == ({}, {})


def test_several_are_those_who_had_places_lately() -> None:
    """The server itself is no tenant that places are left for."""
    shares = Shares()
    for tenant in (1, 0, 1):
        shares.begin(tenant, tenant)
    assert (shares.several_now(), shares.several_lately()) == (False, False)
    shares.begin(2, 2)
    assert (shares.several_now(), shares.several_lately()) == (True, True)
    shares.end(2, 2)
    for _ in range(LATELY):
        assert shares.several_lately()
        shares.begin(1, 1)
    assert (shares.several_now(), shares.several_lately()) == (False, False)
