"""state, differences, pruning on real tables: what is applied is there; a second time nothing is to be done.

What the model (`tests.support.plans`) says of operations is held against the operations here.
"""

from pathlib import Path

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.administration import OPERATOR
from tests.support.directories import CHEAP, Clock, mint
from tests.support.plans import World, plans
from tests.support.said import Say
from tests.support.stores import EnginePlace, small_settings

from pymailcore.admin.operation import Record
from pymailcore.admin.plan.plan import Plan
from pymailcore.admin.plan.pruning import differences
from pymailcore.admin.plan.reading import read_plan
from pymailcore.admin.plan.state import StateReader
from pymailcore.admin.plan.writing import write_plan
from pymailcore.admin.registry import Administration
from pymailcore.directory.directory import Directory
from pymailcore.queue.queue import Queue
from pymailcore.queue.settings import QueueSettings
from pymailcore.store.opening import open_store


class Applied:
    """Applies one plan after the other to one installation."""

    def __init__(self, administration: Administration) -> None:
        self._administration = administration
        self.steps = 0

    async def do(self, name: str, /, **arguments: object) -> Record:
        return await self._administration.call(OPERATOR, name, arguments)

    async def apply(self, plan: Plan) -> None:
        want = read_plan(write_plan(plan))
        for step in differences(await StateReader(self.do, want).read(), want, prune=True):
            await self.do(step.operation, **step.arguments)
            self.steps += 1
        there = await StateReader(self.do, want).read()
        assert differences(there, want, prune=True) == []
        assert differences(there, want) == []

    async def everything(self, plan: Plan) -> None:
        """All that is there is what the plan says, and comes back from a file."""
        there = await StateReader(self.do).read()
        assert World(there).content() == World(there_by_name(plan, there)).content()
        again = read_plan(write_plan(there))
        assert differences(there, again, prune=True) == []


def there_by_name(plan: Plan, there: Plan) -> Plan:
    """The plan in the form of what is there: forms of names are no matter of what it says."""
    plan.shown, plan.lines = there.shown, there.lines
    return plan


def run(data: Path, engine: EnginePlace, examples: int) -> int:
    async def main() -> int:
        clock = Clock()
        ids = mint(clock)

        def tell(_channel: int, _value: int) -> None:
            pass

        async with open_store(small_settings(data, **engine), notify=tell, ids=ids, maintain=False) as store:
            directory = Directory(store.database, store, ids, tell, CHEAP, now_ms=clock)
            queue = Queue(store.database, store, tell, QueueSettings(), now_ms=clock)
            applied = Applied(Administration(directory, queue, now_ms=clock))
            token = trio.lowlevel.current_trio_token()

            @given(plan=plans(), whole=st.booleans())
            @settings(
                max_examples=examples, deadline=None, derandomize=True,
                suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            def apply(plan: Plan, *, whole: bool) -> None:
                trio.from_thread.run(applied.apply, plan, trio_token=token)
                if whole:
                    trio.from_thread.run(applied.everything, plan, trio_token=token)

            await trio.to_thread.run_sync(apply)
        return applied.steps

    return trio.run(main)


def test_a_second_time_there_is_nothing_to_do(tmp_path: Path, store_settings: EnginePlace) -> None:
    assert run(tmp_path / "data", store_settings, 15) > 100


@pytest.mark.long
def test_a_second_time_there_is_nothing_to_do_after_many_plans(
    tmp_path: Path, store_settings: EnginePlace, engine: str, say: Say
) -> None:
    steps = run(tmp_path / "data", store_settings, 1_000)
    say(f"plans applied on {engine}: 1000, {steps} steps; 0 differences a second time")
