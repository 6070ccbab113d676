"""How often a sign-in may fail, over all protocols and all processes of the family.

Theory: failures are counted per address, per net around it and per account. Attempts that are being looked at
count like failures until they end, so that a thousand guesses at once are no more than the limit; but they
only make others wait, so that a hundred programs behind one address which all start at once get in. Nets get
three and nine times an address's limit.

The account's own count would let a stranger lock its owner out; so it does not hold for a net from which that
account has signed in before: such nets are remembered, here for the family and in the table `sign_ins` over
restarts. In such a net a program may go on with what was good once, a password that was changed or one that
needs a second factor now, and there the address's count would lock its owner out of the web pages. So what
failed there last is remembered, as a part of its digest, and the same once more makes the pause longer and is
no further failure. Who guesses gains nothing by it: he has to show something else.

The counts live in memory that all processes share (`runtime.shared_counters`), in windows of a minute and a
day, and are bounded: where there is no room, the one that was touched longest ago is forgotten. An attempt
whose process died in the middle is no longer counted after `_RUNNING_MS`.
"""

import hmac
import struct
from collections.abc import Container
from typing import Final, NamedTuple

from pymailcore.directory.errors import TooManyAttempts
from pymailcore.directory.settings import DirectorySettings
from pymailcore.runtime.prefixes import FACTORS, prefixes
from pymailcore.runtime.shared_counters import PAYLOAD_OCTETS, SharedCounters

_MINUTE_MS: Final = 60_000
_DAY_MS: Final = 86_400_000
_RUNNING_MS: Final = 60_000
_FREE_FAILURES: Final = 3
_LONGEST_PAUSE_SECONDS: Final = 10.0
_RECORD: Final = struct.Struct("<qqqIIII")
_FAILED: Final = struct.Struct("<16s16s")  # what has failed last in a known net


class Count(NamedTuple):
    """Of one net or account: when each window began, how many failed in it, how many are at it now.

    Attributes:
        again: failures within the minute that are no further ones, since the same was shown before.
    """

    minute_ms: int = 0
    day_ms: int = 0
    running_ms: int = 0
    in_minute: int = 0
    in_day: int = 0
    running: int = 0
    again: int = 0

    def at(self, now_ms: int) -> "Count":
        """The same without what is over."""
        minute = now_ms - self.minute_ms < _MINUTE_MS
        day = now_ms - self.day_ms < _DAY_MS
        running = now_ms - self.running_ms < _RUNNING_MS
        return Count(
            self.minute_ms if minute else now_ms,
            self.day_ms if day else now_ms,
            self.running_ms,
            self.in_minute if minute else 0,
            self.in_day if day else 0,
            self.running if running else 0,
            self.again if minute else 0,
        )


class Attempt(NamedTuple):
    """A sign-in that is being looked at: what it counts for."""

    keys: tuple[str, ...]
    name: str
    net: str  # that is known when it was right; empty for none
    is_known: bool = False  # that net is known already


