"""importing: many accounts of one domain in one call."""

import pytest
from tests.support.administration import Installation

from pymailcore.base.errors import InvalidValue


async def test_what_addresses_stand_for(it: Installation) -> None:
    own = it.places["own"]
    found = await it.do("account.known", domain=own.domain, addresses=[own.account, own.group, own.fresh])
    assert {one["address"]: one["kinds"] for one in found["items"]} == {
        own.account: ["primary"],
        own.group: ["group"],
    }


async def test_each_gets_an_answer_of_its_own(it: Installation) -> None:
    own = it.places["own"]
    made = await it.do(
        "account.import",
        domain=own.domain,
        accounts=[
            {"account": own.fresh, "password": "correct horse", "full_name": "New"},
            {"account": own.account},
            {"account": f"x@{own.domain}", "password": "short"},
            {"account": f"y@{own.domain}", "password": "correct horse", "verifier": "$x$"},
            {"account": f"z@{own.domain}", "kind": "shared"},
        ],
    )
    assert [one["fault"] is None for one in made["items"]] == [True, False, False, False, True]
    assert (await it.do("account.show", account=own.fresh))["full_name"] == "New"


async def test_only_addresses_of_the_domain_that_was_allowed(it: Installation) -> None:
    own, foreign = it.places["own"], it.places["foreign"]
    for operation, arguments in (
        ("account.known", {"addresses": [foreign.account]}),
        ("account.import", {"accounts": [{"account": foreign.fresh}]}),
    ):
        with pytest.raises(InvalidValue, match="is not in"):
            await it.by("domain-admin", operation, domain=own.domain, **arguments)
