"""The bucket over a real HTTP server, and over a network that breaks."""

import os
from pathlib import Path

import pytest
from tests.support.objects import FaultProxy, object_settings

from pymailcore.base.errors import NotFound
from pymailcore.store.objects.client import PART_OCTETS, ObjectClient
from pymailcore.store.objects.settings import ObjectsAway


class Clock:
    """Time that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Way:
    """A client behind the proxy."""

    def __init__(self, proxy: FaultProxy, bucket: str, folder: Path, *, timeout_seconds: float = 2.0) -> None:
        settings = object_settings(proxy.port, bucket, folder, timeout_seconds=timeout_seconds)
        self.clock = Clock()
        self.client = ObjectClient(settings, self.clock, 0.01)


@pytest.fixture
def way(proxy: FaultProxy, bucket: str, tmp_path: Path) -> Way:
    return Way(proxy, bucket, tmp_path)


@pytest.mark.parametrize("octets", [0, 1, 300_000, PART_OCTETS, 2 * PART_OCTETS + 17])
def test_what_is_put_comes_back_whole_and_in_ranges(
    s3_port: int, bucket: str, tmp_path: Path, octets: int
) -> None:
    client = ObjectClient(object_settings(s3_port, bucket, tmp_path))
    content = os.urandom(octets)
    client.put("one", content)
    assert client.whole("one") == content
    assert client.get("one", octets // 2, 100) == content[octets // 2 :][:100]
    assert client.get("one", 0, 0) == b""


def test_objects_are_listed_and_removed(s3_port: int, bucket: str, tmp_path: Path) -> None:
    client = ObjectClient(object_settings(s3_port, bucket, tmp_path))
    others = ObjectClient(object_settings(s3_port, bucket, tmp_path, prefix="other"))
    for number in range(5):
        client.put(f"{number}", b"x" * number)
    others.put("9", b"not ours")
    assert [(one.name, one.octets) for one in client.listed()] == [(f"{n}", n) for n in range(5)]
    assert all(one.modified_ms > 1_700_000_000_000 for one in client.listed())
    client.delete(["0", "1", "2", "never there"])
    client.delete([])
    assert [one.name for one in client.listed()] == ["3", "4"]
    assert [one.name for one in others.listed()] == ["9"]


def test_what_is_not_there_is_not_away(way: Way) -> None:
    with pytest.raises(NotFound):
        way.client.get("none", 0, 5)
    with pytest.raises(NotFound):
        way.client.whole("none")
    way.client.put("short", b"four")
    assert way.client.get("short", 2, 5) == b"ur"
    assert way.client.get("short", 9, 5) == b""
    assert not way.client.away


def test_a_few_failures_are_waited_out(way: Way, proxy: FaultProxy) -> None:
    proxy.failures = 2
    way.client.put("one", b"content")
    proxy.cut()
    proxy.failures = 2
    assert way.client.whole("one") == b"content"
    assert not way.client.away


@pytest.mark.parametrize("fault", ["refuse", "failures", "cut_after", "stall"])
def test_an_outage_is_told_within_the_time_limit_and_ends_at_once(
    proxy: FaultProxy, bucket: str, tmp_path: Path, fault: str
) -> None:
    way = Way(proxy, bucket, tmp_path, timeout_seconds=0.6)
    way.client.put("before", b"content")
    setattr(proxy, fault, {"refuse": True, "failures": 1000, "cut_after": 10, "stall": True}[fault])
    if fault != "stall":
        proxy.cut()
    with pytest.raises(ObjectsAway):
        way.client.put("during", b"content")
    seen = proxy.connections
    with pytest.raises(ObjectsAway, match="a moment ago"):  # nobody waits for what is away
        way.client.get("before", 0, 7)
    assert proxy.connections == seen
    proxy.heal()
    way.clock.now += 3.0
    assert way.client.get("before", 0, 7) == b"content"
    assert not way.client.away
    way.client.put("during", b"content")


def test_pauses_grow_to_three_seconds_and_end_with_the_first_success(way: Way, proxy: FaultProxy) -> None:
    proxy.refuse = True
    pauses = []
    for _ in range(4):
        with pytest.raises(ObjectsAway):
            way.client.get("one", 0, 1)
        begun = way.clock.now
        while way.client.away:
            way.clock.now += 0.25
        pauses.append(way.clock.now - begun)
    assert pauses == [1.0, 2.0, 3.0, 3.0]
    proxy.heal()
    with pytest.raises(NotFound):
        way.client.get("one", 0, 1)
    proxy.refuse = True
    proxy.cut()
    with pytest.raises(ObjectsAway):
        way.client.get("one", 0, 1)
    way.clock.now += 1.0
    assert not way.client.away


@pytest.mark.parametrize("octets", [PART_OCTETS + 1, 400_000])
def test_an_upload_that_is_cut_off_leaves_nothing_half(
    way: Way, proxy: FaultProxy, s3_port: int, bucket: str, tmp_path: Path, octets: int
) -> None:
    content = os.urandom(octets)
    proxy.cut_after = octets // 3
    proxy.cut()
    with pytest.raises(ObjectsAway):
        way.client.put("large", content)
    direct = ObjectClient(object_settings(s3_port, bucket, tmp_path))
    assert list(direct.listed()) == []
    proxy.heal()
    way.clock.now += 3.0
    way.client.put("large", content)
    assert direct.whole("large") == content


def test_an_answer_that_is_cut_off_is_asked_for_again(way: Way, proxy: FaultProxy) -> None:
    content = os.urandom(300_000)
    way.client.put("large", content)
    proxy.cut_answer_after = 120_000
    proxy.cut()
    assert way.client.get("large", 0, 300_000) == content
    proxy.cut_answer_after = 50  # not even the head of the answer
    proxy.cut()
    with pytest.raises(ObjectsAway):
        way.client.get("large", 0, 300_000)
