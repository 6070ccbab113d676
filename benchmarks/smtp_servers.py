"""The servers that `smtp_peers` compares, all up at the same time, on free loopback ports.

Postfix and Dovecot are Debian's, unpacked under .cache/peers (`scripts/peers.sh`) and not installed; both
need root, and keep their defaults but for places, ports, users and the checks that ask DNS. aiosmtpd comes
from PyPI into .cache/peers. All use one certificate, and each is as durable as it is by default.
"""

import contextlib
import imaplib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.support import mail_peers, peers, postfix
from tests.support.family import free_port

from benchmarks.family import cpu_seconds, family_of, start
from benchmarks.load_family import make
from benchmarks.smtp_load import RECIPIENTS
from benchmarks.store_support import allocated_octets

_AIOSMTPD: Final = "aiosmtpd==1.4.6"
_PASSWORD: Final = "bench"
_SETTLED_SECONDS: Final = 0.4
_LONGEST_SECONDS: Final = 120.0
_POSTFIX: Final = """
smtpd_peername_lookup = no
smtpd_tls_cert_file = {pem}
smtpd_tls_key_file = {key}
message_size_limit = 52428800
"""


def _nothing() -> int:
    return 0


@dataclass
class Server:
    """One of them, while it runs.

    Attributes:
        keeps: it stores mail; others forget it.
        roots: its processes come from these.
        stored: how many mails can be read, or None when all that were accepted can.
        octets: what its mail takes on the disk.
        behind: that process of it which indexes texts, after mail was accepted; None where nothing does.
        first: number of the next mail for it.
    """

    name: str
    port: int
    keeps: bool
    roots: list[int]
    stored: Callable[[], int] | None = None
    octets: Callable[[], int] = _nothing
    text_octets: Callable[[], int] = _nothing
    behind: int | None = None
    first: int = 0
    mails: int = field(default=0, init=False)

    def cpu(self) -> float:
        """CPU seconds of all its processes so far."""
        return sum(map(cpu_seconds, self.roots))

    def cpu_behind(self) -> float:
        """CPU seconds of these that went into indexing."""
        return 0.0 if self.behind is None else cpu_seconds(self.behind)

    def wait_stored(self) -> None:
        """Return when all mail that it accepted can be read.

        Raises:
            RuntimeError: there is less, and it does not get more.
        """
        ends = time.monotonic() + _LONGEST_SECONDS
        while self.stored is not None and (there := self.stored()) < self.mails:
            if time.monotonic() > ends:
                raise RuntimeError(f"{self.name}: {there} of {self.mails} mails")
            time.sleep(0.01)

    def wait_idle(self) -> float:
        """Return when its processes have nothing left to do; the seconds until then."""
        begun = quiet = time.monotonic()
        before = self.cpu()
        while time.monotonic() < min(quiet + _SETTLED_SECONDS, begun + _LONGEST_SECONDS):
            time.sleep(0.1)
            now = self.cpu()
            if now - before > 0.02:
                quiet = time.monotonic()
            before = now
        return quiet - begun


@contextlib.contextmanager
def storing(folder: Path) -> Iterator[Server]:
    """`pymailcore serve` of this tree, as an operator has it."""
    smtp, imap = free_port(), free_port()
    listeners = (("smtp", smtp, "starttls"), ("imap", imap, "none"))
    config = make(folder, listeners, RECIPIENTS)
    process, _ = start(config, 2)
    try:
        boxes = [_signed_in(imap, number) for number in range(RECIPIENTS)]
        empty = allocated_octets(folder)
        yield Server(
            "pymailcore",
            smtp,
            True,
            [process.pid],
            lambda: sum(map(_count, boxes)),
            lambda: allocated_octets(folder) - empty - _text_octets(folder),
            lambda: _text_octets(folder),
            _back_of(process.pid),
        )
    finally:
        process.terminate()
        process.wait(60)


