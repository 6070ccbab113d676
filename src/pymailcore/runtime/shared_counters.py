"""Small records in memory that all processes of a family share, of bounded size.

Theory of operation. The memory is a file without a name: who begins the family makes it and hands its
descriptor to the workers, like the listening sockets. It holds some tables of equal size. A table is a hash
table of buckets; a bucket has eight slots, and when all are taken, the one that was written longest ago
gives way to the new one. Keys are hashed with a number that is drawn once, so nobody outside can choose a
bucket.

Whoever reads and writes holds the lock of the file (fcntl), for some microseconds. A process that dies lets
it go; for one that was stopped in the middle nobody waits longer than `_PATIENCE_SECONDS`, and then for
some seconds not at all: the numbers may be off by one then, which is better than a server that stands
still. The lock is one of processes: within a process a table belongs to one thread.
"""

import contextlib
import fcntl
import hashlib
import mmap
import os
import secrets
import struct
import time
import weakref
from collections.abc import Iterator
from typing import Final, Self

PAYLOAD_OCTETS: Final = 40
"""Size of one record."""

_KEY_OCTETS: Final = 16
_SLOT: Final = struct.Struct(f"<{_KEY_OCTETS}sq{PAYLOAD_OCTETS}s")
_HEAD: Final = struct.Struct("<32sII24x")
_SLOTS_OF_BUCKET: Final = 8
_BUCKET_OCTETS: Final = _SLOTS_OF_BUCKET * _SLOT.size
_PATIENCE_SECONDS: Final = 0.25
_PAUSE_SECONDS: Final = 0.0001
_NO_PATIENCE_SECONDS: Final = 5.0
_EMPTY: Final = bytes(_KEY_OCTETS)
_SEALS: Final = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW


class SharedCounters:
    """The memory of one family, as one process has it.

    Args:
        descriptor: of the file that `create` has made; it belongs to this object and is closed with it.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, os.fstat(descriptor).st_size)
        self._impatient_until = 0.0
        weakref.finalize(self, os.close, descriptor)
        self._key, self._buckets, parts = _HEAD.unpack_from(self._memory)
        self.tables = tuple(SharedTable(self, number) for number in range(parts))

    @classmethod
    def create(cls, records: int, *, parts: int = 4) -> Self:
        """Make memory for so many records in each of some tables; pages are taken when they are written."""
        buckets = max(1, -(-records // _SLOTS_OF_BUCKET))
        descriptor = os.memfd_create("pymailcore-counters", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(descriptor, _HEAD.size + parts * buckets * _BUCKET_OCTETS)
        os.pwrite(descriptor, _HEAD.pack(secrets.token_bytes(32), buckets, parts), 0)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)  # nobody can take the ground from under the others
        return cls(descriptor)

    @classmethod
    def inherit(cls, descriptor: int) -> Self:
        """Use the memory of the family; the descriptor goes no further."""
        os.set_inheritable(descriptor, False)
        return cls(descriptor)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep the other processes out for a moment; the block must not wait for anything."""
        held = self._lock()
        try:
            yield
        finally:
            if held:
                fcntl.lockf(self.descriptor, fcntl.LOCK_UN)

    def _lock(self) -> bool:
        now = time.monotonic()
        until = now if now < self._impatient_until else now + _PATIENCE_SECONDS
        while True:
            try:
                fcntl.lockf(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                now = time.monotonic()
                if now > until:
                    if now >= self._impatient_until:
                        self._impatient_until = now + _NO_PATIENCE_SECONDS
                    return False
                time.sleep(_PAUSE_SECONDS)
            else:
                return True

    def place(self, table: int, name: str) -> tuple[int, bytes]:
        """Give where the bucket of a name begins, and the key of the name."""
        octets = name.encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(octets, digest_size=_KEY_OCTETS + 8, key=self._key).digest()
        bucket = int.from_bytes(digest[_KEY_OCTETS:]) % self._buckets
        return _HEAD.size + (table * self._buckets + bucket) * _BUCKET_OCTETS, digest[:_KEY_OCTETS]

    def slots(self, start: int) -> list[tuple[bytes, int, bytes]]:
        """Read a bucket: key, time and record of each slot."""
        return list(_SLOT.iter_unpack(self._memory[start : start + _BUCKET_OCTETS]))

    def write(self, start: int, slot: int, key: bytes, moment_ms: int, payload: bytes) -> None:
        """Write one slot."""
        _SLOT.pack_into(self._memory, start + slot * _SLOT.size, key, moment_ms, payload)


class SharedTable:
    """One table; call its methods within `SharedCounters.locked`."""

    def __init__(self, counters: SharedCounters, number: int) -> None:
        self._counters = counters
        self._number = number

    def get(self, name: str) -> bytes | None:
        """Give the record of a name, of `PAYLOAD_OCTETS` octets."""
        start, key = self._counters.place(self._number, name)
        return next((found[2] for found in self._counters.slots(start) if found[0] == key), None)

    def put(self, name: str, payload: bytes, moment_ms: int) -> None:
        """Write the record of a name; where there is no room the one written longest ago gives way."""
        start, key = self._counters.place(self._number, name)
        slots = self._counters.slots(start)
        slot = next(
            (number for number, found in enumerate(slots) if found[0] == key),
            min(range(_SLOTS_OF_BUCKET), key=lambda number: (slots[number][0] != _EMPTY, slots[number][1])),
        )
        self._counters.write(start, slot, key, moment_ms, payload)
