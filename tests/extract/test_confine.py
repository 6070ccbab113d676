"""Each child tries what a hostile attachment would have it do, after it has confined itself."""

import ctypes
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

_CHILD = """
import ctypes, json, os, signal, socket, sys
from pymailcore.extract.confine import confine, limit_cpu
if os.geteuid() == 0:  # the kernel does not count the processes of root
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
folder, port = sys.argv[1], int(sys.argv[2])
ready_made = socket.socket()
ours, theirs = os.pipe()
other = os.fork()  # of the same user, and not confined
if other == 0:
    os.close(theirs)
    os.read(ours, 1)
    os._exit(0)
os.kill(other, 0)
done = confine(200 * 1024 * 1024)
def tried(work):
    try:
        work()
    except BaseException as fault:
        return type(fault).__name__
    return "done"
tries = {
    "open": lambda: open("/etc/passwd"),
    "source": lambda: open(os.__file__),
    "list": lambda: os.listdir("/"),
    "make": lambda: os.mkdir(folder + "/made"),
    "write": lambda: open(folder + "/new", "w"),
    "remove": lambda: os.unlink(folder + "/there"),
    "rename": lambda: os.rename(folder + "/there", folder + "/elsewhere"),
    "socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "unix": lambda: socket.socketpair(),
    "connect": lambda: ready_made.connect(("127.0.0.1", port)),
    "fork": lambda: os._exit(0) if os.fork() == 0 else None,
    "execute": lambda: os.execv(sys.executable, [sys.executable, "-c", "print('executed')"]),
    "signal": lambda: os.kill(other, 0),
    "pipe": lambda: os.pipe(),
    "memory": lambda: bytearray(300 * 1024 * 1024),
}
print(json.dumps({"done": done, **{name: tried(work) for name, work in tries.items()}}))
"""


def landlock_version() -> int:
    return max(0, int(ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1)))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    folder = tmp_path_factory.mktemp("confined")
    (folder / "there").write_text("x")
    for path in (folder, *list(folder.parents)[:2]):
        path.chmod(0o777)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        command = [sys.executable, "-I", "-c", _CHILD, str(folder), str(port)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert (folder / "there").exists()
    assert "executed" not in done.stdout
    loaded: dict[str, object] = json.loads(done.stdout)
    return loaded


@pytest.mark.parametrize(
    "what", ["open", "source", "list", "write", "socket", "unix", "pipe", "fork", "memory"]
)
def test_limits_alone_forbid(results: dict[str, object], what: str) -> None:
    """Whatever kernel there is."""
    assert results[what] in {"OSError", "PermissionError", "BlockingIOError", "MemoryError"}


@pytest.mark.parametrize(
    ("what", "since"),
    [("make", 1), ("remove", 1), ("rename", 1), ("execute", 1), ("connect", 4), ("signal", 6)],
)
def test_landlock_forbids_where_the_kernel_has_it(results: dict[str, object], what: str, since: int) -> None:
    """Files and execution from version 1 on, TCP from 4, signals from 6; before, only the limits stand."""
    assert results[what] == ("PermissionError" if landlock_version() >= since else "done")


def test_what_is_active_is_told(results: dict[str, object]) -> None:
    version = landlock_version()
    expected = ["memory", "core", "file size", "processes", "files"]
    assert results["done"] == ([f"landlock {version}"] if version else []) + expected


def test_a_process_that_uses_too_much_time_is_ended_by_the_kernel() -> None:
    code = "from pymailcore.extract.confine import limit_cpu\nlimit_cpu(0.1)\nwhile True: pass"
    done = subprocess.run([sys.executable, "-I", "-c", code], check=False, timeout=30)
    assert done.returncode == -24  # SIGXCPU


def test_the_test_can_see_what_is_forbidden(tmp_path: Path) -> None:
    """Without confinement each of these works, so that a refusal above means something."""
    assert list(Path("/").iterdir())
    os.kill(os.getppid(), 0)
    (tmp_path / "made").mkdir()
