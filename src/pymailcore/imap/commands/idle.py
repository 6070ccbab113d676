"""IDLE.

Standards: RFC 2177 section 3.

Two tasks: one reads until the client says DONE, the other waits for the change hub and tells the client.
Reading only ever interrupts the waiting, never a send, so no response is cut short.
"""

import trio

from pymailcore.imap.protocol.events import Event
from pymailcore.imap.protocol.states import State
from pymailcore.imap.session import Session


class _Reading:
    """Reads in a task of its own until the client says something, or is gone."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.waiting = trio.CancelScope()
        self.event: Event | None = None
        self.over = False

    async def run(self) -> None:
        """Read until there is an event, or a refusal, or the end."""
        protocol = self._session.protocol
        while True:
            self.event = protocol.next_event()
            if self.event is not None or not protocol.idling:
                break
            await self._session.wire.receive()
        self.over = True
        self.waiting.cancel()


async def idle(session: Session) -> Event | None:
    """Serve IDLE; gives the event that ended it, None when the conversation was closed.

    The event is `IdleDone`, or a command when the client said something else than DONE, which the core
    has refused.
    """
    session.protocol.idle()
    reading = _Reading(session)
    with session.services.hub.watch(session.account) as watch:
        await session.sync(expunge=True)
        await session.flush()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reading.run)
            while not reading.over:
                with trio.move_on_after(session.settings.recheck_seconds) as reading.waiting:
                    await watch.changed()
                if not reading.over:
                    await session.sync(expunge=True)
                    await session.flush()
                if session.protocol.state is State.CLOSED:
                    nursery.cancel_scope.cancel()
                    break
    return reading.event
