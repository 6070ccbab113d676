"""For whom the callers of a method work."""

import functools
from collections.abc import Awaitable, Callable

import pytest

from pymailcore.base.parties import Party, current_party


def parties_of(monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> list[Party]:
    """Note for whom each call of an async method is; gives the list that grows."""
    seen: list[Party] = []
    plain: Callable[..., Awaitable[object]] = getattr(owner, name)

    @functools.wraps(plain)
    async def noted(*args: object, **named: object) -> object:
        seen.append(current_party())
        return await plain(*args, **named)

    monkeypatch.setattr(owner, name, noted)
    return seen
