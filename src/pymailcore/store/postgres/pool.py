"""A few connections that operations take in turn; first come, first served."""

import asyncio
from collections.abc import Awaitable, Callable

from pymailcore.base.errors import TemporaryFailure
from pymailcore.store.postgres.connection import Connection


class Pool:
    """Connections of one asyncio loop.

    Args:
        connect: opens one.
        most: connections at a time.
        wait_seconds: longest wait for one.
    """

    def __init__(self, connect: Callable[[], Awaitable[Connection]], most: int, wait_seconds: float) -> None:
        self._connect = connect
        self._wait_seconds = wait_seconds
        self._places = asyncio.Semaphore(most)
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()

    async def take(self) -> Connection:
        """Give a connection, to be brought back by `give`.

        Raises:
            TemporaryFailure: all are in use for too long.
        """
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._places.acquire()
        except TimeoutError as error:
            raise TemporaryFailure("all connections to the database are in use") from error
        try:
            while self._idle:
                connection = self._idle.pop()
                if not connection.is_closed():
                    break
            else:
                connection = await self._connect()
        except BaseException:
            self._places.release()
            raise
        self._busy.add(connection)
        return connection

    def give(self, connection: Connection, *, good: bool) -> None:
        """Take a connection back; one that is not good, or inside of a transaction, is closed."""
        self._busy.discard(connection)
        if good and not connection.is_closed() and not connection.is_in_transaction():
            self._idle.append(connection)
        else:
            connection.terminate()
        self._places.release()

    async def close(self) -> None:
        """Close all connections."""
        idle, self._idle = self._idle, []
        for connection in self._busy:
            connection.terminate()
        await asyncio.gather(*[connection.close(timeout=2) for connection in idle], return_exceptions=True)
