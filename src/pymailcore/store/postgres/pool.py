"""A few connections that operations take in turn; whose is next goes by parties (`base.fair_queue`)."""

import asyncio
from collections.abc import Awaitable, Callable

from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.fair_queue import FairQueue
from pymailcore.base.parties import Party, current_party
from pymailcore.store.postgres.connection import Connection


class _Turn:
    """One wish for a connection."""

    def __init__(self) -> None:
        self.come: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.given = False

    def give(self) -> None:
        """A place is his; who is cancelled at this moment gives it back himself."""
        self.given = True
        if not self.come.done():
            self.come.set_result(None)


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
        self._waiting: FairQueue[_Turn] = FairQueue(most)
        self._idle: list[Connection] = []
        self._busy: dict[Connection, Party] = {}

    async def take(self) -> Connection:
        """Give a connection, to be brought back by `give`.

        Raises:
            TemporaryFailure: all are in use for too long.
        """
        party = current_party()
        await self._take_place(party)
        try:
            while self._idle:
                connection = self._idle.pop()
                if not connection.is_closed():
                    break
            else:
                connection = await self._connect()
        except BaseException:
            self._give_place(party)
            raise
        self._busy[connection] = party
        return connection

    def give(self, connection: Connection, *, good: bool) -> None:
        """Take a connection back; one that is not good, or inside of a transaction, is closed."""
        party = self._busy.pop(connection)
        if good and not connection.is_closed() and not connection.is_in_transaction():
            self._idle.append(connection)
        else:
            connection.terminate()
        self._give_place(party)

    async def _take_place(self, party: Party) -> None:
        turn = _Turn()
        self._waiting.put(party, turn)
        self._next()
        try:
            async with asyncio.timeout(self._wait_seconds):
                await turn.come
        except BaseException as error:
            if turn.given:
                self._give_place(party)
            else:
                self._waiting.remove(party, turn)
            if isinstance(error, TimeoutError):
                raise TemporaryFailure("all connections to the database are in use") from error
            raise

    def _give_place(self, party: Party) -> None:
        self._waiting.done(party)
        self._next()

    def _next(self) -> None:
        """Give free places to those who wait."""
        while (taken := self._waiting.take()) is not None:
            taken[1].give()

    async def close(self) -> None:
        """Close all connections."""
        idle, self._idle = self._idle, []
        for connection in self._busy:
            connection.terminate()
        await asyncio.gather(*[connection.close(timeout=2) for connection in idle], return_exceptions=True)
