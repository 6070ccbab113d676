"""Turns of commands: what one tenant asks for at once does not fill a process beside others.

Theory: in one process all commands share a loop, an interpreter and a writer, so whoever comes waits behind a
part of each command that is under way, and whose those are is decided when they begin. While several tenants
are served, of each only a few commands are under way that began lately; the others wait, and go by
`base.fair_queue` from then on. What has been under way for longer than `LEASE_SECONDS` counts no more: it
waits for something else (a slow client, a long search), and holds nobody up. So a wait is bounded by the
number of those before it, not by how long they last. One tenant alone never waits.
"""

from collections import OrderedDict
from typing import Final

import trio

from pymailcore.base.fair_queue import FairQueue
from pymailcore.base.parties import SERVER, Party, current_party

MOST_BESIDE_OTHERS: Final = 2
"""So many commands of one tenant are under way in a process that serves others, too."""
LEASE_SECONDS: Final = 0.025


class CommandTurn:
    """The turn of one command, to be had with `async with`."""

    __slots__ = ("_begun", "_turns", "party", "until")

    def __init__(self, turns: "CommandTurns", party: Party) -> None:
        self._turns = turns
        self._begun: trio.Event | None = None  # while it waits
        self.party = party
        self.until = 0.0  # so long it counts, once it has begun

    def begin(self, until: float) -> None:
        """Its turn has come."""
        self.until = until
        if self._begun is not None:
            self._begun.set()

    async def __aenter__(self) -> None:
        """Wait for the turn."""
        if not self._turns.ask(self):
            self._begun = trio.Event()
            await self._wait(self._begun)

    async def __aexit__(self, *_: object) -> None:
        """Let others have theirs."""
        self._turns.end(self)

    async def _wait(self, begun: trio.Event) -> None:
        try:
            while not self.until:
                with trio.move_on_at(self._turns.next_end):
                    await begun.wait()
                self._turns.give()
        except trio.Cancelled:
            self._turns.leave(self)
            raise


class _AtOnce:
    """For a command that need not wait and does not count."""

    async def __aenter__(self) -> None:
        """Begin."""

    async def __aexit__(self, *_: object) -> None:
        """Nobody waits for it."""


_AT_ONCE: Final = _AtOnce()


class CommandTurns:
    """The commands of one process."""

    def __init__(self) -> None:
        self._alone = (
            SERVER.tenant
        )  # whose all commands were lately; the server itself: nobody's, or several's
        self._queue: FairQueue[CommandTurn] = FairQueue(None, MOST_BESIDE_OTHERS)
        self._under_way: OrderedDict[CommandTurn, None] = OrderedDict()  # that count, the oldest first

    def __len__(self) -> int:
        """How many wait."""
        return len(self._queue)

    def turn(self) -> CommandTurn | _AtOnce:
        """A turn for what a command of the party that the task works for does (`base.parties`).

        A tenant alone never waits, nor does the server itself, and with it whoever has not signed in; neither
        costs a microsecond.
        """
        party = current_party()
        if party.tenant in (SERVER.tenant, self._alone):
            return _AT_ONCE
        return CommandTurn(self, party)

    @property
    def next_end(self) -> float:
        """When the first of those that are under way stops to count; now when none is."""
        return next(iter(self._under_way)).until if self._under_way else trio.current_time()

    def ask(self, turn: CommandTurn) -> bool:
        """Let a command wait; True when it may begin at once."""
        self._queue.put(turn.party, turn)
        self.give()
        self._alone = SERVER.tenant if self._queue.is_shared else turn.party.tenant
        return bool(turn.until)

    def give(self) -> None:
        """Let those begin whose turn it is."""
        now = trio.current_time()
        while self._under_way and (first := next(iter(self._under_way))).until <= now:
            self._let_go(first)
        while (taken := self._queue.take()) is not None:
            self._under_way[taken[1]] = None
            taken[1].begin(now + LEASE_SECONDS)

    def end(self, turn: CommandTurn) -> None:
        """A command is done, or does not begin."""
        if turn in self._under_way:
            self._let_go(turn)
            if self._queue:
                self.give()

    def leave(self, turn: CommandTurn) -> None:
        """A command waits no more, whether its turn has come or not."""
        if turn.until:
            self.end(turn)
        else:
            self._queue.remove(turn.party, turn)

    def _let_go(self, turn: CommandTurn) -> None:
        del self._under_way[turn]
        self._queue.done(turn.party)


_turns: trio.lowlevel.RunVar[CommandTurns] = trio.lowlevel.RunVar("command turns")


def command_turns() -> CommandTurns:
    """The turns of this process."""
    try:
        return _turns.get()
    except LookupError:
        turns = CommandTurns()
        _turns.set(turns)
        return turns
