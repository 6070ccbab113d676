"""Unpack Debian packages, and the libraries that they need and this machine lacks, into a folder.

`unpack_debs.py FOLDER PACKAGE…` needs no root and installs nothing. Lists of packages are those of the
machine where it has them, else they are fetched into .cache/apt.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CACHE = Path(__file__).resolve().parent.parent / ".cache" / "apt"


def run(*command: str, folder: Path | None = None) -> str:
    """Run a program and give its output; its complaints go to standard error."""
    environment = os.environ | {"LC_ALL": "C"}
    return subprocess.run(
        command, cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def apt_options() -> list[str]:
    """Options that make apt work without root on lists of its own."""
    options = []
    for key, path in (("Dir::State::lists", "lists/partial"), ("Dir::Cache", "cache/archives/partial")):
        (CACHE / path).mkdir(parents=True, exist_ok=True)
        options += ["-o", f"{key}={CACHE / path.split('/')[0]}"]
    return [*options, "-o", "APT::Sandbox::User=", "-o", "Debug::NoLocking=true"]


def are_known(options: list[str], packages: list[str]) -> bool:
    """Whether apt has a version of each package to offer."""
    policy = run("apt-cache", *options, "policy", *packages)
    return policy.count("  Candidate: ") == len(packages) and "Candidate: (none)" not in policy


def wanted(options: list[str], packages: list[str]) -> list[str]:
    """The packages, and all that an installation of them would bring besides."""
    simulated = run("apt-get", *options, "--simulate", "--no-install-recommends", "install", *packages)
    brought = [line.split()[1] for line in simulated.splitlines() if line.startswith("Inst ")]
    return sorted({*brought, *packages})


def main() -> None:
    """Unpack what the arguments name."""
    folder, packages = Path(sys.argv[1]), sys.argv[2:]
    options = ["-o", "APT::Sandbox::User="]
    if not are_known(options, packages):
        if os.geteuid() == 0:
            run("apt-get", "update", "-qq")
        else:
            options = apt_options()
            run("apt-get", *options, "update", "-qq")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as downloads:
        names = wanted(options, packages)
        run("apt-get", *options, "download", "-qq", *names, folder=Path(downloads))
        for archive in sorted(Path(downloads).glob("*.deb")):
            run("dpkg", "-x", str(archive), str(folder))
    (folder / ".complete").touch()


if __name__ == "__main__":
    if not shutil.which("apt-get"):
        sys.exit("unpack_debs.py needs apt-get")
    main()
