"""parties: for whom a task works is known to what it calls, to tasks that it starts and to its threads."""

import trio

from pymailcore.base.ids import AccountId, TenantId
from pymailcore.base.parties import SERVER, Party, current_party, party_of, work_for, working_for


def test_an_account_and_its_tenant_are_different_flows() -> None:
    assert party_of(TenantId(7), AccountId(70)) == Party(7, 70)
    assert party_of(TenantId(7)).flow not in (70, party_of(TenantId(8)).flow)


def test_it_ends_with_its_block() -> None:
    with working_for(Party(1, 10)):
        with working_for(Party(2, 20)):
            assert current_party() == Party(2, 20)
        assert current_party() == Party(1, 10)
    assert current_party() == SERVER


async def test_it_holds_for_tasks_that_are_started_and_for_nobody_else() -> None:
    seen: list[Party] = []

    async def child() -> None:
        seen.append(current_party())
        seen.append(await trio.to_thread.run_sync(current_party))

    async def signed_in() -> None:
        work_for(Party(1, 10))
        async with trio.open_nursery() as inner:
            inner.start_soon(child)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(signed_in)
    assert seen == [Party(1, 10), Party(1, 10)]
    assert current_party() == SERVER
