"""Change notices between the processes of a site: NOTIFY after commits, and LISTEN.

What is to be told is kept for 10 ms, the newest value of each channel, and sent in as few notices as it
takes. A notice is text: who sent it, and channels with their values. A lost one costs seconds, never mail.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import asyncpg
import trio

from pymailcore.store.postgres.connection import GONE, Connection

CHANNEL: Final = "pymailcore"
COALESCE_SECONDS: Final = 0.010
_MOST_OCTETS: Final = 7_000  # PostgreSQL takes less than 8,000
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0
_LOST: Final = (*GONE, asyncpg.InterfaceError, asyncpg.PostgresError)


def write_notices(sender: str, values: Mapping[int, int]) -> list[str]:
    """Put values into notices that are short enough."""
    notices: list[str] = []
    notice = ""
    for channel, value in values.items():
        word = f" {channel}:{value}"
        if not notice or len(notice) + len(word) > _MOST_OCTETS:
            notices.append(notice)
            notice = sender
        notice += word
    return [*notices[1:], notice] if notice else []


def read_notice(notice: str) -> tuple[str, list[tuple[int, int]]]:
    """Read who sent a notice, and the values in it; what cannot be read is passed over."""
    sender, *words = notice.split(" ")
    values = []
    for word in words:
        channel, _, value = word.partition(":")
        with contextlib.suppress(ValueError):
            values.append((int(channel), int(value)))
    return sender, values


class Notices:
    """The connection for notices; all methods belong to the asyncio thread.

    Args:
        heard: told on the trio loop what others have sent.
        missed: told there that the connection was away for a time.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        token: trio.lowlevel.TrioToken,
        heard: Callable[[int, int], object],
        missed: Callable[[], None],
    ) -> None:
        self._connect = connect
        self._token = token
        self._heard = heard
        self._missed = missed
        self._sender = secrets.token_hex(8)
        self._waiting: dict[int, int] = {}
        self._news = asyncio.Event()
        self._lost = asyncio.Event()
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()

    def keep(self, task: "asyncio.Task[Any]") -> None:
        """Hold a task until it has ended."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def start(self) -> None:
        """Connect, and go on in the background."""
        connection = await self._listen()
        self.keep(asyncio.get_running_loop().create_task(self._run(connection)))

    def tell(self, values: Mapping[Any, int]) -> None:
        """Send values soon."""
        if values:
            self._waiting.update(values)
            self._news.set()

    async def _listen(self) -> Connection:
        connection = await self._connect()
        self._lost.clear()
        connection.add_termination_listener(self._on_lost)
        await connection.add_listener(CHANNEL, self._on_notice)
        return connection

    def _on_lost(self, _: object) -> None:
        self._lost.set()
        self._news.set()

    def _on_notice(self, _: object, __: int, ___: str, payload: object) -> None:
        sender, values = read_notice(str(payload))
        if sender != self._sender:
            self._call(self._take, values)

    def _take(self, values: list[tuple[int, int]]) -> None:
        for channel, value in values:
            self._heard(channel, value)

    def _call(self, function: Callable[..., object], *args: object) -> None:
        with contextlib.suppress(trio.RunFinishedError):
            self._token.run_sync_soon(function, *args)

    async def _run(self, connection: Connection) -> None:
        pause = _FIRST_PAUSE
        while not self._ended.is_set():
            try:
                await self._send(connection)
            except _LOST:
                connection.terminate()
            if self._ended.is_set():
                break
            if connection.is_closed():
                try:
                    connection = await self._listen()
                    self._call(self._missed)
                    pause = _FIRST_PAUSE
                except _LOST:
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, _LONGEST_PAUSE)
        with contextlib.suppress(*_LOST):
            await connection.close(timeout=2)

    async def _send(self, connection: Connection) -> None:
        """Send what is to be told, until the connection is lost or this is closed."""
        while not connection.is_closed():
            await self._news.wait()
            if not self._waiting:
                if self._ended.is_set() or self._lost.is_set():
                    return
                self._news.clear()
                continue
            if not self._ended.is_set():
                await asyncio.sleep(COALESCE_SECONDS)
            values, self._waiting = self._waiting, {}
            for notice in write_notices(self._sender, values):
                await connection.execute("SELECT pg_notify($1::text, $2::text)", CHANNEL, notice)

    async def close(self) -> None:
        """Send what is left, and end."""
        self._ended.set()
        self._news.set()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=5)
