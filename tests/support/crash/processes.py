"""The parent's side of `child`: starts processes that use a store, reads what they report, kills them."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[3]

Line = dict[str, Any]


class Child:
    """One process and what it has reported."""

    def __init__(self, nursery: "Nursery", process: int, pipe: int) -> None:
        self._nursery = nursery
        self.process = process
        self.pipe = pipe
        self._rest = b""
        self._lines: deque[bytes] = deque()
        self._gone = False
        self.on_dead_disk = False  # reads what the kernel has thrown away: it may fail in any way
        self.ended = False

    def lines(self) -> Iterator[Line]:
        """What has arrived by now, without waiting, each line once; only whole lines."""
        while self._lines or self._read():
            while self._lines:
                report: Line = json.loads(self._lines.popleft())
                if "error" in report:
                    assert self.on_dead_disk, report["error"]
                    continue
                yield report

    def _read(self) -> bool:
        if self.ended or not select.select([self.pipe], [], [], 0)[0]:
            return False
        octets = os.read(self.pipe, 1 << 20)
        self.ended = not octets
        *whole, self._rest = (self._rest + octets).split(b"\n")
        self._lines.extend(whole)
        return not self.ended

    def kill(self, kind: int = signal.SIGKILL) -> None:
        """End it; returns when it is gone."""
        if not self._gone:
            self._gone = True
            os.kill(self.process, kind)
            self._nursery.order({"wait": self.process})

    def close(self) -> None:
        """End it and read no more."""
        if self.pipe >= 0:
            self.kill()
            os.close(self.pipe)
            self.pipe = -1
            self.ended = True


class Nursery:
    """Starts children from one process that has imported everything; left: all are gone."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.crash.child", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd=ROOT,
            )
        self._children: list[Child] = []

    def order(self, order: Line, pipes: Sequence[int] = ()) -> Any:  # noqa: ANN401
        """Give an order and wait for the answer."""
        socket.send_fds(self._ours, [json.dumps(order).encode()], list(pipes))
        return json.loads(self._ours.recv(4096))

    def start(self, **order: object) -> Child:
        """Start a child."""
        reading, writing = os.pipe()
        try:
            process = self.order(order, [writing])
        finally:
            os.close(writing)
        child = Child(self, process, reading)
        self._children.append(child)
        return child

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self._children:
            child.close()
        self._ours.close()
        self._process.wait(20)


def follow(children: Sequence[Child], until: Callable[[Line], bool], *, seconds: float = 30.0) -> None:
    """Take the children's lines as they come until one is the last that is wanted."""
    deadline = time.monotonic() + seconds
    while True:
        live = [child for child in children if not child.ended]
        assert live, "all processes have ended"
        assert time.monotonic() < deadline, "nothing more was reported"
        ready, _, _ = select.select([child.pipe for child in live], [], [], 1.0)
        for child in live:
            if child.pipe in ready:
                for line in child.lines():
                    if until(line):
                        return


def drain(children: Sequence[Child], take: Callable[[Line], object]) -> None:
    """Take what children that are gone had reported."""
    for child in children:
        for line in child.lines():
            take(line)
