"""Calls administrative operations for the person who runs a command: an operator, who may do everything."""

import functools
import getpass
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from pymailcore.admin.operation import Record
from pymailcore.app.core import Core
from pymailcore.cli.common import Lister, Some
from pymailcore.cli.installation import open_installation, run
from pymailcore.directory.actors import Actor

PAGE_ITEMS: Final = 1_000
"""Items that are asked for at once, and so the most that are in memory."""


def operator() -> Actor:
    """Whoever runs this command; with sudo, who called it."""
    return Actor.operator(os.environ.get("SUDO_USER") or _user(os.getuid()))


@functools.cache
def _user(number: int) -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in a container
        return str(number)


async def call(core: Core, name: str, /, **arguments: object) -> Record:
    """Do an operation; see `admin.registry.Administration.call`."""
    return await core.administration.call(operator(), name, arguments)


def do(config: Path, name: str, /, **arguments: object) -> Record:
    """Open the store of a configuration and do one operation."""

    async def work() -> Record:
        async with open_installation(config) as core:
            return await call(core, name, **arguments)

    return run(work)


class Pages:
    """A list, page by page, each with what stands for the beginning of the next one (None: it was the last).

    Args:
        start: what stood for the beginning; None for the first page.
        by: how the operation calls that.
    """

    def __init__(
        self,
        core: Core,
        name: str,
        start: object = None,
        *,
        page: int = PAGE_ITEMS,
        by: str = "after",
        **arguments: object,
    ) -> None:
        self._core = core
        self._name = name
        self._by = by
        self._arguments = {**arguments, "limit": page}
        self._following = start
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[list[Record], object]:
        if self._ended:
            raise StopAsyncIteration
        given = {} if self._following is None else {self._by: self._following}
        found = await call(self._core, self._name, **self._arguments, **given)
        self._following = found.get("next")
        self._ended = self._following is None
        return items_of(found), self._following


def items_of(found: Record) -> list[Record]:
    """The items of what a list gave."""
    items = found["items"]
    return items if isinstance(items, list) else []


async def listed(core: Core, name: str, /, **arguments: object) -> list[Record]:
    """All items of a list that has no pages."""
    return items_of(await call(core, name, **arguments))


def write_list(
    config: Path, name: str, columns: Sequence[str], some: Some, *, as_json: bool, **arguments: object
) -> None:
    """Write a list while it is read, so that one of any length needs the memory of a page."""

    async def work() -> None:
        with Lister(columns, as_json=as_json) as lister:
            async with open_installation(config) as core:
                await write_pages(core, name, lister, some, some.start(), by="after", **arguments)

    run(work)


async def write_pages(
    core: Core,
    name: str,
    lister: Lister,
    some: Some,
    start: object,
    *,
    by: str,
    **arguments: object,
) -> None:
    """The same for a store that is open; says at last how to go on where the limit cut it.

    Args:
        start, by: of `Pages`.
    """
    left = some.limit
    page = PAGE_ITEMS if left is None else min(left, PAGE_ITEMS)
    async for items, following in Pages(core, name, start, page=page, by=by, **arguments):
        lister.add(items if left is None else items[:left])
        if left is None:
            continue
        left -= len(items)
        if left <= 0:
            if following is not None:
                lister.note(f"there may be more: --after {some.written(following)!r}")
            return


def write_whole_list(
    config: Path, name: str, columns: Sequence[str], *, as_json: bool, **arguments: object
) -> None:
    """Write a list that has no pages."""
    with Lister(columns, as_json=as_json) as lister:
        lister.add(items_of(do(config, name, **arguments)))
