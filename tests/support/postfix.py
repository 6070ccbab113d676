"""A Debian Postfix, unpacked under .cache/peers/postfix and not installed, as a counterpart.

It needs root: Postfix changes to its own users. It listens on a free loopback port and files mail for one
domain into a Maildir. Nothing outside its folder is written.
"""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support.family import free_port
from tests.support.peers import environment, unpacked

OWNER = "mail"
SETGID_GROUP = "daemon"
VIRTUAL_UID = 65534

_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
command_directory = {unpacked}/usr/sbin
daemon_directory = {unpacked}/usr/lib/postfix/sbin
shlib_directory = {unpacked}/usr/lib/postfix
meta_directory = {folder}/etc
mail_owner = mail
setgid_group = daemon
default_privs = nobody
import_environment = LD_LIBRARY_PATH MAIL_CONFIG LANG=C
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = postfix.{domain}
mydestination =
alias_maps =
alias_database =
mynetworks =
smtpd_relay_restrictions = reject_unauth_destination
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = static:box/
virtual_mailbox_base = {folder}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{uid}
virtual_minimum_uid = 1
smtpd_tls_security_level = may
smtpd_tls_cert_file = {folder}/etc/cert.pem
smtpd_tls_key_file = {folder}/etc/key.pem
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
"""

_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
tlsmgr    unix - - n 1000? 1 tlsmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
verify    unix - - n - 1 verify
proxymap  unix - - n - - proxymap
error     unix - - n - - error
retry     unix - - n - - error
virtual   unix - n n - - virtual
smtp      unix - - n - - smtp
lmtp      unix - - n - - lmtp
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""


_RELAY = """
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
relayhost = [127.0.0.1]:{relay_port}
"""

_HAND_OVER = """
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
default_transport = lmtp:unix:{lmtp}
"""


def _lay_out(folder: Path, domain: str, port: int, relay_port: int, lmtp: Path | None, settings: str) -> None:
    etc, spool, box = folder / "etc", folder / "spool", folder / "box"
    values = {
        "folder": folder,
        "unpacked": unpacked("postfix"),
        "domain": domain,
        "port": port,
        "uid": VIRTUAL_UID,
        "relay_port": relay_port,
        "lmtp": lmtp,
    }
    for path in (etc, spool, box):
        path.mkdir(parents=True)
    main = _MAIN + (_RELAY if relay_port else "") + (_HAND_OVER if lmtp else "")
    (etc / "main.cf").write_text(main.format(**values) + settings, "utf-8")
    (etc / "master.cf").write_text(_MASTER.format(**values), "utf-8")
    names = "active bounce corrupt defer deferred flush hold incoming private saved trace public maildrop pid"
    for name in names.split():
        (spool / name).mkdir(mode=0o700)
    subprocess.run(["chown", "-R", OWNER, *(spool / name for name in names.split())], check=True)
    subprocess.run(["chown", "root", spool / "pid"], check=True)
    for name in ("public", "maildrop"):
        subprocess.run(["chgrp", SETGID_GROUP, spool / name], check=True)
    (spool / "public").chmod(0o2710)
    (spool / "maildrop").chmod(0o1730)
    (folder / "data").mkdir(mode=0o700)
    subprocess.run(["chown", OWNER, folder / "data"], check=True)
    os.chown(box, VIRTUAL_UID, VIRTUAL_UID)
    for path in [folder, *list(folder.parents)[:3]]:
        path.chmod(path.stat().st_mode | 0o055)
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=postfix.{domain}"
    command += f" -keyout {etc}/key.pem -out {etc}/cert.pem"
    subprocess.run(command.split(), check=True, capture_output=True)


@contextlib.contextmanager
def running(
    folder: Path,
    *,
    domain: str,
    relay_port: int = 0,
    lmtp: Path | None = None,
    settings: str = "",
    port: int = 0,
) -> Iterator[tuple[int, Path]]:
    """Start it, wait until it greets, give its port and its Maildir, and stop it.

    Args:
        relay_port: where on loopback it brings mail for all other domains; 0: it takes none.
        lmtp: the Unix socket that it hands mail for all other domains to; None: there is none.
        settings: further lines of main.cf.
        port: where it listens on loopback; 0: where there is room.
    """
    port = port or free_port()
    _lay_out(folder, domain, port, relay_port, lmtp, settings)
    output = folder / "output"
    with output.open("wb") as said:
        master = subprocess.Popen(
            [unpacked("postfix") / "usr/lib/postfix/sbin/master", "-c", folder / "etc", "-d"],
            env=environment("postfix"),
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:
        wait_for_greeting(port, output, folder / "mail.log")
        yield port, folder / "box"
    finally:
        master.terminate()
        master.wait(20)


def wait_for_greeting(port: int, *logs: Path) -> None:
    """Return when something on a port greets; a fault shows the logs."""
    deadline = time.monotonic() + 20
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as client:
                if client.recv(100).startswith(b"220"):
                    return
        except OSError:
            pass
        if time.monotonic() > deadline:
            said = [log.read_text("utf-8") for log in logs if log.exists()]
            raise RuntimeError(f"nothing greets on port {port}: {said}")
        time.sleep(0.05)
