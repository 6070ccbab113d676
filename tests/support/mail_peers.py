"""Debian's Exim, OpenSMTPD and Dovecot (LMTP), unpacked under .cache/peers and not installed.

They look for their programs, users and folders at fixed places. So each runs in a mount namespace of its own,
in which those places are there: /usr with what was unpacked laid over it, a list of users with theirs, and
empty folders for what they write. The machine itself sees nothing of it. It needs root.
"""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.family import free_port
from tests.support.peers import unpacked

_EXIM = """
exim_user = mail
exim_group = mail
spool_directory = {folder}/spool
log_file_path = {folder}/spool/%slog
pid_file_path = {folder}/spool/exim.pid
primary_hostname = exim.{domain}
domainlist local_domains = {domain}
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
keep_environment =
tls_advertise_hosts =
acl_smtp_rcpt = accept
begin acl
begin routers
here:
  driver = accept
  domains = +local_domains
  transport = box
away:
  driver = manualroute
  route_list = * 127.0.0.1::{relay_port} byname
  self = send
  transport = away
begin transports
away:
  driver = smtp
  allow_localhost
box:
  driver = appendfile
  directory = {folder}/box
  maildir_format
  user = mail
  group = mail
begin retry
* * F,1h,1m
"""

_OPENSMTPD = """
table users {{ "@" = "mail" }}
listen on 127.0.0.1 port {port} hostname smtpd.{domain}
action "box" maildir "{folder}/box" virtual <users>
action "away" relay host "smtp://127.0.0.1:{relay_port}"
match from any for domain "{domain}" action "box"
match from any for any action "away"
"""

_DOVECOT = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/spool/dovecot.log
protocols = lmtp
ssl = no
mail_location = maildir:{folder}/box
first_valid_uid = 1
first_valid_gid = 1
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid=mail gid=mail home={folder}/box
}}
service lmtp {{
  unix_listener {folder}/lmtp {{
    mode = 0666
  }}
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {port}
  }}
}}
"""


@dataclass(frozen=True)
class _Kind:
    peers: tuple[str, ...]
    config: str
    users: tuple[str, ...]
    command: str
    emptied: tuple[str, ...] = ()
    made: str = "true"


_KINDS = {
    "exim": _Kind(("exim",), _EXIM, ("Debian-exim",), "/usr/sbin/exim4 -C {config} -bdf"),
    "opensmtpd": _Kind(
        ("opensmtpd",),
        _OPENSMTPD,
        ("opensmtpd", "opensmtpq"),
        "/usr/sbin/smtpd -d -f {config}",
        ("/run", "/var/spool", "/var/lib"),
        "mkdir -p -m 711 /var/spool/smtpd /var/lib/opensmtpd/empty",
    ),
    "dovecot": _Kind(
        ("dovecot-lmtpd",), _DOVECOT, ("dovecot", "dovenull"), "/usr/sbin/dovecot -F -c {config}"
    ),
}


@dataclass(frozen=True)
class Peer:
    """A running server.

    Attributes:
        box: its Maildir, for everybody in its domain.
        lmtp: path of its LMTP socket, where it has one.
    """

    port: int
    box: Path
    lmtp: Path

    def mails(self) -> list[bytes]:
        """What it has got, with CRLF line ends."""
        paths = sorted((self.box / "new").glob("*"))
        return [path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") for path in paths]


@contextlib.contextmanager
def running(
    name: str, folder: Path, *, domain: str, relay_port: int, settings: str = "", port: int = 0
) -> Iterator[Peer]:
    """Start one of them, wait until it greets, and stop it.

    Args:
        folder: in a place that everybody may enter, which pytest's own folders are not for long.
        domain: what it keeps mail for.
        relay_port: where on loopback it brings mail for all others.
        settings: further lines of its configuration.
        port: where it listens on loopback; 0: where there is room.
    """
    kind = _KINDS[name]
    peer = Peer(port or free_port(), folder / "box", folder / "lmtp")
    for place in (folder / "spool", peer.box):
        place.mkdir(parents=True)
    folder.chmod(0o755)
    subprocess.run(["chown", "mail:mail", folder / "spool", peer.box], check=True)
    config = folder / "server.conf"
    config.write_text(
        kind.config.format(folder=folder, domain=domain, port=peer.port, relay_port=relay_port) + settings,
        "utf-8",
    )
    script = folder / "run.sh"
    script.write_text(_script(kind, folder, kind.command.format(config=config)), "utf-8")
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", script],
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait_for_greeting(peer.port, folder / "output")
        yield peer
    finally:
        process.terminate()
        with contextlib.suppress(ProcessLookupError):
            process.wait(20)
            os.killpg(process.pid, signal.SIGKILL)  # what it has left behind


def _script(kind: _Kind, folder: Path, command: str) -> str:
    """What sets the places up and becomes the server."""
    _write_users(Path("/etc/passwd"), folder / "passwd", kind.users, "{0}:x:{1}:{1}::/nonexistent:/bin/false")
    _write_users(Path("/etc/group"), folder / "group", kind.users, "{0}:x:{1}:")
    layers = ":".join(str(unpacked(peer) / "usr") for peer in kind.peers)
    lines = [
        "set -e",
        f"mount --bind {folder}/passwd /etc/passwd",
        f"mount --bind {folder}/group /etc/group",
        f"mount -t overlay overlay -o lowerdir={layers}:/usr /usr",
        *(f"mount -t tmpfs tmpfs {place}" for place in kind.emptied),
        kind.made,
        f"exec {command}",
    ]
    return "\n".join(lines) + "\n"


def _write_users(source: Path, target: Path, names: Sequence[str], form: str) -> None:
    lines = [form.format(name, 60_000 + number) for number, name in enumerate(names)]
    known = source.read_text("utf-8").rstrip("\n").split("\n")
    target.write_text("\n".join([*known, *lines]) + "\n", "utf-8")
    target.chmod(0o644)


def _wait_for_greeting(port: int, output: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as client:
            if client.recv(100).startswith(b"220"):
                return
        if time.monotonic() > deadline:
            raise RuntimeError(output.read_text("utf-8"))
        time.sleep(0.05)
