"""Progress of long work on standard error, where that is a terminal; elsewhere silence."""

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class Bars:
    """One bar for each stretch of the work; several calls of `begin` with one name go on with one bar."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        self._progress.stop()

    def begin(self, what: str) -> None:
        """Something new begins; what went before is done."""
        self.end()
        self._task = self._progress.add_task(what, total=1.0)

    def at(self, share: float) -> None:
        """So much of it is done, from 0 to 1."""
        if self._task is not None:
            self._progress.update(self._task, completed=share)

    def end(self) -> None:
        """What was begun is done."""
        if self._task is not None:
            self._progress.update(self._task, completed=1.0)
            self._task = None
