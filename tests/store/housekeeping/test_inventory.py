"""Rows against the bucket's list, in a scratch file."""

from pymailcore.store.housekeeping.inventory import Inventory, Lack
from pymailcore.store.objects.packs import Held
from pymailcore.store.packs import HEAD, RECORD_OCTETS


def test_rows_are_summed_up_over_stretches_and_met_by_pages() -> None:
    with Inventory() as inventory:
        inventory.name([(-1, 2, 100, 500), (-2, 1, 10, 90)])
        inventory.name([(-1, 1, 50, 300), (-4, 1, 10, 90)])
        living = inventory.hold([Held(-1, 500, 7), Held(-2, 89, 7), Held(-3, 16, 7)])
        assert living == {
            -1: 150 + 3 * RECORD_OCTETS + len(HEAD), -2: 10 + RECORD_OCTETS + len(HEAD), -3: 0,
        }  # fmt: skip
        assert inventory.lacks(10) == [Lack(-2, 90), Lack(-4, 90)], "too short, and not there"
        assert inventory.lacks(1) == [Lack(-2, 90)]
        assert [inventory.knows(pack) for pack in (-1, -3, -4, -5)] == [True, True, True, False]


def test_what_is_worth_writing_anew() -> None:
    with Inventory() as inventory:
        inventory.name([(-pack, 1, 100, 200) for pack in (1, 2, 3, 4)])
        live = 100 + RECORD_OCTETS + len(HEAD)
        inventory.hold(
            [Held(-1, live * 3, 5), Held(-2, live * 4, 5), Held(-3, live, 5), Held(-4, live * 9, 6)]
        )
        assert inventory.poor(rested_ms=5, percent=50.0, most=9) == [-2, -1], "the worst first, -4 is fresh"
        assert inventory.poor(rested_ms=6, percent=50.0, most=1) == [-4]
        assert inventory.small(rested_ms=6, octets=live * 4, most=9) == [-1, -3]
