"""A housekeeper of a test's store, one that may be killed, and one whose store never rests."""

import base64
import dataclasses
import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from tests.support.stores import Opened, a_message

from pymailcore.runtime.metrics import Metrics
from pymailcore.store.housekeeping.house import House
from pymailcore.store.housekeeping.pace import Pace, Throttle
from pymailcore.store.ops import kept
from pymailcore.store.packs import Location
from pymailcore.store.types import Row, Transaction

T = TypeVar("T")
FOREVER_MS = 2**62


class Killed(BaseException):
    """The process ended here."""


def hasty(opened: Opened, kind: type[House] = House, **changes: float) -> Any:  # noqa: ANN401 - of that kind
    """A house where nobody rests and nothing is waited for."""
    house = kind(opened.store.engine, Metrics())
    settings: dict[str, Any] = {
        "house_percent": 100.0,
        "rewrite_octets_per_second": 0,
        "scrub_octets_per_second": 0,
        "pack_rest_minutes": 0.0,
        "pack_gone_minutes": 0.0,
        **changes,
    }
    settings = dataclasses.asdict(house.settings) | settings
    house.settings = type(house.settings)(**settings)
    house._scrubbing = Throttle(house.settings.scrub_octets_per_second)
    house._rewriting = Throttle(house.settings.rewrite_octets_per_second)
    return house


class MortalHouse(House):
    """Is killed before its n-th slice, or right after it."""

    left = 0
    after = False

    async def write(self, work: Callable[[Transaction], Awaitable[T]], pace: Pace | None = None) -> T:
        """Write, or be killed."""
        self.left -= 1
        if self.left == 0 and not self.after:
            raise Killed
        result = await super().write(work, pace)
        if self.left == 0:
            raise Killed
        return result


class BusyHouse(House):
    """Something happens to the store before each slice and each look."""

    happens: Callable[[], Awaitable[None]]

    async def write(self, work: Callable[[Transaction], Awaitable[T]], pace: Pace | None = None) -> T:
        """Let something happen, then write."""
        await self.happens()
        return await super().write(work, pace)

    async def read(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Let something happen, then read."""
        await self.happens()
        return await super().read(work)


async def purge(opened: Opened, *emails: int) -> None:
    """Expunge Emails and let go of everything that is kept."""
    if emails:
        await opened.store.destroy_emails(opened.account, emails)
    await opened.store.database.write(lambda tx: kept.purge(tx, opened.account, FOREVER_MS, 1000))


async def rows(opened: Opened, sql: str, *args: object) -> list[Row]:
    """Ask the database."""
    return await opened.store.database.read(lambda tx: tx.rows(sql, *args))


async def blobs(opened: Opened) -> dict[int, Location]:
    """All blobs and where they lie."""
    found = await rows(
        opened, "SELECT id, pack, position, stored_octets, size_octets, encoding, crc FROM blobs"
    )
    return {row[0]: Location(*row[1:]) for row in found}


def long_text(number: int) -> str:
    """A text that compresses badly, of 2 KiB."""
    source = random.Random(number)  # noqa: S311
    return "".join(base64.b64encode(source.randbytes(54)).decode() + "\r\n" for _ in range(30))


async def fill_packs(opened: Opened, count: int = 24) -> list[int]:
    """File messages that compress badly, each with a text of its own, into several packs; their ids."""
    return [
        (await opened.deliver(a_message(f"message {number}", body=long_text(number)))).email
        for number in range(count)
    ]


async def all_readable(opened: Opened) -> int:
    """Read every Email; gives how many there are."""
    await opened.check()
    found = await rows(opened, "SELECT id FROM emails")
    for (email,) in found:
        assert await opened.store.message(opened.account, email)
    return len(found)
