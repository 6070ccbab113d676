"""Sign-ins a second: with an app password, a remembered password, and one that is hashed each time.

python -m benchmarks.sign_in [--seconds 2] [--flood 500]

Also how long a wrong password takes for a name that exists and for one that does not, as medians and their
ratio, and what a flood of sign-ins does to memory and to the loop. Argon2id as it is set by default.
"""

import argparse
import contextlib
import resource
import secrets
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import structlog
import trio

from pymailcore.base.address import Address
from pymailcore.base.errors import MailError
from pymailcore.base.ids import IdMint
from pymailcore.directory.actors import SYSTEM
from pymailcore.directory.directory import Directory
from pymailcore.directory.settings import DirectorySettings
from pymailcore.runtime.clock import now_ms
from pymailcore.sasl.steps import Credentials
from pymailcore.store.opening import open_store
from pymailcore.store.settings import StoreSettings

NAME, PASSWORD = "ann@a.example", "correct horse"


async def rate(seconds: float, work: Callable[[], Awaitable[object]]) -> float:
    """How often a second something can be done, one after the other."""
    count, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        await work()
        count += 1
    return count / (time.perf_counter() - begun)


async def wrong(directory: Directory, name: str, number: int) -> float:
    """How long a wrong password takes, in seconds."""
    begun = time.perf_counter()
    with contextlib.suppress(MailError):
        await directory.authenticate(
            Credentials(name, "", f"wrong {number}"), peer=f"10.0.{number % 250}.1", protocol="imap"
        )
    return time.perf_counter() - begun


async def flood(directory: Directory, count: int) -> tuple[float, float]:
    """Many wrong passwords at once; gives the loop's longest work at a stretch (ms) and how memory grew (MB).

    The stretch is in processor time of the loop's thread, so that other load on the machine does not count.
    """
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    worst, done = 0.0, trio.Event()

    async def tick() -> None:
        nonlocal worst
        while not done.is_set():
            begun = time.thread_time()
            await trio.sleep(0.005)
            worst = max(worst, time.thread_time() - begun)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(tick)
        async with trio.open_nursery() as guesses:
            for number in range(count):
                guesses.start_soon(wrong, directory, f"u{number}@a.example", number)
        done.set()
    return worst * 1000, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


async def main(seconds: float, flooding: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        ids = IdMint(now_ms, secrets.randbits)
        settings = DirectorySettings(failures_per_minute=10**6, failures_per_day=10**6)
        async with open_store(
            StoreSettings(data=Path(folder)), notify=lambda *_: None, ids=ids, maintain=False
        ) as store:

            def directory(settings: DirectorySettings) -> Directory:
                return Directory(store.database, store, ids, lambda *_: None, settings)

            remembering = directory(settings)
            forgetting = directory(replace(settings, remember_seconds=0))
            await remembering.domains.add(SYSTEM, "a.example")
            address = Address.parse(NAME)
            assert address is not None
            ann = await remembering.accounts.add(SYSTEM, address, PASSWORD)
            _, text = await remembering.credentials.app_passwords.add(SYSTEM, ann.id, "phone")
            for what, which, secret in (
                ("app password", remembering, text),
                ("remembered password", remembering, PASSWORD),
                ("password by Argon2id", forgetting, PASSWORD),
            ):
                given = Credentials(NAME, "", secret)

                async def sign_in(which: Directory = which, given: Credentials = given) -> None:
                    await which.authenticate(given, peer="192.0.2.1", protocol="imap")

                print(f"{what}: {await rate(seconds, sign_in):,.0f} sign-ins/s on one core")
            times: dict[str, list[float]] = {NAME: [], "nobody@a.example": []}
            for number in range(int(20 * seconds)):
                for name, kept in times.items():
                    kept.append(await wrong(forgetting, name, number))
            known, unknown = (statistics.median(kept) * 1000 for kept in times.values())
            print(
                f"wrong password: {known:.1f} ms for a name that exists, {unknown:.1f} ms for another,"
                f" ratio {known / unknown:.3f}"
            )
            stall, grown = await flood(forgetting, flooding)
            print(f"{flooding} at once: the loop works {stall:.0f} ms at a stretch at most")
            print(f"memory grew by {grown:.0f} MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--flood", type=int, default=500)
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    trio.run(main, arguments.seconds, arguments.flood)
