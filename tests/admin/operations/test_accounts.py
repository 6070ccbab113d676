"""accounts: who has mail here."""

import bcrypt
import pytest
from tests.support.administration import Installation

from pymailcore.base.address import Address
from pymailcore.base.errors import AlreadyExists, InvalidValue, NotFound
from pymailcore.base.ids import ACCOUNT, decode_id

EVE = "eve@a.example"


async def test_an_account_comes_changes_and_goes(it: Installation) -> None:
    added = await it.do(
        "account.add", account=" Eve@a.example ", password="correct horse", full_name="Eve E."
    )
    assert (added["name"], added["address"], added["full_name"]) == (EVE, "Eve@a.example", "Eve E.")
    assert (
        decode_id(ACCOUNT, str(added["id"]))
        == (await it.directory.accounts.get(Address("eve", "a.example"))).id
    )
    changed = await it.do("account.set", account=EVE, state="suspended", reason="on leave", send_blocked=True)
    assert (changed["state"], changed["reason"], changed["send_blocked"]) == ("suspended", "on leave", True)
    renamed = await it.do("account.rename", account=EVE, to="eva@a.example", keep_alias=True)
    assert renamed["address"] == "eva@a.example"
    await it.do("account.remove", account="eva@a.example")
    with pytest.raises(NotFound):
        await it.do("account.show", account="eva@a.example")


async def test_an_account_moves_only_where_its_administrator_may_go(it: Installation) -> None:
    for domain in ("a2.example", "canary.example", "nothing.example"):
        with pytest.raises(NotFound) as caught:
            await it.by("domain-admin", "account.rename", account="ann@a.example", to=f"new@{domain}")
        assert str(caught.value) == f"no domain {domain}"


async def test_lists_are_narrowed_and_come_in_pages(it: Installation) -> None:
    names = [one["name"] for one in (await it.do("account.list", domain="a2.example"))["items"]]
    assert names == ["ann@a2.example"]
    of_tenant = await it.do("account.list", tenant="alpha", limit=2)
    more = await it.do("account.list", tenant="alpha", after=of_tenant["next"])
    names = [one["name"] for page in (of_tenant, more) for one in page["items"]]
    assert names == sorted(names)
    assert len(names) == len(set(names)) == 6
    begins = await it.do("account.list", prefix="tenant-admin-of-a")
    assert [one["name"] for one in begins["items"]] == ["tenant-admin-of-alpha@a.example"]


async def test_a_password_is_set_taken_over_or_taken_away(it: Installation) -> None:
    verifier = bcrypt.hashpw(b"correct horse", bcrypt.gensalt(4)).decode()
    await it.do("account.add", account=EVE, verifier=verifier)
    account = (await it.directory.accounts.get(Address("eve", "a.example"))).id
    principal = await it.directory.principal(account)

    async def is_password(text: str) -> bool:
        return await it.directory.logins.prove(principal, text, peer="192.0.2.1")

    assert await is_password("correct horse")
    await it.do("account.password", account=EVE, password="another horse")
    assert await is_password("another horse")
    await it.do("account.password", account=EVE, verifier=verifier)
    assert await is_password("correct horse")
    await it.do("account.password", account=EVE)
    assert not await is_password("correct horse")


async def test_no_secret_reaches_the_audit_log(it: Installation) -> None:
    await it.do("account.add", account=EVE, password="correct horse battery")
    await it.do("account.password", account=EVE, password="correct horse staple")
    assert "correct horse" not in str(await it.do("audit.list", limit=1_000))


@pytest.mark.parametrize(
    "arguments",
    [
        {"account": "eve"},
        {"account": EVE, "password": "short"},
        {"account": EVE, "verifier": "none"},
        {"account": EVE, "password": "correct horse", "verifier": "$2b$04$x"},
        {"account": EVE, "kind": "robot"},
        {"account": EVE, "password": 17},
        {"account": EVE, "admin": True},
        {},
    ],
)
async def test_what_cannot_be_understood_is_refused_in_one_line(
    it: Installation, arguments: dict[str, object]
) -> None:
    with pytest.raises(InvalidValue) as caught:
        await it.do("account.add", **arguments)
    assert str(caught.value)
    assert "\n" not in str(caught.value)
    assert "correct horse" not in str(caught.value)


async def test_an_address_is_had_once(it: Installation) -> None:
    for taken in ("ann@a.example", "team@a.example", "sales@a.example"):
        with pytest.raises(AlreadyExists):
            await it.do("account.add", account=taken, password="correct horse")
