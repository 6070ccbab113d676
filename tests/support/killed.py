"""A command in a process of its own, which is killed (SIGKILL) when it calls a certain function.

python -m tests.support.killed MODULE:NAME ARGUMENT COMMAND…
"""

import importlib
import os
import signal
import subprocess
import sys
from typing import Any

from pymailcore.cli.main import main


def killed_at(place: str, argument: str, *command: object) -> None:
    """Run a command that must not come to its end.

    Args:
        place: "module:name" or "module:Class.name" of what is called.
        argument: only the call with it counts; "" takes the first.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.killed", place, argument, *map(str, command)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, (place, argument, done.returncode, done.stderr)


def _arm(place: str, argument: str) -> None:
    module, _, name = place.partition(":")
    owner: Any = importlib.import_module(module)
    *way, last = name.split(".")
    for step in way:
        owner = getattr(owner, step)
    real = getattr(owner, last)

    def call(*args: object, **named: object) -> object:
        if not argument or argument in args:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **named)

    setattr(owner, last, call)


if __name__ == "__main__":
    _arm(sys.argv[1], sys.argv[2])
    main(sys.argv[3:])
