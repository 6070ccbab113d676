"""Work that goes on while a peer talks, and what comes of it: for questions that nobody need wait for.

Contract: there is a most of it at a time, so that a flood of peers is no flood of questions; what is beyond
that is not begun. It ends with the server, or when who asked gives it up.
"""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import trio

from pymailcore.runtime.logs import get_logger

log = get_logger()

T = TypeVar("T")


class Pending(Generic[T]):
    """What comes of one piece of work, when it is known.

    Attributes:
        value: None as long as it is not known, and where it never will be.
    """

    def __init__(self) -> None:
        self.value: T | None = None
        self.scope = trio.CancelScope()
        self._ended = trio.Event()

    def end(self, value: T | None) -> None:
        """Say what has come of it."""
        self.value = value
        self._ended.set()

    @property
    def ended(self) -> bool:
        """Whether no more is to come."""
        return self._ended.is_set()

    async def wait(self, seconds: float) -> T | None:
        """Give it, after at most so long."""
        if not self._ended.is_set() and seconds > 0:
            with trio.move_on_after(seconds):
                await self._ended.wait()
        return self.value

    def give_up(self) -> None:
        """Let the work end where it is; nobody wants to know any more."""
        self.scope.cancel()


class Beside:
    """Does such work, a task for each.

    Args:
        most_count: tasks at a time.
    """

    def __init__(self, most_count: int) -> None:
        self._most_count = most_count
        self._nursery: trio.Nursery | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Let work be done until cancelled; before that none is."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                self._nursery = None

    def begin(self, work: Callable[[], Awaitable[T | None]], pending: Pending[T]) -> None:
        """Begin a piece of work, which ends `pending`: with None at once where there is too much of it."""
        nursery = self._nursery
        if nursery is None or len(nursery.child_tasks) >= self._most_count:
            pending.end(None)
        else:
            nursery.start_soon(self._do, work, pending)

    async def _do(self, work: Callable[[], Awaitable[T | None]], pending: Pending[T]) -> None:
        value: T | None = None
        try:
            with pending.scope:
                value = await work()
        except Exception:
            # A fault of ours in one piece of work: the others, and the server, go on.
            log.exception("fault beside a conversation")
        finally:
            pending.end(value)
