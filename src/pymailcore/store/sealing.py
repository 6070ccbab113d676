"""Encryption of blobs at rest.

Theory: each tenant has data keys, numbered from 1; the newest encrypts, all decrypt. They lie in the
database, wrapped by a master key, which lies in a file of its own (store.keyfile). What is sealed is

    number of the data key 4 octets (little-endian), nonce 12, ciphertext, tag 16

by AES-256-GCM; tenant, address and encoding go in as associated data, so that no blob passes for another.
A rotation of the master key wraps the data keys anew and leaves blobs alone. A new data key leaves blobs
alone, too: those of the old one are sealed again when housekeeping rewrites their pack.
"""

import contextlib
import importlib
import os
import struct
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from pymailcore.base.errors import TemporaryFailure
from pymailcore.store.encoding import SEALED
from pymailcore.store.keyfile import KEY_OCTETS, MasterKey, UnfitKeyFile, read_key_file
from pymailcore.store.packs import DamagedBlob

_NUMBER: Final = struct.Struct("<I")
_ABOUT: Final = struct.Struct("<QB")
_WRAPPED: Final = struct.Struct("<8sQQ")
_NONCE_OCTETS: Final = 12
_HEAD_OCTETS: Final = _NUMBER.size + _NONCE_OCTETS
FRESH_SECONDS: Final = 60.0
"""A new data key is in use everywhere after this time."""

SEALED_OCTETS: Final = _HEAD_OCTETS + 16
"""What sealing adds to a blob."""


class _Cipher(Protocol):
    def encrypt(self, nonce: bytes, octets: bytes, about: bytes) -> bytes: ...

    def decrypt(self, nonce: bytes | memoryview, sealed: bytes | memoryview, about: bytes) -> bytes: ...


def _cipher(key: bytes) -> _Cipher:
    made: _Cipher = importlib.import_module("pymailcore.store.ciphers").Cipher(key)
    return made


class WrappedKey(NamedTuple):
    """A data key as the database has it; `master` is the id of the key that wraps it."""

    tenant: int
    number: int
    master: str
    wrapped: bytes


class Sealer:
    """Encrypts with one data key; for any thread."""

    def __init__(self, number: int, key: bytes) -> None:
        self.number = number
        self._head = _NUMBER.pack(number)
        self._cipher = _cipher(key)

    def seal(self, tenant: int, key: bytes, encoding: int, octets: bytes) -> tuple[int, bytes]:
        """Give what is stored in the place of octets, and its encoding."""
        nonce = os.urandom(_NONCE_OCTETS)
        sealed = self._cipher.encrypt(nonce, octets, _ABOUT.pack(tenant, encoding) + key)
        return encoding | SEALED, self._head + nonce + sealed

    def open(self, tenant: int, key: bytes, encoding: int, stored: bytes) -> bytes:
        """Give what was sealed.

        Args:
            encoding: without SEALED.

        Raises:
            DamagedBlob: it was not this that was sealed.
        """
        nonce = stored[_NUMBER.size : _HEAD_OCTETS]
        try:
            return self._cipher.decrypt(
                nonce, memoryview(stored)[_HEAD_OCTETS:], _ABOUT.pack(tenant, encoding) + key
            )
        except ValueError as error:
            raise DamagedBlob("a sealed blob is not what was sealed") from error


