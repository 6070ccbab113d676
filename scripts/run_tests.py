"""Run pytest with the tools that scripts/packages.sh may have unpacked under .cache/tools."""

import os
import resource
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".cache" / "tools"


def main() -> None:
    """Become pytest."""
    environment = dict(os.environ)
    if (TOOLS / ".complete").exists():
        libraries = [str(path) for path in (TOOLS / "usr" / "lib").glob("*-linux-gnu")]
        environment["PATH"] = f"{TOOLS / 'usr' / 'bin'}{os.pathsep}{environment['PATH']}"
        environment["LD_LIBRARY_PATH"] = os.pathsep.join(libraries)
        perl = [TOOLS / "usr" / "share" / "perl5", *TOOLS.glob("usr/lib/*-linux-gnu/perl5/*")]
        environment["PERL5LIB"] = os.pathsep.join(str(path) for path in perl)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # 5,000 tests, many with servers, in one process
    os.chdir(ROOT)
    os.execve(sys.executable, [sys.executable, "-m", "pytest", "-q", *sys.argv[1:]], environment)  # noqa: S606


if __name__ == "__main__":
    main()
