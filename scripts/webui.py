"""Build and check the web UI with the Node that pip brings; nothing happens when it is up to date.

`webui.py build` writes src/pymailcore/web/static, `webui.py check` runs types, lint and tests.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEBUI = ROOT / "webui"
STATIC = ROOT / "src" / "pymailcore" / "web" / "static"
CACHE = ROOT / ".cache" / "webui"
LEFT_OUT = {"node_modules", "dist", ".vite"}


def digest(*suffixes: str) -> str:
    """One digest over the sources, or over the files with these names."""
    summed = hashlib.sha256()
    for path in sorted(WEBUI.rglob("*")):
        inside = path.relative_to(WEBUI)
        if path.is_file() and not LEFT_OUT & set(inside.parts) and (not suffixes or path.name in suffixes):
            summed.update(f"{inside}\0".encode() + path.read_bytes())
    return summed.hexdigest()


def is_done(stamp: str, value: str) -> bool:
    """Whether a step was done for exactly this state."""
    path = CACHE / stamp
    return path.exists() and path.read_text() == value


def done(stamp: str, value: str) -> None:
    """Remember that a step is done."""
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE / stamp).write_text(value)


def npm(*arguments: str, quiet: bool) -> None:
    """Run npm in the sources of the web UI."""
    folder = Path(sys.executable).parent
    environment = os.environ | {
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "npm_config_update_notifier": "false",
        "npm_config_fund": "false",
        "npm_config_audit": "false",
        "npm_config_cache": str(ROOT / ".cache" / "npm"),
    }
    ended = subprocess.run(
        [folder / "npm", *arguments],
        cwd=WEBUI,
        env=environment,
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
        text=True,
        check=False,
    )
    if ended.returncode:
        sys.exit(f"{ended.stdout or ''}npm {' '.join(arguments)} failed")


def install() -> None:
    """Install the packages of package-lock.json."""
    state = digest("package.json", "package-lock.json")
    if not (WEBUI / "node_modules").is_dir() or not is_done("install", state):
        print("Installing the packages of the web UI")
        npm("ci", "--no-progress", "--loglevel=error", quiet=True)
        done("install", state)


def main() -> None:
    """Do what the argument says."""
    if not (WEBUI / "package.json").exists():
        return
    state = digest()
    if sys.argv[1] == "build" and not ((STATIC / "index.html").exists() and is_done("build", state)):
        install()
        print("Building the web UI")
        npm("run", "build", quiet=True)
        done("build", state)
    if sys.argv[1] == "check" and not is_done("check", state):
        install()
        npm("run", "check", quiet=False)
        done("check", state)


if __name__ == "__main__":
    main()