def _back_of(supervisor: int) -> int:
    """The back worker, which does nothing with mail but index it."""
    for process in family_of(supervisor):
        if b"pymailcore.worker.back" in Path(f"/proc/{process}/cmdline").read_bytes():
            return process
    raise RuntimeError("there is no back worker")


def _signed_in(port: int, number: int) -> imaplib.IMAP4:
    imap = imaplib.IMAP4("127.0.0.1", port)
    imap.login(f"user{number}@bench.test", _PASSWORD)
    return imap


def _count(imap: imaplib.IMAP4) -> int:
    _, (line,) = imap.status("INBOX", "(MESSAGES)")
    return int(line.rpartition(b" ")[2].rstrip(b")"))


def _text_octets(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("text-*.sqlite3*"))


@contextlib.contextmanager
def discarding(certificate: Path) -> Iterator[Server]:
    """The SMTP driver of this tree with a role that forgets all mail, in one process."""
    arguments = [sys.executable, "-m", "benchmarks.smtp_null", "--serve", str(certificate.parent.parent)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield Server("pymailcore, discarding", int(process.stdout.readline()), False, [process.pid])
        process.communicate(timeout=20)


@contextlib.contextmanager
def aiosmtpd(folder: Path, certificate: Path) -> Iterator[Server]:
    """Its command line, with its handler that forgets all mail."""
    place = peers.ROOT / ".cache" / "peers" / "aiosmtpd"
    if not place.exists():
        install = ["pip", "--disable-pip-version-check", "install", "--quiet", "--target", str(place)]
        subprocess.run([sys.executable, "-m", *install, _AIOSMTPD], check=True)
    port = free_port()
    pem, key = certificate, certificate.with_suffix(".key")
    options = ["-n", "-s", "52428800", "-l", f"127.0.0.1:{port}", "--no-requiretls"]
    options += ["--tlscert", str(pem), "--tlskey", str(key), "-c", "aiosmtpd.handlers.Sink"]
    log = folder / "aiosmtpd.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "aiosmtpd", *options],
            env=os.environ | {"PYTHONPATH": str(place)},
            stderr=output,
        )
    try:
        postfix.wait_for_greeting(port, log)
        yield Server("aiosmtpd, discarding", port, False, [process.pid])
    finally:
        process.terminate()
        process.wait(20)


@contextlib.contextmanager
def postfix_dovecot(folder: Path, format_: str, certificate: Path) -> Iterator[Server]:
    """Postfix, which hands over by LMTP on a Unix socket to Dovecot, which keeps `maildir` or `mdbox`."""
    before = set(family_of(os.getpid()))
    pem = folder / "bench.pem"
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    for source, name in ((certificate, "bench.pem"), (certificate.with_suffix(".key"), "bench.key")):
        (folder / name).write_bytes(source.read_bytes())
    box = folder / "dovecot" / "box"
    settings = f"mail_location = {format_}:{box}/%n/{format_}\n"
    with (
        mail_peers.running("dovecot", folder / "dovecot", domain="bench.test", relay_port=0,
                           settings=settings) as dovecot,
        postfix.running(folder / "postfix", domain="elsewhere.test", lmtp=dovecot.lmtp,
                        settings=_POSTFIX.format(pem=pem, key=folder / "bench.key")) as (port, _),
    ):  # fmt: skip
        roots = sorted(set(family_of(os.getpid())) - before)
        log = _Log(folder / "postfix" / "mail.log")
        name = f"Postfix, Dovecot {format_}"
        yield Server(name, port, True, roots, log.sent, lambda: allocated_octets(box))


class _Log:
    """What Postfix says that it has handed over: Dovecot has answered, so the mail is in its Mailbox."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self._count = 0

    def sent(self) -> int:
        """How many mails so far."""
        with self._path.open("rb") as log:
            log.seek(self._read)
            octets = log.read()
        whole = octets[: octets.rfind(b"\n") + 1]
        self._read += len(whole)
        self._count += whole.count(b" status=sent ")
        return self._count
