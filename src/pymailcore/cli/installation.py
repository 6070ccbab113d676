"""The store of a configuration, opened by a command: beside a running server, or without one."""

import contextlib
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import trio

from pymailcore.app.core import Core, open_core
from pymailcore.cli.common import Failure
from pymailcore.config.configuration import Configuration
from pymailcore.config.read import read_file
from pymailcore.runtime.hub import ChangeHub
from pymailcore.runtime.hub_link import announce
from pymailcore.runtime.logs import configure
from pymailcore.runtime.metrics import Metrics
from pymailcore.runtime.privileges import drop_privileges
from pymailcore.runtime.settings import LogSettings

T = TypeVar("T")


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run the trio half of a command; a fault comes out as it was raised, without groups around it."""
    try:
        return trio.run(work)
    except BaseExceptionGroup as group:
        fault: BaseException = group
        while isinstance(fault, BaseExceptionGroup) and len(fault.exceptions) == 1:
            fault = fault.exceptions[0]
        raise fault from None


@contextlib.asynccontextmanager
async def open_installation(config: Path, *, any_state: bool = False) -> AsyncIterator[Core]:
    """Open the store of a configuration, beside a running server or without one.

    Changes are on disk when the methods return; a server that runs is told at once by its hub.

    Args:
        any_state: also a store that is not whole yet, or was moved away.
    """
    async with open_core_of(read_file(config), any_state=any_state) as core:
        yield core


@contextlib.asynccontextmanager
async def open_core_of(configuration: Configuration, *, any_state: bool = False) -> AsyncIterator[Core]:
    """The same for a configuration that is read already."""
    configure(LogSettings(level="warning", format="console"))
    if not configuration.data.is_dir():
        raise Failure(f"data: {configuration.data} is no folder; `pymailcore init` makes one")
    if configuration.user and os.geteuid() == 0:
        drop_privileges(configuration.user)
    hub, hub_path = ChangeHub(), configuration.hub_path

    def tell(channel: int, value: int) -> None:
        announce(hub_path, channel, value)

    hub.forward_to(tell)
    async with open_core(configuration, hub, Metrics(), maintain=False, any_state=any_state) as core:
        yield core
