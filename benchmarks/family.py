"""Time until `pymailcore serve` is ready, and the memory of the idle family.

    python -m benchmarks.family [--processes 2] [--runs 5]

Memory is what the kernel says of each process: RSS counts a page that several share for each of them, PSS
counts it once in all.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.support import command


def memory_of(process: int) -> tuple[str, int, int]:
    """The module that a process runs, its RSS and its PSS in KiB."""
    words = Path(f"/proc/{process}/cmdline").read_bytes().decode().split("\0")
    name = next((word for word in words if word.startswith("pymailcore.")), words[0])
    values = dict.fromkeys(("Rss", "Pss"), 0)
    for line in Path(f"/proc/{process}/smaps_rollup").read_text("ascii").splitlines():
        key, _, rest = line.partition(":")
        if key in values:
            values[key] = int(rest.split()[0])
    return name, values["Rss"], values["Pss"]


def family_of(parent: int) -> list[int]:
    """A process and its children."""
    tasks = Path(f"/proc/{parent}/task").glob("*/children")
    return [parent, *(int(child) for task in tasks for child in task.read_text("ascii").split())]


def tree_of(root: int) -> list[int]:
    """A process and all that come from it."""
    found = [root]
    for process in found:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            found += family_of(process)[1:]
    return found


def cpu_seconds(root: int) -> float:
    """CPU time of a process and all that come from it, those that have ended and were waited for included."""
    ticks = 0
    for process in tree_of(root):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            fields = Path(f"/proc/{process}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def start(config: Path, processes: int) -> tuple[subprocess.Popen[str], float]:
    """Start the server; gives it and the seconds until it said that it is ready."""
    began = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, "-m", "pymailcore", "serve", "--config", str(config), "--processes", str(processes)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdout is not None
    for line in server.stdout:
        if line.startswith("ready"):
            return server, time.perf_counter() - began
    raise RuntimeError("the server ended before it was ready")


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description="time to ready and memory of an idle family")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    chosen = parser.parse_args()
    times = []
    with tempfile.TemporaryDirectory() as folder:
        command("init", folder, "--hostname", "mx.bench.test", "--domain", "bench.test", "--loopback")
        for _ in range(chosen.runs):
            server, seconds = start(Path(folder) / "pymailcore.toml", chosen.processes)
            times.append(seconds)
            rows = [memory_of(process) for process in family_of(server.pid)]
            server.terminate()
            server.wait(40)
    print(f"time to ready: median {statistics.median(times):.2f} s of {len(times)}, best {min(times):.2f} s")
    for name, rss, pss in rows:
        print(f"{name:32} RSS {rss / 1024:6.1f} MiB   PSS {pss / 1024:6.1f} MiB")
    all_rss, all_pss = sum(row[1] for row in rows), sum(row[2] for row in rows)
    print(f"{'all':32} RSS {all_rss / 1024:6.1f} MiB   PSS {all_pss / 1024:6.1f} MiB")


if __name__ == "__main__":
    main()
