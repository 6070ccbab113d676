"""Mail data on its way in: in memory while it is small, then in a file, so that slow peers hold no memory.

Standards: RFC 5321 section 4.2.2 (452), FIPS 180-4 (SHA-256).

The file has no name and is gone with the process, whatever ends it. It is written in blocks, in a thread, in
turns by parties, and sealed with a key that exists in this object only: what is left of it on a disk says
nothing. Memory is taken from the budget of the process: a message has all of its octets when it is handed
over, and never more than the limit before it is whole, but while all mail data of the process has little:
then a file would cost time and spare nobody anything.

Each stretch is hashed when it comes. The digest names the message to plug-ins, in the log and to who looks
for mail that came before; and what is read back from the file must have it.
"""

import os
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pymailcore.base.budget import MailDataBudget
from pymailcore.base.errors import InsufficientStorage
from pymailcore.runtime.threads import compute

_SMALL_OCTETS: Final = 4_096  # smaller pieces are joined as they come: each object of its own costs memory
_TAG_OCTETS: Final = 16


class MailDataSpool:
    """The mail data of one transaction after the other on one connection.

    Args:
        folder: where the file is made; None to keep everything in memory.
        memory_octets: how much is held in memory until the message is whole.
    """

    __slots__ = (
        "_blocks",
        "_budget",
        "_cipher",
        "_file",
        "_folder",
        "_hash",
        "_held_octets",
        "_memory_octets",
        "_pieces",
        "_small",
    )

    def __init__(self, folder: Path | None, budget: MailDataBudget, memory_octets: int) -> None:
        self._folder = folder
        self._budget = budget
        self._memory_octets = memory_octets
        self._pieces: list[bytes] = []
        self._small = bytearray()
        self._held_octets = 0
        self._hash = sha256()
        self._file: BinaryIO | None = None
        self._cipher: AESGCM | None = None
        self._blocks: list[int] = []

    def keep(self, octets: bytes) -> bool:
        """Keep a stretch; False, and all is forgotten, when the process has no memory for it."""
        if not self._budget.take(len(octets)):
            self.forget()
            return False
        self._held_octets += len(octets)
        self._hash.update(octets)  # a large stretch without the interpreter's lock
        if len(octets) < _SMALL_OCTETS:
            self._small += octets
        else:
            self._gather()
            self._pieces.append(octets)
        return True

    @property
    def digest(self) -> str:
        """SHA-256 of all that was kept since `forget`, as 64 lower-case hexadecimal digits."""
        return self._hash.hexdigest()

    @property
    def overflowing(self) -> bool:
        """Whether `spill` is due."""
        if self._held_octets <= self._memory_octets or self._folder is None:
            return False
        return not self._budget.is_easy

    async def spill(self) -> None:
        """Write what is in memory to the file.

        Raises:
            OSError: the disk does not take it; all is forgotten.
        """
        block = self._whole()
        try:
            await compute(self._write, block)
        except OSError:
            self.forget()
            raise
        self._blocks.append(len(block))
        self._release()

    async def take(self) -> bytes | None:
        """Give the whole message; None when the process has no memory for it. `forget` gives it back.

        Raises:
            InsufficientStorage: the file cannot be read, or does not hold what was written.
        """
        rest = self._whole()
        if self._file is None:
            return rest
        spilled = sum(self._blocks)
        if not self._budget.take(spilled):
            return None
        self._held_octets += spilled
        try:
            return await compute(self._read, rest)
        except (OSError, InvalidTag) as fault:
            raise InsufficientStorage(f"mail data cannot be read back: {fault!r}") from fault

    def forget(self) -> None:
        """Let go of everything; a new message can begin."""
        self._release()
        self._hash = sha256()
        if self._file is not None:
            self._file.close()
            self._file = self._cipher = None
            self._blocks.clear()

    def _release(self) -> None:
        self._budget.give_back(self._held_octets)
        self._held_octets = 0
        self._pieces.clear()
        self._small.clear()

    def _gather(self) -> None:
        if self._small:
            self._pieces.append(bytes(self._small))
            self._small.clear()

    def _whole(self) -> bytes:
        self._gather()
        if len(self._pieces) == 1:
            return self._pieces[0]
        return b"".join(self._pieces)

    def _write(self, block: bytes) -> None:
        if self._file is None or self._cipher is None:
            self._file = tempfile.TemporaryFile(buffering=0, dir=self._folder)  # noqa: SIM115 - lives as long as we do
            self._cipher = AESGCM(AESGCM.generate_key(256))
        sealed = memoryview(self._cipher.encrypt(_nonce(len(self._blocks)), block, None))
        while sealed:
            sealed = sealed[os.write(self._file.fileno(), sealed) :]

    def _read(self, rest: bytes) -> bytes:
        """Give what is in the file, with what is in memory behind it."""
        assert self._file is not None  # noqa: S101 - asked by take only
        assert self._cipher is not None  # noqa: S101
        pieces = []
        at = 0
        for number, length in enumerate(self._blocks):
            sealed = os.pread(self._file.fileno(), length + _TAG_OCTETS, at)
            at += length + _TAG_OCTETS
            pieces.append(self._cipher.decrypt(_nonce(number), sealed, None))
        octets = b"".join([*pieces, rest])
        if sha256(octets).hexdigest() != self.digest:
            raise OSError("not what came")
        return octets


def _nonce(number: int) -> bytes:
    """Each block has its own, and each file its own key."""
    return number.to_bytes(12, "big")
