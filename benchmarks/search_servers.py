"""The servers that `search_peers` compares, over the same messages, on free loopback ports.

A Dovecot of Debian is unpacked under .cache/peers and not installed (`scripts/unpack_debs.py`). Its `imap`
runs for one connection, by itself, without the login process, and has the socket of the client as its own.
"""

import os
import resource
import shutil
import socket
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from tests.support.family import free_port

from benchmarks.family import family_of, start
from benchmarks.support import command

ROOT: Final = Path(__file__).parent.parent
PEERS: Final = ROOT / ".cache" / "peers" / "dovecot-search"
USER: Final = "user@bench.test"
PASSWORD: Final = "bench password"
_NOBODY: Final = 65534
_CONFIG: Final = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
mail_plugin_dir = {usr}/lib/dovecot/modules
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 0
first_valid_gid = 0
mail_location = maildir:{maildir}:INDEX={folder}/index:CONTROL={folder}/control
mail_plugins = {plugins}
namespace inbox {{
  inbox = yes
}}
plugin {{
  fts_enforced = yes
  {settings}
}}
"""


class Took(NamedTuple):
    """What some work took, in seconds."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:7.1f} s, CPU {self.cpu:7.1f} s"


def run(
    arguments: list[str],
    *,
    given: str | None = None,
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
    who: int | None = None,
) -> Took:
    """Run a program to its end, as another user if need be; what it took, its children included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    done = subprocess.run(
        arguments, check=False, capture_output=True, text=True, input=given, env=env, cwd=cwd,
        user=who, group=who,
    )  # fmt: skip
    wall = time.perf_counter() - begun
    if done.returncode:
        raise RuntimeError(f"{arguments}: {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Took(wall, now.ru_utime + now.ru_stime - before.ru_utime - before.ru_stime)


class Processes:
    """What the kernel says of some processes."""

    def __init__(self, pids: list[int]) -> None:
        self.pids = pids

    def cpu_ms(self) -> float:
        """CPU time of all their threads."""
        return sum(_ran_ns(pid) for pid in self.pids) / 1e6

    def reset_peak(self) -> None:
        """Let the peak of the memory begin at what there is now."""
        for pid in self.pids:
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def memory(self, name: str) -> list[int]:
        """VmRSS or VmHWM of each, in KiB."""
        return [_status(pid, name) for pid in self.pids]


def _ran_ns(pid: int) -> int:
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text("ascii").split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue  # a thread that has ended
    return total


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    return 0


class Server(Protocol):
    """One of them.

    Attributes:
        logs_in: the client logs in.
        has_index: it is the same as the one before but for an index of texts.
    """

    name: str
    notes: list[str]
    logs_in: bool
    has_index: bool

    def prepare(self, maildir: Path, text_octets: int) -> None:
        """Take the mail and index it; notes tell what that took."""
        ...

    def connect(self) -> tuple[socket.socket, Processes]:
        """A connection, and the processes that serve it."""
        ...

    def stop(self) -> None:
        """Stop all that was started."""
        ...


@dataclass
class Pymailcore:
    """This tree: `init`, `import`, `reindex`, `serve`."""

    folder: Path
    processes: int
    name: str = "pymailcore"
    notes: list[str] = field(default_factory=list)
    logs_in: bool = True
    has_index: bool = False

    def prepare(self, maildir: Path, text_octets: int) -> None:
        """Take the mail and index it, beside no running server; then serve."""
        self.config = self.folder / "pymailcore.toml"
        if not self.config.exists():
            self._make(maildir, text_octets)
        listeners = tomllib.loads(self.config.read_text("utf-8"))["listener"]
        self.imap, self.http = (int(one["bind"].rpartition(":")[2]) for one in listeners)
        self._server, _ = start(self.config, self.processes)

    def _make(self, maildir: Path, text_octets: int) -> None:
        command("init", str(self.folder), "--hostname", "mx.bench.test", "--domain", "bench.test")
        settings, _, _ = self.config.read_text("utf-8").partition("[[listener]]")
        for protocol, port in (("imap", free_port()), ("http", free_port())):
            settings += f'[[listener]]\nprotocol = "{protocol}"\nbind = "127.0.0.1:{port}"\ntls = "none"\n'
            settings += "plaintext_login = true\n\n"
        self.config.write_text(settings, "utf-8")
        program = [sys.executable, "-m", "pymailcore"]
        config = ["--config", str(self.config)]
        run([*program, "account", "add", USER, "--password-stdin", *config], given=PASSWORD)
        took = run([*program, "import", "--account", USER, *config, "maildir", str(maildir)])
        self.notes.append(f"import {took}")
        took = run([*program, "reindex", *config])
        octets = sum(path.stat().st_size for path in self.folder.rglob("text-*.sqlite3*"))
        self.notes.append(f"index {took}, {share(octets, text_octets)}")

    def connect(self) -> tuple[socket.socket, Processes]:
        """See `Server`."""
        peer = socket.create_connection(("127.0.0.1", self.imap))
        return peer, Processes(family_of(self._server.pid))

    def stop(self) -> None:
        """See `Server`."""
        self._server.terminate()
        self._server.wait(60)


def share(octets: int, text_octets: int) -> str:
    """The size of an index."""
    return f"{octets / 1e6:7.1f} MB, {octets / text_octets:5.1%} of the text"


@dataclass
class Dovecot:
    """A Dovecot, with one way to search."""

    folder: Path
    name: str
    plugins: str = ""
    settings: str = ""
    notes: list[str] = field(default_factory=list)
    logs_in: bool = False
    has_index: bool = False
    _imap: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    def prepare(self, maildir: Path, text_octets: int) -> None:
        """Index the mail."""
        usr = unpacked()
        self._who = _NOBODY if os.geteuid() == 0 else None  # it refuses to read mail as root
        uid, gid = (_NOBODY, _NOBODY) if os.geteuid() == 0 else (os.getuid(), os.getgid())
        indexed = self.folder.exists()
        for name in ("run", "index", "control", "home"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        for path in (self.folder, *self.folder.iterdir()):
            os.chown(path, uid, gid)
        values = {"folder": self.folder, "maildir": maildir, "usr": usr, "uid": uid, "gid": gid}
        config = self.folder / "dovecot.conf"
        config.write_text(
            _CONFIG.format(**values, plugins=self.plugins, settings=self.settings), encoding="utf-8"
        )
        libraries = [*(usr / "lib").glob("*-linux-gnu"), usr / "lib/dovecot", usr / "lib/dovecot/modules"]
        self.environment = os.environ | {
            "LD_LIBRARY_PATH": os.pathsep.join(map(str, libraries)),
            "LC_ALL": "C",
            "USER": "anna",
            "HOME": str(self.folder / "home"),
        }
        self.environment.pop("MAIL", None)  # it would take the place of mail_location
        # Programs themselves would look for /usr/bin/doveconf.
        begin = [str(usr / "bin/doveconf"), "-c", str(config), "-m"]
        self._imap_program = [*begin, "imap", "-f", "service=imap", "-e", str(usr / "lib/dovecot/imap")]
        if indexed:
            return
        doveadm = [*begin, "doveadm", "-f", "service=doveadm", "-e", str(usr / "bin/doveadm")]
        took = run([*doveadm, "index", "INBOX"], env=self.environment, cwd=self.folder, who=self._who)
        found = [path for path in (self.folder / "index").rglob("*") if path.is_file()]
        octets = sum(
            path.stat().st_size for path in found if "xapian" in str(path) or "index.search" in path.name
        )
        self.notes.append(f"index {took}, {share(octets, text_octets)}")

    def connect(self) -> tuple[socket.socket, Processes]:
        """See `Server`."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            peer = socket.create_connection(listener.getsockname())
            accepted, _ = listener.accept()
        with accepted, (self.folder / "imap.log").open("ab") as log:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            process = subprocess.Popen(
                self._imap_program,
                env=self.environment,
                stdin=accepted.fileno(),
                stdout=accepted.fileno(),
                stderr=log,
                cwd=self.folder,
                user=self._who,
                group=self._who,
            )
        self._imap.append(process)
        return peer, Processes([process.pid])

    def stop(self) -> None:
        """See `Server`."""
        for process in self._imap:
            process.terminate()
            process.wait(20)


def unpacked() -> Path:
    """Where Dovecot is."""
    if not (PEERS / ".complete").exists():
        shutil.rmtree(PEERS, ignore_errors=True)
        packages = ["dovecot-imapd", "dovecot-fts-xapian"]
        subprocess.run([sys.executable, ROOT / "scripts/unpack_debs.py", PEERS, *packages], check=True)
    return PEERS / "usr"


def dovecots(folder: Path, *, xapian: bool) -> list[Dovecot]:
    """Dovecot as it is, and with the index that Debian has for it and that needs no other server."""
    settings = "fts = xapian\n  fts_xapian = partial=3 full=20"
    indexed = (
        [Dovecot(folder / "xapian", "with xapian", "fts fts_xapian", settings, has_index=True)]
        if xapian
        else []
    )
    return [Dovecot(folder / "plain", "Dovecot"), *indexed]
