"""Other people's mail servers, unpacked by `scripts/peers.sh` under .cache/peers and never installed."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.support.family import free_port

ROOT = Path(__file__).parents[2]

_DOVECOT = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/dovecot.log
instance_name = pymailcore-test
protocols = imap
listen = 127.0.0.1
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
ssl = no
disable_plaintext_auth = no
mail_location = maildir:{folder}/mail/%u
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 0
first_valid_gid = 0
libexec_dir = {unpacked}/usr/lib/dovecot
mail_plugin_dir = {unpacked}/usr/lib/dovecot/modules
login_plugin_dir = {unpacked}/usr/lib/dovecot/modules/login
import_environment = LD_LIBRARY_PATH
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
"""


def unpacked(name: str) -> Path:
    """The folder of a peer; `make test` puts it there."""
    folder = ROOT / ".cache" / "peers" / name
    if not (folder / ".complete").exists():
        raise RuntimeError(f"{folder} is missing: run `sh scripts/peers.sh`")
    return folder


def environment(name: str) -> dict[str, str]:
    """The environment in which a peer finds its libraries."""
    libraries = [str(path) for path in (unpacked(name) / "usr" / "lib").glob("*-linux-gnu")]
    libraries.append(str(unpacked(name) / "usr" / "lib" / name))
    return os.environ | {"LD_LIBRARY_PATH": os.pathsep.join(libraries), "LC_ALL": "C"}


@contextlib.contextmanager
def dovecot(folder: Path, *, password: str) -> Iterator[int]:
    """Run Dovecot's IMAP server (root only, as all its processes change users); gives its port.

    Every name may log in with the password; mail is Maildir under `folder`.
    """
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    port = free_port()
    uid, gid = 65534, 65534
    (folder / "mail").mkdir(exist_ok=True)
    os.chown(folder / "mail", uid, gid)
    config = folder / "dovecot.conf"
    config.write_text(
        _DOVECOT.format(
            folder=folder,
            unpacked=unpacked("dovecot"),
            user="nobody",
            group="nogroup",
            uid=uid,
            gid=gid,
            password=password,
            port=port,
        )
    )
    binary = unpacked("dovecot") / "usr" / "sbin" / "dovecot"
    process = subprocess.Popen([binary, "-F", "-c", config], env=environment("dovecot"))
    try:
        yield port
    finally:
        process.terminate()
        process.wait(20)
