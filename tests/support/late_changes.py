"""Calls of operations that are held between the decision and the change, while something happens."""

import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, cast

import pytest
import trio
from tests.support.access import Case, Told, told
from tests.support.administration import Installation

from pymailcore.admin import registry
from pymailcore.admin.operation import Call, Operation, Record
from pymailcore.base.errors import MailError
from pymailcore.directory.actors import Actor
from pymailcore.store.types import Row, Transaction

T = TypeVar("T")


async def late(
    monkeypatch: pytest.MonkeyPatch,
    calls: Sequence[Callable[[], Awaitable[T]]],
    inject: Callable[[], Awaitable[object]],
) -> list[T]:
    """Make calls of operations, and let something happen between the decisions and what any of them does."""
    arrived, results, go = 0, list[T](), trio.Event()

    def held(one: Operation[Any]) -> Operation[Any]:
        async def run(call: Call, given: object) -> Record:
            nonlocal arrived
            arrived += 1
            if arrived == len(calls):
                await inject()  # what this one calls goes through
                go.set()
            elif arrived < len(calls):
                await go.wait()
            done: Record = await one.run(call, given)
            return done

        return dataclasses.replace(one, run=run)

    async def make(call: Callable[[], Awaitable[T]], place: int) -> None:
        results[place] = await call()

    results.extend([cast(T, None)] * len(calls))
    with monkeypatch.context() as patched, trio.fail_after(60):
        patched.setattr(
            registry, "OPERATIONS", {name: held(one) for name, one in registry.OPERATIONS.items()}
        )
        async with trio.open_nursery() as nursery:
            for place, call in enumerate(calls):
                nursery.start_soon(make, call, place)
    return results


async def records_of(it: Installation, actor: Actor) -> list[str]:
    """What somebody has done, by the audit log."""

    async def work(tx: Transaction) -> list[Row]:
        return await tx.rows("SELECT action FROM audit WHERE actor = ?1 ORDER BY seq", actor.name)

    return [row[0] for row in await it.directory.read(work)]


async def caught(it: Installation, actor: Actor, case: Case) -> Told:
    try:
        return await told(it, actor, case, it.places["own"])
    except MailError as fault:
        return Told(type(fault).__name__, str(fault))
