"""What a helper gives up before it sees the first octet of an attachment; works without any privilege.

Theory of operation. Everything that is needed is imported and open by now. From here on:

- Landlock, where the kernel has it (Linux 5.13; TCP from 6.7, signals and abstract sockets from 6.12): no
  rule is given, so no path can be read, written, made, removed or executed, no TCP port bound or connected
  to, no process outside signalled or traced;
- no further file descriptor: the three there are stay the only ones, so with or without Landlock nothing can
  be opened and no socket made, of whatever family;
- no further process or thread (root is not counted by the kernel), no file grows, no core is dumped, the
  address space is bounded;
- no new privileges, and the first one to go when the machine runs out of memory.
"""

import contextlib
import ctypes
import math
import os
import resource
import struct
from pathlib import Path
from typing import Final

_STANDARD_FILES: Final = 3
_NICE: Final = 10
_OOM_SCORE: Final = 500

_PR_SET_NO_NEW_PRIVS: Final = 38
_LANDLOCK_CREATE_RULESET: Final = 444  # the same number on every architecture
_LANDLOCK_RESTRICT_SELF: Final = 446
_CREATE_RULESET_VERSION: Final = 1
_NETWORK_FROM: Final = 4
_SCOPES_FROM: Final = 6
_FILE_RIGHTS: Final = ((1, 13), (2, 14), (3, 15), (5, 16))
"""From which version of Landlock on how many rights over files are known."""
_NETWORK_RIGHTS: Final = 0b11
_SCOPES: Final = 0b11


def confine(memory_octets: int) -> list[str]:
    """Give up what can be given up; tells what was."""
    os.chdir("/")
    os.nice(_NICE)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(_OOM_SCORE), "ascii")
    done = []
    version = _landlock()
    if version:
        done.append(f"landlock {version}")
    limits = (
        ("memory", resource.RLIMIT_AS, memory_octets),
        ("core", resource.RLIMIT_CORE, 0),
        ("file size", resource.RLIMIT_FSIZE, 0),
        ("processes", resource.RLIMIT_NPROC, 0),
        ("files", resource.RLIMIT_NOFILE, _STANDARD_FILES),
    )
    for name, kind, value in limits:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (value, value))
            done.append(name)
    return done


def limit_cpu(seconds: float) -> None:
    """Let the kernel end this process when it has used so much more processor time."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = math.ceil(usage.ru_utime + usage.ru_stime + seconds)
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _landlock() -> int:
    """Confine this process by Landlock; gives the version of it, 0 where the kernel has none."""
    libc = ctypes.CDLL(None, use_errno=True)
    call = libc.syscall
    call.restype = ctypes.c_long
    version = int(call(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _CREATE_RULESET_VERSION))
    if version < 1:
        return 0
    rights = max(count for since, count in _FILE_RIGHTS if version >= since)
    attributes = struct.pack(
        "=QQQ",
        (1 << rights) - 1,
        _NETWORK_RIGHTS if version >= _NETWORK_FROM else 0,
        _SCOPES if version >= _SCOPES_FROM else 0,
    )
    size = 24 if version >= _SCOPES_FROM else 16 if version >= _NETWORK_FROM else 8
    ruleset = int(call(_LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(size), 0))
    if ruleset < 0:
        return 0
    try:
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            return 0
        return version if call(_LANDLOCK_RESTRICT_SELF, ruleset, 0) == 0 else 0
    finally:
        os.close(ruleset)
