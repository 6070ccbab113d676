"""Makes directories over a store in memory, with a clock that the test moves and cheap hashes."""

import random
from dataclasses import dataclass

import trio
from tests.support.memory_store import MemoryStore

from pymailcore.base.address import Address
from pymailcore.base.ids import IdMint
from pymailcore.directory.directory import Directory
from pymailcore.directory.settings import DirectorySettings

CHEAP = DirectorySettings(
    argon2_time_cost=1, argon2_memory_kib=8, argon2_parallelism=1, scram_iterations_count=4
)
"""Argon2id as weak as it can be: tests hash often."""

START_MS = 1_780_000_000_000


@dataclass
class Clock:
    """Milliseconds that only the test moves."""

    ms: int = START_MS

    def __call__(self) -> int:
        """The present."""
        return self.ms


class VirtualClock(Clock):
    """Milliseconds that follow the clock of trio, virtual or not."""

    def __call__(self) -> int:
        """The present."""
        return self.ms + round(trio.current_time() * 1000)


@dataclass
class World:
    """A directory and what stands below it."""

    directory: Directory
    store: MemoryStore
    clock: Clock
    ids: IdMint
    notices: list[tuple[int, int]]


def mint(clock: Clock) -> IdMint:
    """Ids that are the same in every run."""
    return IdMint(clock, random.Random(1).getrandbits)  # noqa: S311 - ids are no secrets


def make_world(settings: DirectorySettings = CHEAP, clock: Clock | None = None) -> World:
    """An empty directory."""
    store, notices = MemoryStore(), list[tuple[int, int]]()
    clock = clock or Clock()
    ids = mint(clock)

    def publish(channel: int, value: int) -> None:
        notices.append((channel, value))

    directory = Directory(store.database, store, ids, publish, settings, now_ms=clock)
    return World(directory, store, clock, ids, notices)


def address(text: str) -> Address:
    """An address that is known to be one."""
    parsed = Address.parse(text)
    assert parsed is not None
    return parsed
