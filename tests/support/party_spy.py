"""For whom the callers of a method work, whose rows they may touch, and whose commands had turns."""

import functools
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

import pytest

from pymailcore.base.parties import SERVER, Party, current_party
from pymailcore.base.reach import Reach, current_reach
from pymailcore.runtime.command_turns import CommandTurns

T = TypeVar("T")


def parties_of(monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> list[Party]:
    """Note for whom each call of an async method is; gives the list that grows."""
    return _noted(monkeypatch, owner, name, current_party)


def reaches_of(monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> list[Reach]:
    """Note whose rows each call of an async method may touch; gives the list that grows."""
    return _noted(monkeypatch, owner, name, current_reach)


def _noted(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, ask: Callable[[], T]) -> list[T]:
    seen: list[T] = []
    plain: Callable[..., Awaitable[object]] = getattr(owner, name)

    @functools.wraps(plain)
    async def noted(*args: object, **named: object) -> object:
        seen.append(ask())
        return await plain(*args, **named)

    monkeypatch.setattr(owner, name, noted)
    return seen


def turns_of(monkeypatch: pytest.MonkeyPatch) -> list[Party]:
    """Note for whom commands ask for their turns; gives the list that grows."""
    seen: list[Party] = []
    plain = CommandTurns.turn

    def noted(self: CommandTurns) -> AbstractAsyncContextManager[None]:
        party = current_party()
        if party != SERVER:
            seen.append(party)
        return plain(self)

    monkeypatch.setattr(CommandTurns, "turn", noted)
    return seen
