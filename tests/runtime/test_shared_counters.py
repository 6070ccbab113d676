"""shared_counters: records that processes share."""

import fcntl
import os
import subprocess
import sys
import time

import pytest

from pymailcore.runtime.shared_counters import PAYLOAD_OCTETS, SharedCounters

ADDS: str = """
import sys
from pymailcore.runtime.shared_counters import PAYLOAD_OCTETS, SharedCounters
counters = SharedCounters.inherit(int(sys.argv[1]))
table = counters.tables[0]
for _ in range(int(sys.argv[2])):
    with counters.locked():
        before = table.get("one")
        number = 0 if before is None else int.from_bytes(before, "big")
        table.put("one", (number + 1).to_bytes(PAYLOAD_OCTETS, "big"), 1)
"""


HOLDS: str = """
import fcntl, sys
fcntl.lockf(int(sys.argv[1]), fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def record(number: int) -> bytes:
    return number.to_bytes(PAYLOAD_OCTETS, "big")


def test_a_record_comes_back_in_its_table_only() -> None:
    first, second, *_ = SharedCounters.create(100).tables
    first.put("ann", record(7), 1)
    first.put("ann", record(8), 2)
    first.put("ben", record(9), 2)
    assert (first.get("ann"), first.get("ben"), first.get("eve")) == (record(8), record(9), None)
    assert second.get("ann") is None


def test_processes_count_together() -> None:
    counters = SharedCounters.create(100)
    children = [
        subprocess.Popen(
            [sys.executable, "-c", ADDS, str(counters.descriptor), "2000"], pass_fds=[counters.descriptor]
        )
        for _ in range(3)
    ]
    assert [child.wait(60) for child in children] == [0, 0, 0]
    assert counters.tables[0].get("one") == record(6_000)


def test_memory_is_bounded_and_the_oldest_gives_way() -> None:
    counters = SharedCounters.create(8, parts=1)
    (table,) = counters.tables
    for number in range(100):
        table.put(f"u{number}", record(number), number)
    there = [number for number in range(100) if table.get(f"u{number}") is not None]
    assert there == list(range(92, 100))
    assert os.fstat(counters.descriptor).st_size == 64 + 8 * 64


def test_any_text_is_a_name() -> None:
    (table,) = SharedCounters.create(8, parts=1).tables
    for name in ("", "\ud800", "x" * 100_000):
        table.put(name, record(1), 1)
        assert table.get(name) == record(1)


def test_nobody_can_cut_the_memory_off() -> None:
    counters = SharedCounters.create(8)
    with pytest.raises(OSError, match="not permitted"):
        os.ftruncate(counters.descriptor, 0)


def test_a_process_that_stands_still_with_the_lock_stops_nobody() -> None:
    counters = SharedCounters.create(8)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(counters.descriptor)],
        pass_fds=[counters.descriptor],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(BlockingIOError):
            fcntl.lockf(counters.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        began = time.monotonic()
        for number in range(100):
            with counters.locked():
                counters.tables[0].put("one", record(number), 1)
        assert time.monotonic() - began < 5  # the first waits, the others do not
        child.communicate(b"")
    with counters.locked():
        assert counters.tables[0].get("one") == record(99)


def test_nobody_gives_way_while_there_is_room_whatever_the_time() -> None:
    """Also at the moment 0, which free places bear, too."""
    table = SharedCounters.create(8).tables[0]
    for number in range(8):
        table.put(f"{number}", record(number), 0)
    assert [table.get(f"{number}") for number in range(8)] == [record(number) for number in range(8)]
