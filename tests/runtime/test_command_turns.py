"""command_turns: of one tenant only a few commands begin at once beside others, and nobody waits for long."""

import pytest
import trio
import trio.testing

from pymailcore.base.parties import SERVER, Party, working_for
from pymailcore.base.shares import LATELY
from pymailcore.runtime.command_turns import LEASE_SECONDS, MOST_BESIDE_OTHERS, CommandTurns, command_turns

FLOOD = Party(1, 10)
CALM = Party(2, 20)


class Scene:
    """Commands that last until they are ended.

    Attributes:
        begun: the parties of those that have begun, in order, each with what ends it.
        scopes: of all, in order.
    """

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self.turns = CommandTurns()
        self.begun: list[tuple[Party, trio.Event]] = []
        self.scopes: list[trio.CancelScope] = []

    @property
    def parties(self) -> list[Party]:
        """Of those that have begun."""
        return [party for party, _ in self.begun]

    async def ask(self, party: Party, count: int = 1) -> None:
        """Some commands."""
        for _ in range(count):
            self._nursery.start_soon(self._command, party)
        await trio.testing.wait_all_tasks_blocked()

    async def end(self) -> None:
        """End all that have begun, and those that begin then."""
        while any(not end.is_set() for _, end in self.begun):
            for _, end in self.begun:
                end.set()
            await trio.testing.wait_all_tasks_blocked()

    async def serve_both(self) -> None:
        """Let both tenants have had a turn lately."""
        for party in (FLOOD, CALM):
            await self.ask(party)
        await self.end()
        self.begun.clear()

    async def _command(self, party: Party) -> None:
        with trio.CancelScope() as scope, working_for(party):
            self.scopes.append(scope)
            async with self.turns.turn():
                end = trio.Event()
                self.begun.append((party, end))
                await end.wait()


async def test_one_tenant_alone_never_waits(mock_clock: trio.testing.MockClock) -> None:
    async with trio.open_nursery() as nursery:
        scene = Scene(nursery)
        await scene.ask(SERVER, 5)
        await scene.ask(FLOOD, 100)
        assert (len(scene.begun), mock_clock.current_time()) == (105, 0)
        await scene.end()


async def test_beside_others_few_begin_and_who_comes_with_one_begins_at_once(
    mock_clock: trio.testing.MockClock,
) -> None:
    """T6."""
    async with trio.open_nursery() as nursery:
        scene = Scene(nursery)
        await scene.serve_both()
        await scene.ask(FLOOD, 20)
        assert scene.parties == [FLOOD] * MOST_BESIDE_OTHERS
        await scene.ask(CALM)
        assert scene.parties[MOST_BESIDE_OTHERS:] == [CALM]
        scene.begun[0][1].set()
        await trio.testing.wait_all_tasks_blocked()
        assert scene.parties[MOST_BESIDE_OTHERS:] == [CALM, FLOOD]  # one for the one that has ended
        await scene.end()
        assert (len(scene.begun), len(scene.turns), mock_clock.current_time()) == (21, 0, 0)


async def test_what_lasts_counts_no_more_so_nobody_waits_for_a_slow_client(
    mock_clock: trio.testing.MockClock,
) -> None:
    """A turn is let go by time; commands of the same tenant go on beside those that last."""
    async with trio.open_nursery() as nursery:
        scene = Scene(nursery)
        await scene.serve_both()
        await scene.ask(FLOOD, 3 * MOST_BESIDE_OTHERS)
        for seen in (1, 2, 3):
            assert len(scene.begun) == seen * MOST_BESIDE_OTHERS
            mock_clock.jump(LEASE_SECONDS)
            await trio.testing.wait_all_tasks_blocked()
        await scene.ask(FLOOD)
        assert len(scene.begun) == 3 * MOST_BESIDE_OTHERS + 1
        await scene.end()


async def test_the_server_itself_never_waits(mock_clock: trio.testing.MockClock) -> None:
    """Nor who has not signed in: else guesses would keep sign-ins waiting."""
    async with trio.open_nursery() as nursery:
        scene = Scene(nursery)
        await scene.serve_both()
        await scene.ask(SERVER, 50)
        assert (scene.parties, mock_clock.current_time()) == ([SERVER] * 50, 0)
        await scene.end()


@pytest.mark.parametrize("its_turn", [False, True])
async def test_who_is_cancelled_keeps_nobody_waiting(
    its_turn: bool, mock_clock: trio.testing.MockClock
) -> None:
    """While it waits, and in the moment in which its turn has come."""
    async with trio.open_nursery() as nursery:
        scene = Scene(nursery)
        await scene.serve_both()
        await scene.ask(FLOOD, MOST_BESIDE_OTHERS)
        await scene.ask(FLOOD)
        leaving = scene.scopes[-1]
        await scene.ask(FLOOD)
        assert len(scene.turns) == 2
        leaving.cancel()
        if its_turn:
            scene.turns.end(next(iter(scene.turns._under_way)))
        await trio.testing.wait_all_tasks_blocked()
        assert len(scene.turns) == (0 if its_turn else 1)
        await scene.end()
        assert (len(scene.begun), mock_clock.current_time()) == (MOST_BESIDE_OTHERS + 1, 0)


async def test_a_process_has_one() -> None:
    assert command_turns() is command_turns()


async def test_who_has_been_alone_for_long_waits_no_more(mock_clock: trio.testing.MockClock) -> None:
    """And waits again with the first command of another."""
    async with trio.open_nursery() as nursery:
        scene = Scene(nursery)
        await scene.serve_both()
        with working_for(FLOOD):
            for _ in range(LATELY):
                async with scene.turns.turn():
                    pass
        await scene.ask(FLOOD, 20)
        assert len(scene.begun) == 20
        await scene.end()
        await scene.serve_both()
        await scene.ask(FLOOD, 20)
        assert (len(scene.begun), mock_clock.current_time()) == (MOST_BESIDE_OTHERS, 0)
        await scene.end()
