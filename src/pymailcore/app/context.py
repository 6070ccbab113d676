"""What a process hands to the app that runs in it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import trio

from pymailcore.config.configuration import Configuration
from pymailcore.runtime.hub import ChangeHub
from pymailcore.runtime.metrics import Metrics
from pymailcore.runtime.serve import Acceptor
from pymailcore.runtime.shared_counters import SharedCounters
from pymailcore.runtime.tls import TlsContexts


@dataclass(slots=True, kw_only=True)
class Context:
    """One process of the family.

    Attributes:
        sockets: one for each listener of the configuration, in its order; none in a back worker.
        acceptor: shared by all listeners; `acceptor.draining` says that it is time to end.
        gather: gives the metrics of every process of the family.
        counters: where the family counts failed sign-ins; None where a process is the whole family.
    """

    configuration: Configuration
    tls: TlsContexts
    hub: ChangeHub
    metrics: Metrics
    acceptor: Acceptor
    sockets: list[trio.socket.SocketType]
    metrics_socket: trio.socket.SocketType | None
    gather: Callable[[], Awaitable[list[bytes]]]
    counters: SharedCounters | None = None


class App(Protocol):
    """What a process runs."""

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until the acceptor drains and all that was promised is done.

        Raises:
            MailError, OSError: what it needs cannot be had; before `task_status.started()`.
        """
        ...

    def reload(self, configuration: Configuration) -> None:
        """Use another configuration for everything that begins from now on."""
        ...
