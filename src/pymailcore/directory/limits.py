"""How often a login may fail.

Theory: failures are counted per address, per net around it and per account, over all protocols together.
Attempts that are being looked at count like failures until they end, so that a thousand guesses at once are
no more than the limit; but they only make others wait, so that a hundred programs behind one address which
all start at once get in. Nets get three and nine times an address's limit.

The account's own count would let a stranger lock its owner out; so it does not hold for an address from
which that account has logged in before.

Counts live in the memory of one process, in windows of a minute and a day, and are bounded: when there are
too many, the one that began longest ago is forgotten. A family of N front workers lets through at most N
times as many, since each has its own bound whatever worker a connection gets. That is accepted: a guess still
costs its Argon2id, N times 50 guesses a day find no password that is worth the name, and shared counts would
let strangers cause a write to the store with each guess. An operator who wants the family to keep the number
divides the settings by the number of workers.
"""

from collections import Counter
from ipaddress import ip_address, ip_network
from typing import Final, NamedTuple

from pymailcore.directory.errors import TooManyAttempts
from pymailcore.directory.settings import DirectorySettings

_WIDTHS: Final = {4: (32, 26, 21), 6: (64, 56, 48)}
_FACTORS: Final = (1, 3, 9)
_MINUTE_MS: Final = 60_000
_DAY_MS: Final = 86_400_000


def prefixes(peer: str) -> tuple[str, ...]:
    """The nets around an address, the narrowest first; what is no address is its own only net."""
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return (peer,)
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped if mapped is not None else address
    return tuple(str(ip_network((address, width), strict=False)) for width in _WIDTHS[address.version])


class Attempt(NamedTuple):
    """One login that is being looked at: what it counts for, and who from where."""

    keys: tuple[str, ...]
    name: str
    net: str


class FailureLimits:
    """Counts failed logins of one process and refuses further ones."""

    def __init__(self, settings: DirectorySettings) -> None:
        self._per_window = (
            (_MINUTE_MS, settings.failures_per_minute),
            (_DAY_MS, settings.failures_per_day),
        )
        self._limit = settings.failures_entries_count
        self._failures: dict[tuple[str, int], list[int]] = {}  # (net or account, window): [its start, count]
        self._running: Counter[str] = Counter()  # net or account: attempts that are being looked at
        self._known: dict[tuple[str, str], None] = {}  # (account, narrow net) of earlier logins

    def __len__(self) -> int:
        return len(self._failures) + len(self._known) + len(self._running)

    def begin(self, peer: str, name: str, now_ms: int) -> Attempt | None:
        """Begin an attempt; None when it must wait until another one ends.

        Raises:
            TooManyAttempts: a limit is reached.
        """
        nets = prefixes(peer)
        limits = dict(zip(nets, _FACTORS, strict=False))
        if (name, nets[0]) not in self._known:
            limits[f"account {name}"] = 1
        free = True
        for key, factor in limits.items():
            for window_ms, limit in self._per_window:
                failures = self._count(key, window_ms, now_ms)
                if failures >= limit * factor:
                    raise TooManyAttempts("too many failed logins")
                free = free and failures + self._running[key] < limit * factor
        if not free:
            return None
        self._running.update(limits.keys())
        return Attempt(tuple(limits), name, nets[0])

    def end(self, attempt: Attempt, *, right: bool | None, now_ms: int) -> None:
        """End an attempt.

        Args:
            right: whether the password was right; None when it was not looked at.
        """
        self._running.subtract(attempt.keys)
        self._running += Counter()
        if right:
            known = (attempt.name, attempt.net)
            self._known.pop(known, None)
            while len(self._known) >= self._limit:
                del self._known[next(iter(self._known))]
            self._known[known] = None
        elif right is False:
            for key in attempt.keys:
                for window_ms, _ in self._per_window:
                    self._add(key, window_ms, now_ms)

    def _count(self, key: str, window_ms: int, now_ms: int) -> int:
        found = self._failures.get((key, window_ms))
        return found[1] if found is not None and now_ms - found[0] < window_ms else 0

    def _add(self, key: str, window_ms: int, now_ms: int) -> None:
        found = self._failures.get((key, window_ms))
        if found is not None and now_ms - found[0] < window_ms:
            found[1] += 1
            return
        self._failures.pop((key, window_ms), None)
        while len(self._failures) >= self._limit:
            del self._failures[next(iter(self._failures))]
        self._failures[key, window_ms] = [now_ms, 1]
