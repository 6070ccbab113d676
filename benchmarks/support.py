"""What the benchmarks share."""

import subprocess
import sys


def command(*arguments: str) -> str:
    """Run the command line; its standard output."""
    done = subprocess.run(
        [sys.executable, "-m", "pymailcore", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"pymailcore {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout
