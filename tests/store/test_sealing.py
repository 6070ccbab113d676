from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.base.errors import TemporaryFailure
from pymailcore.store import sealing as sealing_module
from pymailcore.store.encoding import PLAIN, SEALED, ZSTD
from pymailcore.store.keyfile import create_key_file, master_key, write_key_file
from pymailcore.store.packs import DamagedBlob
from pymailcore.store.sealing import (
    SEALED_OCTETS,
    Sealer,
    Sealing,
    WrappedKey,
    new_data_key,
    unwrap,
    wrap,
)

KEY = b"a" * 32
ADDRESS = b"k" * 32


class Rows:
    """The keys of a database."""

    def __init__(self) -> None:
        self.rows: list[WrappedKey] = []
        self.loaded = 0

    def __call__(self, tenant: int) -> Sequence[WrappedKey]:
        self.loaded += 1
        return [row for row in self.rows if row.tenant == tenant]


@given(octets=st.binary(max_size=300), tenant=st.integers(0, 2**63 - 1))
def test_what_is_sealed_comes_back_and_is_not_to_be_seen(octets: bytes, tenant: int) -> None:
    sealer = Sealer(3, KEY)
    encoding, stored = sealer.seal(tenant, ADDRESS, ZSTD, octets)
    assert encoding == ZSTD | SEALED
    assert len(stored) == len(octets) + SEALED_OCTETS
    assert len(octets) < 4 or octets not in stored
    assert sealer.open(tenant, ADDRESS, ZSTD, stored) == octets
    assert sealer.seal(tenant, ADDRESS, ZSTD, octets)[1] != stored


@pytest.mark.parametrize(
    ("tenant", "address", "encoding", "key"),
    [
        (2, ADDRESS, PLAIN, KEY),
        (1, b"l" * 32, PLAIN, KEY),
        (1, ADDRESS, ZSTD, KEY),
        (1, ADDRESS, PLAIN, b"b" * 32),
    ],
)
def test_no_blob_passes_for_another(tenant: int, address: bytes, encoding: int, key: bytes) -> None:
    _, stored = Sealer(1, KEY).seal(1, ADDRESS, PLAIN, b"octets")
    with pytest.raises(DamagedBlob):
        Sealer(1, key).open(tenant, address, encoding, stored)


def test_no_octet_can_be_changed() -> None:
    sealer = Sealer(1, KEY)
    _, stored = sealer.seal(1, ADDRESS, PLAIN, b"octets")
    for place in range(4, len(stored)):
        with pytest.raises(DamagedBlob):
            sealer.open(1, ADDRESS, PLAIN, stored[:place] + bytes([stored[place] ^ 1]) + stored[place + 1 :])
    for cut in range(len(stored)):
        with pytest.raises(DamagedBlob):
            sealer.open(1, ADDRESS, PLAIN, stored[:cut])


def test_a_wrapped_key_belongs_to_its_tenant_and_number() -> None:
    master = master_key(KEY)
    row = wrap(master, 1, 1, b"d" * 32)
    assert unwrap(master, row) == b"d" * 32
    assert b"d" * 32 not in row.wrapped
    for other in (row._replace(tenant=2), row._replace(number=2), row._replace(wrapped=row.wrapped[:-1])):
        with pytest.raises(TemporaryFailure):
            unwrap(master, other)
    with pytest.raises(TemporaryFailure):
        unwrap(master_key(b"b" * 32), row)


def test_keys_of_another_process_are_loaded_when_they_are_met(tmp_path: Path) -> None:
    master = create_key_file(tmp_path / "k")
    rows = Rows()
    ours, theirs = Sealing(tmp_path / "k", rows), Sealing(tmp_path / "k", rows)
    rows.rows = [wrap(master, 1, 1, new_data_key())]
    theirs.learn(rows(1))
    sealer = theirs.newest(1)
    assert sealer is not None
    _, stored = sealer.seal(1, ADDRESS, PLAIN, b"octets")
    assert ours.newest(1) is None
    rows.loaded = 0
    for _ in range(3):
        assert ours.open(1, ADDRESS, PLAIN, stored) == b"octets"
    assert rows.loaded == 1


def test_a_blob_of_a_key_that_is_nowhere_is_damage(tmp_path: Path) -> None:
    create_key_file(tmp_path / "k")
    sealing = Sealing(tmp_path / "k", Rows())
    _, stored = Sealer(7, KEY).seal(1, ADDRESS, PLAIN, b"octets")
    for damaged in (stored, stored[:31], b""):
        with pytest.raises(DamagedBlob):
            sealing.open(1, ADDRESS, PLAIN, damaged)


def test_a_master_key_that_another_process_took_into_use_is_found_in_the_file(tmp_path: Path) -> None:
    old = create_key_file(tmp_path / "k")
    rows = Rows()
    sealing = Sealing(tmp_path / "k", rows)
    fresh = master_key(b"f" * 32)
    write_key_file(tmp_path / "k", (fresh, old))
    rows.rows = [wrap(fresh, 1, 1, KEY)]
    _, stored = Sealer(1, KEY).seal(1, ADDRESS, PLAIN, b"octets")
    assert sealing.open(1, ADDRESS, PLAIN, stored) == b"octets"


def test_a_master_key_that_the_file_lacks_is_no_damage(tmp_path: Path) -> None:
    """Repair must not throw away what only lacks its key."""
    create_key_file(tmp_path / "k")
    rows = Rows()
    rows.rows = [wrap(master_key(b"g" * 32), 1, 1, KEY)]
    _, stored = Sealer(1, KEY).seal(1, ADDRESS, PLAIN, b"octets")
    with pytest.raises(TemporaryFailure, match="lacks the master key") as caught:
        Sealing(tmp_path / "k", rows).open(1, ADDRESS, PLAIN, stored)
    assert not isinstance(caught.value, DamagedBlob)


def test_what_is_written_anew_is_sealed_by_the_newest_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    master = create_key_file(tmp_path / "k")
    rows = Rows()
    rows.rows = [wrap(master, 1, 1, KEY)]
    sealing = Sealing(tmp_path / "k", rows)
    plain = sealing.reseal(1, ADDRESS, ZSTD, b"octets")
    assert plain[0] == ZSTD | SEALED
    assert sealing.open(1, ADDRESS, ZSTD, plain[1]) == b"octets"
    assert sealing.reseal(1, ADDRESS, *plain) == plain
    rows.rows.append(wrap(master, 1, 2, b"b" * 32))
    assert sealing.reseal(1, ADDRESS, *plain) == plain  # a minute has not passed
    monkeypatch.setattr(sealing_module, "FRESH_SECONDS", 0.0)
    encoding, stored = sealing.reseal(1, ADDRESS, *plain)
    assert encoding == ZSTD | SEALED
    assert Sealer(2, b"b" * 32).open(1, ADDRESS, ZSTD, stored) == b"octets"
    assert sealing.open(1, ADDRESS, ZSTD, plain[1]) == b"octets"


def test_without_keys_nothing_is_sealed(tmp_path: Path) -> None:
    assert Sealing(None, Rows()).reseal(1, ADDRESS, PLAIN, b"octets") == (PLAIN, b"octets")
    create_key_file(tmp_path / "k")
    assert Sealing(tmp_path / "k", Rows()).reseal(1, ADDRESS, PLAIN, b"octets") == (PLAIN, b"octets")
    with pytest.raises(DamagedBlob):
        Sealing(None, Rows()).open(1, ADDRESS, PLAIN, b"x" * 64)
