import io
import zipfile

import pytest
from tests.support.attachments import bomb, overlapping_bomb, package

from pymailcore.extract.limits import MIB, Limits
from pymailcore.extract.readers.gathering import Damaged, Encrypted, LimitReached
from pymailcore.extract.readers.package import Package


def read_all(octets: bytes, limits: Limits) -> dict[str, bytes]:
    opened = Package(octets, limits)
    return {name: b"".join(opened.pieces(name)) for name in opened.names}


def test_members_are_read_whole() -> None:
    members = {"a.xml": b"one", "b/c.xml": b"two" * 100_000}
    assert read_all(package(members), Limits()) == members
    assert read_all(package(members, method=zipfile.ZIP_STORED), Limits()) == members


@pytest.mark.parametrize(("limit", "whole"), [(99, False), (100, True), (101, True)])
def test_inflated_octets_are_counted_over_all_members(limit: int, whole: bool) -> None:
    octets = package({"a": b"x" * 60, "b": b"y" * 40})
    if whole:
        assert len(read_all(octets, Limits(inflated_octets=limit))) == 2
    else:
        with pytest.raises(LimitReached, match="inflated_octets"):
            read_all(octets, Limits(inflated_octets=limit))


@pytest.mark.parametrize(("limit", "whole"), [(2, False), (3, True), (4, True)])
def test_so_many_members_are_allowed(limit: int, whole: bool) -> None:
    octets = package({"a": b"", "b": b"", "c": b""})
    if whole:
        assert len(Package(octets, Limits(members=limit)).names) == 3
    else:
        with pytest.raises(LimitReached, match="members"):
            Package(octets, Limits(members=limit))


@pytest.mark.parametrize(("more", "whole"), [(-1, False), (0, True), (1, True)])
def test_the_directory_may_be_so_long(more: int, whole: bool) -> None:
    octets = package({"a": b"", "b": b""})
    length = 2 * (46 + 1)
    if whole:
        assert Package(octets, Limits(directory_octets=length + more)).names == ["a", "b"]
    else:
        with pytest.raises(LimitReached, match="directory_octets"):
            Package(octets, Limits(directory_octets=length + more))


@pytest.mark.parametrize(("more", "whole"), [(-1, False), (0, True), (1, True)])
def test_a_member_beyond_the_free_octets_may_be_packed_so_well(more: int, whole: bool) -> None:
    octets = package({"a": bytes(300_000)})
    packed = zipfile.ZipFile(io.BytesIO(octets)).getinfo("a").compress_size
    ratio = -(-300_000 // packed) + more
    limits = Limits(ratio=ratio, ratio_free_octets=1)
    if whole:
        assert len(read_all(octets, limits)["a"]) == 300_000
    else:
        with pytest.raises(LimitReached, match="ratio"):
            read_all(octets, limits)


@pytest.mark.parametrize(("free", "whole"), [(299_999, False), (300_000, True), (300_001, True)])
def test_small_members_may_be_packed_as_well_as_they_can(free: int, whole: bool) -> None:
    octets = package({"a": bytes(300_000)})
    limits = Limits(ratio=1, ratio_free_octets=free)
    if whole:
        assert len(read_all(octets, limits)["a"]) == 300_000
    else:
        with pytest.raises(LimitReached, match="ratio"):
            read_all(octets, limits)


def test_members_over_one_another_are_counted_each_time() -> None:
    """The bomb of many members over the same octets: 90 KB that hold 4 GB."""
    octets = overlapping_bomb(1_000, 4_200_000)
    assert len(octets) < 100_000
    with pytest.raises((LimitReached, Damaged)):
        read_all(octets, Limits())


def test_a_bomb_of_four_megabytes_that_holds_four_gigabytes_is_left_early() -> None:
    octets = bomb("a", 4_096)
    assert len(octets) < 5 * MIB
    with pytest.raises(LimitReached, match="inflated_octets"):
        read_all(octets, Limits())
    with pytest.raises(LimitReached, match="ratio"):
        read_all(bomb("a", 42), Limits())


def test_a_member_that_lies_about_its_size_is_damaged() -> None:
    octets = bytearray(package({"a": b"x" * 1_000}))
    place = octets.rfind(b"PK\x01\x02")
    octets[place + 24 : place + 28] = (10).to_bytes(4, "little")
    with pytest.raises(Damaged):
        read_all(bytes(octets), Limits())


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_no_office_writes_are_refused(method: int) -> None:
    with pytest.raises(Damaged, match="compression method"):
        read_all(package({"a": b"x"}, method=method), Limits())


def test_an_encrypted_member_is_told() -> None:
    octets = bytearray(package({"a": b"x"}))
    octets[octets.rfind(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(Encrypted):
        read_all(bytes(octets), Limits())


@pytest.mark.parametrize("cut", [1, 10, 30, 80])
def test_a_truncated_file_is_damaged(cut: int) -> None:
    octets = package({"a": b"one", "b": b"two"})
    with pytest.raises(Damaged):
        read_all(octets[:-cut], Limits())
