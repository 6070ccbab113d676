"""A Debian Dovecot, unpacked under .cache/peers/dovecot and not installed, as a counterpart.

Its `imap` runs as whoever runs the tests (as nobody for root), one process for each connection to a loopback
port, over a Maildir in a folder of the test, and greets with PREAUTH. Its login process is left out: that
looks for modules below /usr only. Nothing outside the folder is written.
"""

import contextlib
import os
import socketserver
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.peers import environment, unpacked

USER = "anna"
NOBODY = 65534

_CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
mail_plugin_dir = {usr}/lib/dovecot/modules
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 0
first_valid_gid = 0
mail_location = maildir:{folder}/Maildir
namespace inbox {{
  inbox = yes
  separator = {separator}
  prefix = {prefix}
  mailbox Gesendet {{
    special_use = \\Sent
  }}
}}
"""


@dataclass
class Dovecot:
    """A running server.

    Attributes:
        processes: of the connections so far.
    """

    folder: Path
    port: int = 0
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def maildir(self) -> Path:
        """Its mail."""
        return self.folder / "Maildir"


def _pump(read: Callable[[], bytes | None], write: Callable[[bytes], object]) -> None:
    with contextlib.suppress(OSError, ValueError):
        while octets := read():
            write(octets)


def _give(folder: Path, uid: int, gid: int) -> None:
    """Dovecot refuses to read mail as root."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, uid, gid)
    for path in list(folder.parents)[:-2]:
        path.chmod(path.stat().st_mode | 0o011)


@contextlib.contextmanager
def running(folder: Path, *, prefix: str = "", separator: str = ".", settings: str = "") -> Iterator[Dovecot]:
    """Listen, and stop all that was started.

    Args:
        settings: more of them, written as those above.
    """
    dovecot = Dovecot(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run").mkdir(exist_ok=True)
    usr = unpacked("dovecot") / "usr"
    config = folder / "dovecot.conf"
    uid, gid = (NOBODY, NOBODY) if os.geteuid() == 0 else (os.getuid(), os.getgid())
    values = {"folder": folder, "usr": usr, "uid": uid, "gid": gid}
    config.write_text((_CONFIG + settings).format(**values, separator=separator, prefix=prefix), "utf-8")
    if uid != os.getuid():
        _give(folder, uid, gid)
    # `imap` itself would look for /usr/bin/doveconf
    program = [str(usr / "bin/doveconf"), *f"-f service=imap -c {config} -m imap -e".split()]
    program += [str(usr / "lib/dovecot/imap")]
    known = environment("dovecot") | {"USER": USER, "HOME": str(folder)}
    known.pop("MAIL", None)  # it would take the place of mail_location

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            # pipes: as root it refuses to be started on a socket of the network
            process = subprocess.Popen(
                program, env=known, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder, bufsize=0
            )
            dovecot.processes.append(process)
            assert process.stdin
            assert process.stdout
            out = process.stdout
            pump = threading.Thread(target=_pump, args=(lambda: out.read(65_536), self.request.sendall))
            pump.start()
            self.request.settimeout(20)
            _pump(lambda: self.request.recv(65_536), process.stdin.write)
            process.stdin.close()
            pump.join()
            out.close()

    class Server(socketserver.ThreadingTCPServer):
        block_on_close = True

    with Server(("127.0.0.1", 0), Handler) as server:
        dovecot.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield dovecot
        finally:
            server.shutdown()
            thread.join()
            for process in dovecot.processes:  # before the server waits for those that speak with them
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, 9)
                process.wait(20)
