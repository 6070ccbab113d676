from tests.support.house import fill_packs, hasty, purge
from tests.support.stores import Opened, a_message, add_account

from pymailcore.base.ids import AccountId, TenantId
from pymailcore.runtime.metrics import page
from pymailcore.store.housekeeping.census import census
from pymailcore.store.housekeeping.collector import collect
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.statistics import TenantFigures, figures, largest, statistics

TEXT = "".join(f"line {n} of a text that is shared by many\r\n" for n in range(2000))


async def test_what_sharing_and_compression_save(opened: Opened, house: House) -> None:
    messages = [a_message("the same", body=TEXT) for _ in range(5)]
    filed = [await opened.deliver(message) for message in messages]
    await add_account(opened.store, AccountId(7), "other@example.net", TenantId(3))
    await opened.store.destroy_emails(opened.account, [filed[0].email])
    before = await opened.store.database.read(figures)
    assert [(found.tenant, found.saved_octets, found.counted_ms) for found in before.tenants] == [
        (1, 0, 0),
        (3, 0, 0),
    ], "nothing is claimed before blobs were counted"
    await census(house)
    found = await opened.store.database.read(figures)
    ours = found.tenants[0]
    size = len(messages[0])
    assert (ours.accounts, ours.emails, ours.logical_octets, ours.kept_octets) == (1, 4, 5 * size, size)
    assert ours.blobs >= 1
    assert ours.shared == 4 * ours.blobs
    assert ours.stored_octets < ours.decoded_octets < size * 1.1
    assert ours.saved_octets == ours.logical_octets - ours.stored_octets > 4 * size
    assert found.kept_emails == 1
    assert found.tenants[1]._replace(accounts=0, counted_ms=0) == TenantFigures(3), (
        "counted, and nothing there"
    )


async def test_garbage_is_what_no_row_names(local: Opened, local_house: House) -> None:
    filed = await fill_packs(local)
    await census(local_house)
    full = await local.store.database.read(figures)
    await purge(local, *filed[:20])
    assert (await local.store.database.read(figures)).loose_blobs == 20
    await collect(local_house)
    found = await local.store.database.read(figures)
    assert found.loose_blobs == 0
    assert found.pack_octets == full.pack_octets
    assert found.garbage_octets > found.pack_octets / 2 > full.garbage_octets
    assert (found.packs, found.packs_gone) == (full.packs, 0)


def test_the_largest_tenants_have_a_name_and_the_others_are_summed_up() -> None:
    tenants = [TenantFigures(n, 1, 2, 100 * n, 0, n, 0, 10 * n, n, counted_ms=5) for n in (1, 4, 2, 3)]
    shown = largest(tenants, 2)
    assert [label for label, _ in shown] == ["4", "3", "other"]
    others = shown[2][1]
    assert (others.accounts, others.logical_octets, others.stored_octets, others.saved_octets) == (
        2,
        300,
        3,
        297,
    )
    assert largest(tenants[:1], 2) == [("1", tenants[0])]


async def test_the_metrics(local: Opened) -> None:
    house = hasty(local, tenants_in_metrics=1)
    await fill_packs(local, 3)
    await census(house)
    await statistics(house)
    await statistics(house)
    lines = page([house.metrics.snapshot()]).splitlines()
    values = {line.split(" ")[0]: float(line.split(" ")[1]) for line in lines if line[0] != "#"}
    found = (await local.store.database.read(figures)).tenants[0]
    for name, value in (
        ("logical_octets", found.logical_octets),
        ("stored_octets", found.stored_octets),
        ("saved_octets", found.saved_octets),
        ("blobs", 3),
    ):
        assert values[f'pymailcore_store_{name}{{tenant="1"}}'] == value
    assert values["pymailcore_store_packs"] >= 1
    assert values["pymailcore_store_pack_octets"] > values["pymailcore_store_garbage_octets"] > 0