class Sealing:
    """The data keys that this process knows; for any thread.

    Args:
        key_file: None: nothing is encrypted.
        load: reads the keys of a tenant from the database; blocks.

    Raises:
        UnfitKeyFile: the key file cannot be used.
    """

    def __init__(self, key_file: Path | None, load: Callable[[int], Sequence[WrappedKey]]) -> None:
        self.key_file = key_file
        self._load = load
        self._masters: dict[str, MasterKey] = {}
        self._sealers: dict[tuple[int, int], Sealer] = {}
        self._newest: dict[int, Sealer] = {}
        self._loaded: dict[int, float] = {}
        if key_file is not None:
            self.read_masters()

    def read_masters(self) -> tuple[MasterKey, ...]:
        """Read the key file anew; what it has no longer stays known to this process.

        Raises:
            UnfitKeyFile: it cannot be used.
        """
        if self.key_file is None:
            return ()
        found = read_key_file(self.key_file)
        self._masters |= {master.id: master for master in found}
        return found

    def master(self, id_: str) -> MasterKey | None:
        """A master key; what is not known is looked for in the file, which a rotation may change."""
        if id_ not in self._masters and self.key_file is not None:
            with contextlib.suppress(UnfitKeyFile):
                self.read_masters()
        return self._masters.get(id_)

    def newest(self, tenant: int) -> Sealer | None:
        """What encrypts for a tenant, as far as this process knows; None: nothing does."""
        return self._newest.get(tenant)

    def learn(self, rows: Sequence[WrappedKey]) -> None:
        """Take in keys of the database.

        Raises:
            TemporaryFailure: one is wrapped by a master key that the key file does not have.
        """
        for row in rows:
            if (row.tenant, row.number) not in self._sealers:
                sealer = Sealer(row.number, self.unwrap(row))
                self._sealers[row.tenant, row.number] = sealer
                newest = self._newest.get(row.tenant)
                if newest is None or newest.number < row.number:
                    self._newest[row.tenant] = sealer

    def unwrap(self, row: WrappedKey) -> bytes:
        """Give a data key.

        Raises:
            TemporaryFailure: its master key is not in the key file, or it is damaged.
        """
        master = self.master(row.master)
        if master is None:
            raise TemporaryFailure(f"the key file lacks the master key {row.master}")
        return unwrap(master, row)

    def open(self, tenant: int, key: bytes, encoding: int, stored: bytes) -> bytes:
        """Give what was sealed.

        Args:
            encoding: without SEALED.

        Raises:
            DamagedBlob: it is not what was sealed, or there is no key for it.
            TemporaryFailure: the keys cannot be read.
        """
        if len(stored) < SEALED_OCTETS:
            raise DamagedBlob("a sealed blob is too short")
        (number,) = _NUMBER.unpack_from(stored)
        sealer = self._sealers.get((tenant, number))
        if sealer is None:
            self.learn(self._load(tenant))
            sealer = self._sealers.get((tenant, number))
            if sealer is None:
                raise DamagedBlob(f"tenant {tenant} has no key {number}")
        return sealer.open(tenant, key, encoding, stored)

    def reseal(self, tenant: int, key: bytes, encoding: int, stored: bytes) -> tuple[int, bytes]:
        """Give what is to be stored in the place of something that is written anew, and its encoding.

        What is sealed by the newest key stays, and so does everything where nothing is encrypted.

        Raises:
            DamagedBlob, TemporaryFailure: as `open`.
        """
        if self.key_file is None:
            return encoding, stored
        now = time.monotonic()
        if now - self._loaded.get(tenant, float("-inf")) >= FRESH_SECONDS:
            self.learn(self._load(tenant))
            self._loaded[tenant] = now
        sealer = self._newest.get(tenant)
        if sealer is None:
            return encoding, stored
        if encoding & SEALED:
            if _NUMBER.unpack_from(stored)[0] == sealer.number:
                return encoding, stored
            encoding &= ~SEALED
            stored = self.open(tenant, key, encoding, stored)
        return sealer.seal(tenant, key, encoding, stored)


def new_data_key() -> bytes:
    """A fresh data key."""
    return os.urandom(KEY_OCTETS)


def wrap(master: MasterKey, tenant: int, number: int, key: bytes) -> WrappedKey:
    """Wrap a data key."""
    nonce = os.urandom(_NONCE_OCTETS)
    about = _WRAPPED.pack(b"data key", tenant, number)
    return WrappedKey(tenant, number, master.id, nonce + _cipher(master.key).encrypt(nonce, key, about))


def unwrap(master: MasterKey, row: WrappedKey) -> bytes:
    """Give a data key.

    Raises:
        TemporaryFailure: this master key did not wrap it, or it is damaged.
    """
    nonce, sealed = row.wrapped[:_NONCE_OCTETS], row.wrapped[_NONCE_OCTETS:]
    about = _WRAPPED.pack(b"data key", row.tenant, row.number)
    try:
        return _cipher(master.key).decrypt(nonce, sealed, about)
    except ValueError as error:
        raise TemporaryFailure(f"key {row.number} of tenant {row.tenant} is damaged") from error
