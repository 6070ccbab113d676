"""permissions: a grant reaches its scope and nothing else; built-in roles are nested as they are told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.base.ids import AccountId, TenantId
from pymailcore.directory.permissions import (
    BUILT_IN,
    DOMAIN_ADMIN,
    INSTALLATION,
    OPERATOR,
    SUPPORT,
    TENANT_ADMIN,
    USER,
    Grant,
    Permission,
    Scope,
    Subject,
    View,
    allows,
    covers,
    lacking,
    sees,
    view,
)

ANN = Subject(TenantId(1), 10, AccountId(100))

SCOPES = st.one_of(
    st.just(INSTALLATION),
    st.builds(Scope, st.sampled_from(["tenant", "domain", "account"]), st.integers(0, 3)),
)
SETS = st.frozensets(st.sampled_from(list(Permission)))
GRANTS = st.lists(st.builds(Grant, st.just("x"), SETS, SCOPES), max_size=4)
SUBJECTS = st.builds(
    Subject,
    st.none() | st.builds(TenantId, st.integers(0, 3)),
    st.none() | st.integers(0, 3),
    st.none() | st.builds(AccountId, st.integers(0, 3)),
)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (INSTALLATION, True),
        (Scope.tenant(TenantId(1)), True),
        (Scope.tenant(TenantId(10)), False),
        (Scope.domain(10), True),
        (Scope.domain(1), False),
        (Scope.account(AccountId(100)), True),
        (Scope.account(AccountId(10)), False),
        (Scope("something", 100), False),
    ],
)
def test_a_scope_reaches_what_it_names(scope: Scope, expected: bool) -> None:
    assert covers(scope, ANN) is expected


@pytest.mark.parametrize("kind", ["tenant", "domain", "account"])
def test_no_number_reaches_nothing(kind: str) -> None:
    """0 and None stand in rows for "of no tenant", "of no domain"."""
    assert not covers(Scope(kind, 0), Subject(TenantId(0), 0, AccountId(0)))
    assert not covers(Scope(kind, 0), Subject())


def test_roles_are_nested() -> None:
    assert BUILT_IN[SUPPORT] < BUILT_IN[DOMAIN_ADMIN] | {Permission.TENANT_READ}
    assert BUILT_IN[DOMAIN_ADMIN] < BUILT_IN[TENANT_ADMIN] < BUILT_IN[OPERATOR]
    assert BUILT_IN[OPERATOR] | BUILT_IN[USER] == frozenset(Permission)
    assert BUILT_IN[USER].isdisjoint(BUILT_IN[OPERATOR])


@given(GRANTS, SUBJECTS, st.sampled_from(list(Permission)))
def test_what_is_allowed_is_seen_and_listed(
    grants: list[Grant], subject: Subject, permission: Permission
) -> None:
    allowed = allows(grants, permission, subject)
    assert not allowed or sees(grants, subject)
    shown = view(grants, permission)
    listed = shown.everything or subject.tenant in shown.tenants or subject.domain in shown.domains
    if subject.account is None:
        assert allowed is listed
    assert allowed or not listed


@given(GRANTS, SUBJECTS, SETS)
def test_nobody_hands_on_what_he_lacks(
    grants: list[Grant], subject: Subject, wanted: frozenset[Permission]
) -> None:
    """T9: the hand-on rule is "each permission is allowed there", and nothing weaker."""
    missing = lacking(grants, wanted, subject)
    assert (missing is None) is all(allows(grants, one, subject) for one in wanted)
    assert missing is None or (missing in wanted and not allows(grants, missing, subject))


@given(GRANTS, st.lists(st.tuples(SETS, SCOPES), max_size=6), SUBJECTS, st.sampled_from(list(Permission)))
def test_handing_on_in_chains_reaches_nothing_new(
    grants: list[Grant],
    chain: list[tuple[frozenset[Permission], Scope]],
    subject: Subject,
    permission: Permission,
) -> None:
    """T9: what somebody hands on, and whoever hands that on, allows nothing that he had not himself."""
    held = list(grants)
    for permissions, scope in chain:
        reach = Subject(
            TenantId(scope.id) if scope.kind == "tenant" else None,
            scope.id if scope.kind == "domain" else None,
            AccountId(scope.id) if scope.kind == "account" else None,
        )
        if lacking(held, permissions, reach) is None:
            held.append(Grant("handed on", permissions, scope))
    if allows(held, permission, subject):
        reachable = [
            Subject(subject.tenant),
            Subject(domain=subject.domain),
            Subject(account=subject.account),
        ]
        assert allows(grants, permission, subject) or any(
            allows(grants, permission, one) for one in reachable
        )


def test_a_view_is_of_one_permission() -> None:
    grants = (
        Grant("a", frozenset({Permission.ACCOUNT_READ}), Scope.tenant(TenantId(7))),
        Grant("b", frozenset({Permission.DOMAIN_READ}), INSTALLATION),
        Grant("c", frozenset({Permission.ACCOUNT_READ}), Scope.domain(9)),
    )
    assert view(grants, Permission.ACCOUNT_READ) == View(False, frozenset({7}), frozenset({9}))
    assert view(grants, Permission.DOMAIN_READ).everything
    assert view(grants, Permission.AUDIT_READ) == View(False, frozenset(), frozenset())
