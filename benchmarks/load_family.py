"""A server for load: domain bench.test, accounts user0 to user139, password "bench", fixed loopback ports.

    python -m benchmarks.load_family FOLDER [--processes 2]

It serves in the foreground until it is stopped (SIGTERM): SMTP 22725, IMAP 22743 (login in clear), IMAPS
22793, HTTP 22780. These are the ports of the target `pymailcore` of the load generator that compares mail
servers. A folder that is there already is served again with its mail.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import trio

from benchmarks.support import command
from pymailcore.base.address import Address
from pymailcore.cli.installation import open_installation
from pymailcore.directory.actors import SYSTEM

ACCOUNTS = 140
Listener = tuple[str, int, str]
LISTENERS: Final[Sequence[Listener]] = (
    ("smtp", 22725, "none"),
    ("imap", 22743, "none"),
    ("imap", 22793, "implicit"),
    ("http", 22780, "none"),
)


def make(folder: Path, listeners: Sequence[Listener] = LISTENERS, accounts: int = ACCOUNTS) -> Path:
    """Make the installation; gives its configuration file."""
    config = folder / "pymailcore.toml"
    if config.exists():
        return config
    command("init", str(folder), "--hostname", "mx.bench.test", "--domain", "bench.test")
    settings, _, _ = config.read_text("utf-8").partition("[[listener]]")
    settings += "[directory]\npassword_min_characters = 5\n\n"
    for protocol, port, tls in listeners:
        settings += f'[[listener]]\nprotocol = "{protocol}"\nbind = "127.0.0.1:{port}"\ntls = "{tls}"\n'
        settings += "plaintext_login = true\n\n"
    config.write_text(settings, "utf-8")
    trio.run(add_accounts, config, accounts)
    return config


async def add_accounts(config: Path, accounts: int) -> None:
    """Make the accounts, in one go."""
    async with open_installation(config) as core:
        for number in range(accounts):
            await core.directory.accounts.add(SYSTEM, Address(f"user{number}", "bench.test"), "bench")


def main() -> None:
    """Make what is missing, then become the server."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--processes", type=int, default=2)
    chosen = parser.parse_args()
    config = make(chosen.folder)
    arguments = ["-m", "pymailcore", "serve", "--config", str(config), "--processes", str(chosen.processes)]
    os.execv(sys.executable, [sys.executable, *arguments])


if __name__ == "__main__":
    main()