class Throttle:
    """Counts failed sign-ins and refuses further ones.

    Args:
        counters: the family's memory; None to have one alone.
    """

    def __init__(self, settings: DirectorySettings, counters: SharedCounters | None = None) -> None:
        self._per_minute = settings.failures_per_minute
        self._per_day = settings.failures_per_day
        self._counters = counters or SharedCounters.create(settings.failures_entries_count)
        self._failures, self._known, self._used = self._counters.tables[:3]

    def begin(self, peer: str, name: str, now_ms: int, known: Container[str] | None = ()) -> Attempt | None:
        """Begin an attempt; None when it must wait until another one ends.

        Args:
            name: of the account that is asked for, which need not exist.
            known: nets from which that account has signed in before; None when its own limit holds for all
                nets, also for those.

        Raises:
            TooManyAttempts: a limit is reached.
        """
        nets = prefixes(peer)
        with self._counters.locked():
            limits = self._limits(nets, name, known)
            counts = {key: self._count(key, now_ms) for key in limits}
            if any(self._is_reached(counts[key], factor, 0) for key, factor in limits.items()):
                raise TooManyAttempts("too many failed logins")
            if any(self._is_reached(counts[key], factor, 1) for key, factor in limits.items()):
                return None
            for key, count in counts.items():
                self._put(key, count._replace(running=count.running + 1, running_ms=now_ms), now_ms)
        return Attempt(tuple(limits), name, "" if known is None else nets[0], f"account {name}" not in limits)

    def end(self, attempt: Attempt, *, right: bool | None, now_ms: int, shown: bytes = b"") -> None:
        """End an attempt.

        Args:
            right: whether it let somebody in; None when it was not looked at, or is only the first step.
            shown: a keyed digest of what was shown and for which name; empty when each failure counts.
        """
        with self._counters.locked():
            again = int(right is False and attempt.is_known and self._has_failed(attempt, shown, now_ms))
            failed = int(right is False) - again
            for key in attempt.keys:
                count = self._count(key, now_ms)
                self._put(
                    key,
                    count._replace(
                        in_minute=count.in_minute + failed,
                        in_day=count.in_day + failed,
                        running=max(0, count.running - 1),
                        again=count.again + again,
                    ),
                    now_ms,
                )
            if right and attempt.net:
                place = f"{attempt.name} {attempt.net}"
                self._known.put(place, self._known.get(place) or bytes(PAYLOAD_OCTETS), now_ms)

    def _has_failed(self, attempt: Attempt, shown: bytes, now_ms: int) -> bool:
        """Whether one of the last two things that failed for a name in a known net is shown once more."""
        if not shown:
            return False
        place = f"{attempt.name} {attempt.net}"
        last, before = _FAILED.unpack_from(self._known.get(place) or bytes(PAYLOAD_OCTETS))
        this = shown[: len(last)]
        if hmac.compare_digest(this, last) or hmac.compare_digest(this, before):
            return True
        self._known.put(place, _FAILED.pack(this, last).ljust(PAYLOAD_OCTETS, b"\0"), now_ms)
        return False

    def is_limited(self, peer: str, name: str, now_ms: int, known: Container[str] = ()) -> bool:
        """Whether an attempt would be refused now."""
        with self._counters.locked():
            limits = self._limits(prefixes(peer), name, known)
            return any(
                self._is_reached(self._count(key, now_ms), factor, 0) for key, factor in limits.items()
            )

    def pause_seconds(self, peer: str, now_ms: int) -> float:
        """How long a protocol waits before it tells a peer that his sign-in failed.

        One second, and after three failures within a minute one more for each, up to ten.
        """
        with self._counters.locked():
            count = self._count(prefixes(peer)[0], now_ms)
        failed = count.in_minute + count.again
        return min(1.0 + max(0, failed - _FREE_FAILURES), _LONGEST_PAUSE_SECONDS) if failed else 0.0

    def take_once(self, what: str, now_ms: int) -> bool:
        """Whether something that is good once was not taken before, by any process; it is taken now."""
        with self._counters.locked():
            fresh = self._used.get(what) is None
            self._used.put(what, bytes(PAYLOAD_OCTETS), now_ms)
        return fresh

    def _limits(self, nets: tuple[str, ...], name: str, known: Container[str] | None) -> dict[str, int]:
        """What an attempt counts for, and how many times the limit holds there."""
        limits = dict(zip(nets, FACTORS, strict=False))
        if known is None or (nets[0] not in known and self._known.get(f"{name} {nets[0]}") is None):
            limits[f"account {name}"] = 1
        return limits

    def _is_reached(self, count: Count, factor: int, with_running: int) -> bool:
        more = count.running * with_running
        return (
            count.in_minute + more >= self._per_minute * factor
            or count.in_day + more >= self._per_day * factor
        )

    def _count(self, key: str, now_ms: int) -> Count:
        record = self._failures.get(key)
        return (Count() if record is None else Count(*_RECORD.unpack_from(record))).at(now_ms)

    def _put(self, key: str, count: Count, now_ms: int) -> None:
        self._failures.put(key, _RECORD.pack(*count).ljust(PAYLOAD_OCTETS, b"\0"), now_ms)
