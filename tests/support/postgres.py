"""A real PostgreSQL for tests: one cluster for the session in a folder of its own.

Its files lie in memory where the machine has a tmpfs, so that fsync, which stays on, costs nothing. It
listens on a Unix socket only and ends when this process does, however that ends.
"""

import contextlib
import functools
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from tests.support.peers import ROOT, environment, unpacked

OWNERS = ("postgres", "nobody")
"""Who runs it where the tests run as root: PostgreSQL refuses to."""

ROLE = "mail"
"""The role of the server under test: it owns its database, and is no superuser, whom no policy binds."""

_SETTINGS = """
listen_addresses = ''
max_connections = 200
shared_buffers = 64MB
wal_level = minimal
max_wal_senders = 0
max_wal_size = 256MB
jit = off
deadlock_timeout = 50ms
timezone = 'UTC'
log_min_messages = fatal
"""
_END = "-- end of the answer --"
_WATCH = '"$@" & server=$!; read -r _; kill -INT $server; wait $server; rm -rf "$FOLDER"'
"""Ends the server when the pipe to this process is closed."""


def programs() -> Path:
    """The folder of PostgreSQL's own programs, 15 or later; `make test` brings one where there is none."""
    installed = sorted(Path("/usr/lib/postgresql").glob("1[5-9]/bin/initdb"))
    if installed:
        return installed[-1].parent
    return next(unpacked("postgresql").glob("usr/lib/postgresql/*/bin"))


def _environment(folder: Path) -> dict[str, str]:
    peer = (ROOT / ".cache" / "peers" / "postgresql" / ".complete").exists()
    base = environment("postgresql") if peer and "peers" in str(programs()) else dict(os.environ)
    return {**base, "LC_ALL": "C", "FOLDER": str(folder), "HOME": str(folder)}


class Cluster:
    """A running PostgreSQL.

    Args:
        settings: further lines of postgresql.conf.
        kept: a folder that stays, with the databases in it; one that is there is used again.
    """

    def __init__(self, settings: str = "", kept: Path | None = None) -> None:
        memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made below it
        place = memory if os.access(memory, os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(prefix="pg", dir=place)) if kept is None else kept.absolute()
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self._kept = kept is not None
        self._settings = settings
        self._numbers = itertools.count(1)
        self._asking: dict[str, subprocess.Popen[str]] = {}
        self._user: str | None = None
        if os.geteuid() == 0:
            self._user = next(name for name in OWNERS if _is_user(name))
            os.chown(self.folder, pwd.getpwnam(self._user).pw_uid, -1)
        if not (self.folder / "data" / "PG_VERSION").exists():
            self._make()
        self._server = self._start()
        if not self._sql("postgres", f"SELECT to_regrole('{ROLE}')"):
            self._sql("postgres", f"CREATE ROLE {ROLE} LOGIN")

    def _make(self) -> None:
        data = self.folder / "data"
        self._run("initdb", "-D", str(data), "-U", "test", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        conf = f"{_SETTINGS}\nunix_socket_directories = '{self.folder}'\n{self._settings}\n"
        self._run("tee", "-a", str(data / "postgresql.conf"), text=conf)

    def _run(self, program: str, *arguments: str, text: str = "") -> None:
        path = programs() / program
        done = subprocess.run(
            [str(path) if path.exists() else program, *arguments], input=text, text=True, user=self._user,
            capture_output=True, cwd=self.folder, env=_environment(self.folder), check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr[-2000:]}")

    def _start(self) -> "subprocess.Popen[bytes]":
        server = subprocess.Popen(
            ["/bin/sh", "-c", _WATCH, "watch", str(programs() / "postgres"), "-D", str(self.folder / "data")],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=self._user,
            cwd=self.folder, env={**_environment(self.folder), **({"FOLDER": ""} if self._kept else {})},
            process_group=0,
        )  # fmt: skip
        until = time.monotonic() + 30
        while not (self.folder / ".s.PGSQL.5432").exists():
            if server.poll() is not None or time.monotonic() > until:
                raise RuntimeError("PostgreSQL did not start")
            time.sleep(0.02)
        return server

    def _sql(self, database: str, sql: str) -> str:
        """Run SQL with psql's own program, tried again while the server starts."""
        command = [str(programs() / "psql"), "-h", str(self.folder), "-U", "test", "-XAtqc", sql, database]
        until = time.monotonic() + 30
        while True:
            done = subprocess.run(
                command, capture_output=True, text=True, env=_environment(self.folder), check=False
            )
            if not done.returncode:
                return done.stdout.strip()
            if "starting up" not in done.stderr or time.monotonic() > until:
                raise RuntimeError(done.stderr)
            time.sleep(0.05)

    def sql(self, sql: str, database: str = "postgres") -> str:
        """Run SQL from outside of the server under test; gives what psql prints."""
        return self._sql(database, sql)

    def url(self, database: str) -> str:
        """The address of a database."""
        return f"postgresql://{ROLE}@/{database}?host={quote(str(self.folder), safe='')}"

    def ask(self, sql: str, database: str) -> str:
        """Run SQL in a session that stays; gives what psql prints."""
        asking = self._asking.get(database)
        if asking is None:
            command = [str(programs() / "psql"), "-h", str(self.folder), "-U", "test", "-XAtq", "-v",
                       "ON_ERROR_STOP=1", database]  # fmt: skip
            asking = self._asking[database] = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                env=_environment(self.folder),
            )  # fmt: skip
        assert asking.stdin is not None
        assert asking.stdout is not None
        asking.stdin.write(f"{sql}\n;\n\\echo {_END}\n")
        asking.stdin.flush()
        lines = []
        while (line := asking.stdout.readline()) != _END + "\n":
            if not line:
                raise RuntimeError(f"psql ended at: {sql[:500]}")
            lines.append(line)
        return "".join(lines).rstrip("\n")

    def new_database(self, template: str = "template0") -> str:
        """Make a database; gives its name."""
        name = f"t{next(self._numbers)}"
        self._sql("postgres", f"CREATE DATABASE {name} OWNER {ROLE} TEMPLATE {template}")
        return name

    @contextlib.contextmanager
    def database(self, template: str = "template0") -> Iterator[str]:
        """Give the address of a fresh database, which is dropped in the end."""
        name = self.new_database(template)
        try:
            yield self.url(name)
        finally:
            self._sql("postgres", f"DROP DATABASE {name} WITH (FORCE)")

    def close(self) -> None:
        """End the server and remove its files."""
        for asking in self._asking.values():
            asking.communicate()
        if self._server.stdin is not None:
            self._server.stdin.close()
        self._server.wait(30)
        if not self._kept:
            shutil.rmtree(self.folder, ignore_errors=True)


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


@functools.cache
def cluster() -> Cluster:
    """The cluster of this process; `tests/conftest.py` ends it."""
    return Cluster()
