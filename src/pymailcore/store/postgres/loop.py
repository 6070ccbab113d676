"""An asyncio loop in a thread of its own, and the way from a trio task into it and back.

Theory: a whole piece of work crosses once, so that it has one point where it can be cancelled. Work that must
not be cut runs to its end whatever happens to the caller, who then gets its outcome.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

import outcome
import trio
from uvloop import new_event_loop

T = TypeVar("T")


class _Hop:
    """One piece of work on its way."""

    def __init__(self, loop: asyncio.AbstractEventLoop, work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self._loop = loop
        self._work = work
        self._task = trio.lowlevel.current_task()
        self._token = trio.lowlevel.current_trio_token()
        self._running: asyncio.Task[Any] | None = None
        self._raise_cancel: Callable[[], object] | None = None

    def start(self) -> None:
        """Begin; in the asyncio thread."""
        self._running = self._loop.create_task(self._work())
        self._running.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[Any]") -> None:
        result: outcome.Outcome[Any]
        if task.cancelled():
            result = outcome.Error(asyncio.CancelledError())
        elif (error := task.exception()) is not None:
            result = outcome.Error(error)
        else:
            result = outcome.Value(task.result())
        try:
            self._token.run_sync_soon(self._wake, result)
        except trio.RunFinishedError:
            return

    def _wake(self, result: "outcome.Outcome[Any]") -> None:
        stopped = isinstance(result, outcome.Error) and isinstance(result.error, asyncio.CancelledError)
        if stopped and self._raise_cancel is not None:
            result = outcome.capture(self._raise_cancel)
        trio.lowlevel.reschedule(self._task, result)

    def abort(self, raise_cancel: Callable[[], object]) -> trio.lowlevel.Abort:
        """Ask the work to end early; the caller waits until it has."""
        self._raise_cancel = raise_cancel
        self._loop.call_soon_threadsafe(self._cancel)
        return trio.lowlevel.Abort.FAILED

    def _cancel(self) -> None:
        if self._running is not None:
            self._running.cancel()


class LoopThread:
    """The thread and its loop; made and used in one trio run."""

    def __init__(self, name: str) -> None:
        self.loop: asyncio.AbstractEventLoop = new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.loop.run_forever()
            left = asyncio.all_tasks(self.loop)
            for task in left:
                task.cancel()
            if left:
                self.loop.run_until_complete(asyncio.wait(left, timeout=5))
        finally:
            self.loop.close()

    async def run(self, work: Callable[[], Coroutine[Any, Any, T]], *, whole: bool) -> T:
        """Run a coroutine function there and give its outcome.

        Args:
            whole: it is never cut: a cancelled caller gets its outcome all the same.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        hop = _Hop(self.loop, work)
        self.loop.call_soon_threadsafe(hop.start)
        abort = _never if whole else hop.abort
        return cast("T", await trio.lowlevel.wait_task_rescheduled(abort))

    def close(self) -> None:
        """End the loop and the thread; blocks."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()


def _never(_: object) -> trio.lowlevel.Abort:
    return trio.lowlevel.Abort.FAILED
