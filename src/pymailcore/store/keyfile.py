"""The file of master keys: what wraps the tenants' keys, kept apart from the data.

A line for each key: its id, which is taken from a hash of it, and the key in base64; `#` begins a remark.
The first wraps new keys; the others are there for keys that older ones wrap, in backups, too.
"""

import base64
import binascii
import hashlib
import os
import secrets
import stat
from pathlib import Path
from typing import Final, NamedTuple

from pymailcore.base.errors import PermanentFailure
from pymailcore.store.layout import sync_folder

KEY_OCTETS: Final = 32
_MOST_OCTETS: Final = 65_536
_HEAD: Final = """\
# Master keys of a pymailcore store; `pymailcore keys` changes this file. Without it nobody can read the mail
# again. Keep a copy apart from the data and from its backups. The first key is the one in use.
"""


class UnfitKeyFile(PermanentFailure):
    """The key file is missing, cannot be read, or is not the one of this store."""


class MasterKey(NamedTuple):
    """A key that wraps others."""

    id: str
    key: bytes

    def __repr__(self) -> str:
        """Not the key: a repr ends in logs."""
        return f"MasterKey({self.id!r})"


def master_key(key: bytes) -> MasterKey:
    """Give a key its id."""
    return MasterKey(hashlib.sha256(b"pymailcore master key " + key).hexdigest()[:16], key)


def read_key_file(path: Path) -> tuple[MasterKey, ...]:
    """The master keys of a file, the one in use first.

    Raises:
        UnfitKeyFile: with what to do about it.
    """
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & (stat.S_IROTH | stat.S_IWOTH):
                raise UnfitKeyFile(f"the key file {path} is open to everybody: chmod 600 {path}")
            octets = file.read(_MOST_OCTETS + 1)
    except FileNotFoundError:
        raise UnfitKeyFile(
            f"the key file {path} is missing: put its copy there (or, for a store that was never encrypted, "
            f"make one: pymailcore keys create {path})"
        ) from None
    except OSError as error:
        raise UnfitKeyFile(f"the key file {path} cannot be read: {error.strerror}") from error
    keys: dict[str, MasterKey] = {}
    for number, line in enumerate(octets.splitlines(), 1):
        text = line.partition(b"#")[0].split()
        if not text:
            continue
        found = _parse(text)
        if found is None:
            raise UnfitKeyFile(f"line {number} of the key file {path} is no key: put its copy there")
        keys.setdefault(found.id, found)
    if not keys or len(octets) > _MOST_OCTETS:
        raise UnfitKeyFile(f"the key file {path} holds no keys: put its copy there")
    return tuple(keys.values())


def _parse(words: list[bytes]) -> MasterKey | None:
    if len(words) != 2:
        return None
    try:
        key = base64.b64decode(words[1], validate=True)
    except binascii.Error:
        return None
    found = master_key(key)
    return found if len(key) == KEY_OCTETS and found.id.encode() == words[0] else None


def create_key_file(path: Path) -> MasterKey:
    """Make a file with one fresh key, readable by its owner.

    Raises:
        UnfitKeyFile: something is there already, or it cannot be made.
    """
    fresh = master_key(secrets.token_bytes(KEY_OCTETS))
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise UnfitKeyFile(f"{path} is there already") from None
    except OSError as error:
        raise UnfitKeyFile(f"{path} cannot be made: {error.strerror}") from error
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
        _write(file.fileno(), (fresh,))
    sync_folder(path.parent)
    return fresh


def write_key_file(path: Path, keys: tuple[MasterKey, ...]) -> None:
    """Put other keys in the place of those of a file; afterwards there is the old file or the new one.

    Raises:
        UnfitKeyFile: it cannot be written; the old one is there.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        status = path.stat()
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            _write(descriptor, keys)
            os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
            if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(descriptor, status.st_uid, status.st_gid)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        fresh.rename(path)
        sync_folder(path.parent)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise UnfitKeyFile(f"the key file {path} cannot be changed: {error.strerror}") from error


def _write(descriptor: int, keys: tuple[MasterKey, ...]) -> None:
    lines = [f"{key.id} {base64.b64encode(key.key).decode()}\n" for key in keys]
    os.write(descriptor, (_HEAD + "".join(lines)).encode())
    os.fsync(descriptor)
