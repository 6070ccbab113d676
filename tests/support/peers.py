"""Servers and clients of other people, unpacked by `scripts/peers.sh` under .cache/peers, never installed."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]


def unpacked(name: str) -> Path:
    """The folder of a peer; `make test` puts it there."""
    folder = ROOT / ".cache" / "peers" / name
    if not (folder / ".complete").exists():
        raise RuntimeError(f"{folder} is missing: run `sh scripts/peers.sh`")
    return folder


def environment(name: str) -> dict[str, str]:
    """The environment in which a peer finds its libraries."""
    libraries = [str(path) for path in (unpacked(name) / "usr" / "lib").glob("*-linux-gnu")]
    libraries.append(str(unpacked(name) / "usr" / "lib" / name))
    return os.environ | {"LD_LIBRARY_PATH": os.pathsep.join(libraries), "LC_ALL": "C"}
