import os
from pathlib import Path

import pytest
from tests.support.house import blobs, fill_packs
from tests.support.stores import Opened

from pymailcore.store.files import Files
from pymailcore.store.housekeeping import liveness
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.liveness import is_written, live_blobs, live_octets, pack_files
from pymailcore.store.packs import OpenPack, pack_path


def test_only_packs_are_packs(tmp_path: Path) -> None:
    for name in (
        "00000000000000ff.pack",
        "0000000000000001.pack",
        "x.pack",
        "zz00000000000001.pack",
        "reserve",
    ):
        (tmp_path / name).write_bytes(b"12345")
    assert [(file.pack, file.octets) for file in pack_files(tmp_path)] == [(1, 5), (255, 5)]
    assert pack_files(tmp_path / "nothing") == []


def test_the_time_of_a_pack_is_when_it_was_written_or_made(tmp_path: Path) -> None:
    path = pack_path(tmp_path, 1)
    path.write_bytes(b"")
    made = path.stat().st_ctime_ns // 1_000_000
    os.utime(path, (0, 0))
    assert pack_files(tmp_path)[0].written_ms >= made, "a copy that keeps times is not old"


def test_a_pack_is_seen_to_be_written(tmp_path: Path) -> None:
    pack = OpenPack(tmp_path, 7, Files())
    assert is_written(tmp_path, 7)
    pack.close()
    assert not is_written(tmp_path, 7)
    assert not is_written(tmp_path, 8)


async def test_the_blobs_of_packs_are_found_by_their_rows(
    local: Opened, local_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveness, "SCAN_ROWS", 5)
    await fill_packs(local)
    by_pack: dict[int, list[int]] = {}
    for location in (await blobs(local)).values():
        by_pack.setdefault(location.pack, []).append(location.position)
    assert len(by_pack) > 3
    some = sorted(by_pack)[:2]
    found = await live_blobs(local_house, some, most=10_000)
    assert {pack: [blob.location.position for blob in there] for pack, there in found.items()} == {
        pack: sorted(by_pack[pack]) for pack in some
    }
    sums = await live_octets(local_house, [*some, 12345])
    assert sums == {pack: sum(blob.location.stored_octets for blob in there) for pack, there in found.items()}
    assert await live_blobs(local_house, [], most=1) == {}
    assert await live_octets(local_house, []) == {}


async def test_what_does_not_fit_in_memory_is_left_for_later(local: Opened, local_house: House) -> None:
    await fill_packs(local)
    packs = {location.pack for location in (await blobs(local)).values()}
    whole = await live_blobs(local_house, packs, most=10_000)
    part = await live_blobs(local_house, packs, most=8)
    assert 0 < len(part) < len(whole)
    assert all(part[pack] == whole[pack] for pack in part)
    alone = await live_blobs(local_house, [min(packs)], most=1)
    assert alone == {min(packs): whole[min(packs)]}
