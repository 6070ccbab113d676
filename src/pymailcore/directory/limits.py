"""How often a login may fail.

Theory: failures are counted per address, per net around it and per account, over all protocols together.
An attempt is counted before the password is looked at, so that a thousand guesses at once are no more than
the limit, and is given back when the password was right. Nets get three and nine times an address's limit.

The account's own count would let a stranger lock its owner out; so it does not hold for an address from
which that account has logged in before.

Counts live in the memory of one process, in windows of a minute and a day, and are bounded: when there are
too many, the one that began longest ago is forgotten.
"""

from ipaddress import ip_address, ip_network
from typing import Final

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


class FailureLimits:
    """Counts failed logins of one process and refuses further ones."""

    def __init__(self, settings: DirectorySettings) -> None:
        self._per_window = (
            (_MINUTE_MS, settings.failures_per_minute),
            (_DAY_MS, settings.failures_per_day),
        )
        self._limit = settings.failures_entries_count
        self._counts: dict[tuple[str, int], list[int]] = {}  # key: [window's start, count]
        self._known: dict[tuple[str, str], None] = {}  # (account, narrow net) of earlier logins

    def __len__(self) -> int:
        return len(self._counts) + len(self._known)

    def begin(self, peer: str, name: str, now_ms: int) -> None:
        """Count an attempt.

        Raises:
            TooManyAttempts: a limit is reached; nothing is counted.
        """
        keys = self._keys(peer, name)
        for key, factor in keys:
            for window_ms, limit in self._per_window:
                if self._count(key, window_ms, now_ms) >= limit * factor:
                    raise TooManyAttempts("too many failed logins")
        for key, _ in keys:
            for window_ms, _ in self._per_window:
                self._add(key, window_ms, now_ms)

    def succeeded(self, peer: str, name: str) -> None:
        """Give an attempt back whose password was right, and remember where it came from."""
        for key, _ in self._keys(peer, name):
            self._give_back(key)
        known = (name, prefixes(peer)[0])
        self._known.pop(known, None)
        while len(self._known) >= self._limit:
            del self._known[next(iter(self._known))]
        self._known[known] = None

    def undecided(self, peer: str, name: str) -> None:
        """Give an attempt back that ended before the password was looked at."""
        for key, _ in self._keys(peer, name):
            self._give_back(key)

    def _keys(self, peer: str, name: str) -> list[tuple[str, int]]:
        nets = prefixes(peer)
        keys = list(zip(nets, _FACTORS, strict=False))
        if (name, nets[0]) not in self._known:
            keys.append((f"account {name}", 1))
        return keys

    def _count(self, key: str, window_ms: int, now_ms: int) -> int:
        found = self._counts.get((key, window_ms))
        return found[1] if found is not None and now_ms - found[0] < window_ms else 0

    def _add(self, key: str, window_ms: int, now_ms: int) -> None:
        found = self._counts.get((key, window_ms))
        if found is not None and now_ms - found[0] < window_ms:
            found[1] += 1
            return
        self._counts.pop((key, window_ms), None)
        while len(self._counts) >= self._limit:
            del self._counts[next(iter(self._counts))]
        self._counts[key, window_ms] = [now_ms, 1]

    def _give_back(self, key: str) -> None:
        for window_ms, _ in self._per_window:
            found = self._counts.get((key, window_ms))
            if found is not None and found[1] > 0:
                found[1] -= 1
