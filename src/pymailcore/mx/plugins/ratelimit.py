"""Plug-in `ratelimit`: connections, messages and recipients of one network in a minute.

Counting by address alone is no bound where one customer has a whole network, so all counts for two wider
networks as well, which may have three and nine times as much. The counts lie in memory that all processes of
the family share, so more front workers are no more room; that memory is bounded, and the network that was
counted longest ago gives way.
"""

import struct
from collections.abc import Callable
from typing import Final, NamedTuple

from pymailcore.mx.plugins.settings import RatelimitSettings
from pymailcore.runtime.prefixes import FACTORS, prefixes
from pymailcore.runtime.shared_counters import PAYLOAD_OCTETS, SharedCounters
from pymailcore.smtp.hooks import Client, Disconnect, PutOff, hook

_MINUTE_MS: Final = 60_000
_RECORD: Final = struct.Struct("<qIII")
_MOST: Final = 0xFFFF_FFFF

TOO_MANY_CONNECTIONS: Final = Disconnect("Too many connections from your network, come again later")
TOO_MANY_MESSAGES: Final = PutOff("Too many messages from your network, come again later")
TOO_MANY_RECIPIENTS: Final = PutOff("Too many recipients from your network, come again later")


class _Count(NamedTuple):
    """Of one network, in the minute that began at `minute_ms`."""

    minute_ms: int = 0
    connections: int = 0
    messages: int = 0
    recipients: int = 0


class Ratelimit:
    """Counts, and refuses what is too much.

    Args:
        counters: memory of the family.
        now_ms: milliseconds since 1970.
    """

    def __init__(
        self, settings: RatelimitSettings, counters: SharedCounters, now_ms: Callable[[], int]
    ) -> None:
        self._limits = _Count(
            0,
            settings.connections_per_minute,
            settings.messages_per_minute,
            settings.recipients_per_minute,
        )
        self._counters = counters
        self._table = counters.tables[-1]
        self._now_ms = now_ms

    @hook
    async def connect(self, client: Client) -> Disconnect | None:
        """Count a connection."""
        return None if self._may(client, _Count(connections=1)) else TOO_MANY_CONNECTIONS

    @hook
    async def mail(self, client: Client) -> PutOff | None:
        """Count a message."""
        return None if self._may(client, _Count(messages=1)) else TOO_MANY_MESSAGES

    @hook
    async def recipient(self, client: Client) -> PutOff | None:
        """Count a recipient."""
        return None if self._may(client, _Count(recipients=1)) else TOO_MANY_RECIPIENTS

    def _may(self, client: Client, more: _Count) -> bool:
        """Count one more, unless that is too much; what was refused is not counted."""
        if client.login:
            return True
        now_ms = self._now_ms()
        counted = []
        with self._counters.locked():
            for network, factor in zip(prefixes(client.address), FACTORS, strict=False):
                count = self._of(network, now_ms)
                count = count._replace(
                    connections=count.connections + more.connections,
                    messages=count.messages + more.messages,
                    recipients=count.recipients + more.recipients,
                )
                if self._is_too_much(count, more, factor):
                    return False
                counted.append((network, count))
            for network, count in counted:
                payload = _RECORD.pack(*count).ljust(PAYLOAD_OCTETS, b"\0")
                self._table.put(f"mail {network}", payload, now_ms)
        return True

    def _of(self, network: str, now_ms: int) -> _Count:
        payload = self._table.get(f"mail {network}")
        count = _Count() if payload is None else _Count(*_RECORD.unpack_from(payload))
        return count if 0 <= now_ms - count.minute_ms < _MINUTE_MS else _Count(minute_ms=now_ms)

    def _is_too_much(self, count: _Count, more: _Count, factor: int) -> bool:
        """Whether a limit is passed of what is counted now."""
        return any(
            added and (0 < limit * factor < counted or counted > _MOST)
            for counted, added, limit in zip(count[1:], more[1:], self._limits[1:], strict=True)
        )
