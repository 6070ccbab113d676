"""Makes system calls fail that go neither through SQLite's files nor through `Files`."""

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import apsw

_MMAP: Final = ctypes.CFUNCTYPE(
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_long,
    use_errno=True,
)
_FAILED: Final = ctypes.c_void_p(-1).value


def path_of(descriptor: int) -> Path:
    """What a descriptor is open on."""
    return Path(f"/proc/self/fd/{descriptor}").readlink()


@contextmanager
def failing(
    module: ModuleType, name: str, error: int, concerns: Callable[..., bool]
) -> Iterator[list[tuple[Any, ...]]]:
    """Let a function of `os` or `fcntl` fail in all threads where it concerns something.

    Gives the arguments of the calls that failed, as they fail.
    """
    real = getattr(module, name)
    fired: list[tuple[Any, ...]] = []

    def call(*args: Any, **named: Any) -> Any:  # noqa: ANN401
        if concerns(*args):
            fired.append(args)
            raise OSError(error, os.strerror(error))
        return real(*args, **named)

    setattr(module, name, call)
    try:
        yield fired
    finally:
        setattr(module, name, real)


@contextmanager
def no_shared_memory(error: int) -> Iterator[list[int]]:
    """Let SQLite map nothing: its -shm file cannot be opened or cannot grow. Gives the sizes refused."""
    fired: list[int] = []

    def call(_place: int, octets: int, *_: int) -> int | None:
        fired.append(octets)
        ctypes.set_errno(error)
        return _FAILED

    kept = _MMAP(call)
    place = ctypes.cast(kept, ctypes.c_void_p).value
    system = apsw.VFS("pymailcore-system-calls", "unix")
    try:
        real = system.xGetSystemCall("mmap")
        assert real
        assert place
        assert system.xSetSystemCall("mmap", place)
        try:
            yield fired
        finally:
            system.xSetSystemCall("mmap", real)
    finally:
        system.unregister()
