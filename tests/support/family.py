"""A whole family of processes, started as an operator starts it, on free loopback ports."""

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

PASSWORD = "correct horse battery"
DOMAIN = "example.test"
ACCOUNTS = ("anna", "ben")


def free_port() -> int:
    """A loopback port that nobody listens on, and that nobody else is given while this process lives.

    A socket stays bound to it and never listens: the system gives the port to no other that asks for any, and
    a server that sets SO_REUSEADDR may listen on it all the same.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    port = int(holder.getsockname()[1])
    holder.detach()
    return port


def command(*arguments: str, config: Path | None = None, text: str | None = None) -> str:
    """Run the command line; its standard output."""
    environment = dict(os.environ)
    if config is not None:
        environment["PYMAILCORE_CONFIG"] = str(config)
    done = subprocess.run(
        [sys.executable, "-m", "pymailcore", *arguments],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"pymailcore {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def _commands(*commands: tuple[list[str], str | None]) -> None:
    """Run several commands, each with its standard input, in one process."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.commands_child"],
        input=json.dumps(commands),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    if done.returncode:
        raise RuntimeError(done.stderr)


class Family:
    """`pymailcore serve` on a folder; entered: it is ready, left: it is gone."""

    def __init__(
        self,
        folder: Path,
        *,
        processes: int = 2,
        extra: str = "",
        domain: str = DOMAIN,
        hostname: str = "mx.test",
        metadata: str = "",
        blobs: str = "",
        accounts: Sequence[str] = ACCOUNTS,
    ) -> None:
        self.folder = folder
        self.processes = processes
        self.domain = domain
        self.config = folder / "pymailcore.toml"
        self.ports = {
            name: free_port()
            for name in ("smtp", "submission", "submissions", "imap", "imaps", "http", "https")
        }
        if not self.config.exists():
            place = ("--metadata", metadata) if metadata else ()
            config = ("--config", str(self.config))
            add = [
                ([*config, "account", "add", self.address(name), "--password-stdin"], PASSWORD)
                for name in accounts
            ]
            _commands((["init", str(folder), "--hostname", hostname, "--domain", domain, *place], None), *add)
            settings, _, _ = self.config.read_text("utf-8").partition("[[listener]]")
            where = f'blobs = "{blobs}"\n' if blobs else ""
            self.config.write_text(settings + where + extra + self._listeners(), "utf-8")
        self._process: subprocess.Popen[str] | None = None

    def _listeners(self) -> str:
        kinds = {
            "smtp": ("smtp", "starttls", True),
            "submission": ("submission", "starttls", False),
            "submissions": ("submission", "implicit", False),
            "imap": ("imap", "starttls", True),
            "imaps": ("imap", "implicit", False),
            "http": ("http", "none", True),
            "https": ("http", "implicit", False),
        }
        return "".join(
            f'\n[[listener]]\nprotocol = "{protocol}"\nbind = "127.0.0.1:{self.ports[name]}"\n'
            f'tls = "{tls}"\nplaintext_login = {"true" if plain else "false"}\n'
            for name, (protocol, tls, plain) in kinds.items()
        )

    def address(self, name: str) -> str:
        """The address, and login name, of an account."""
        return f"{name}@{self.domain}"

    def add_account(self, name: str) -> None:
        """Make an account, with the server up or down."""
        self.run("account", "add", self.address(name), "--password-stdin", text=PASSWORD)

    def start(self) -> None:
        """Start and wait until it is ready."""
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """Start, without waiting for anything."""
        log = (self.folder / "serve.log").open("a", encoding="utf-8")
        arguments = ["serve", "--config", str(self.config), "--processes", str(self.processes)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pymailcore", *arguments],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
        log.close()

    def wait_ready(self) -> None:
        """Wait until it is ready."""
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("ready"):
                return
        raise RuntimeError((self.folder / "serve.log").read_text("utf-8")[-4000:])

    def stop(self) -> int:
        """Stop by SIGTERM and wait; the exit status."""
        assert self._process is not None
        self._process.terminate()
        return self._wait()

    def kill(self) -> None:
        """Kill -9 every process of the family at once."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._wait()

    def _wait(self) -> int:
        assert self._process is not None
        assert self._process.stdout is not None
        status = self._process.wait(timeout=40)
        self._process.stdout.close()
        self._process = None
        return status

    @property
    def pid(self) -> int:
        """Process id of the supervisor."""
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self.kill() if kind else self.stop()

    def run(self, *arguments: str, text: str | None = None) -> str:
        """Run a command on this installation."""
        return command(*arguments, config=self.config, text=text)


def unverified_tls() -> ssl.SSLContext:
    """A client context that takes the self-signed certificate of a test server."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
