"""What a backup consists of: one JSON file for each generation, written last.

A generation is all that is needed to restore a store as of one moment. Generations share files: an
incremental one names the pieces of packs that an earlier one has copied.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec

from pymailcore.base.errors import NotFound, PermanentFailure
from pymailcore.store.backup.target import Target

FORMAT: Final = 1
_FOLDER: Final = "manifests/"
_ENDING: Final = ".json"


class UnfitBackup(PermanentFailure):
    """A backup is damaged, or of a version that this one cannot read."""


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a backup.

    Attributes:
        path: for a file that is copied as it is, where it belongs below the data folder.
    """

    name: str
    octets: int
    sha256: str
    path: str = ""


class TableFiles(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of a table; see `store.backup.streams`."""

    table: str
    columns: tuple[str, ...]
    rows: int
    parts: tuple[File, ...]


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a pack, of whole records, that begins at `start`."""

    file: File
    start: int


class PackFiles(msgspec.Struct, frozen=True, kw_only=True):
    """A pack; below 0 an object of S3. Its pieces follow each other without a gap."""

    pack: int
    octets: int
    pieces: tuple[Piece, ...]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One generation.

    Attributes:
        name: the moment of its cut, in UTC.
        version: of pymailcore that made it.
        schema: of the database.
        previous: the generation whose files it shares, or "".
        damage: what could not be copied whole; empty in a good backup.
        digest: SHA-256 of this file with an empty digest.
    """

    format: int = FORMAT
    name: str
    taken_ms: int
    version: str
    schema: int
    engine: str
    previous: str = ""
    tables: tuple[TableFiles, ...] = ()
    packs: tuple[PackFiles, ...] = ()
    files: tuple[File, ...] = ()
    damage: tuple[str, ...] = ()
    digest: str = ""

    @property
    def octets(self) -> int:
        """All that it needs, shared or not."""
        return sum(file.octets for file in self.all_files())

    def all_files(self) -> Sequence[File]:
        """All files that it needs."""
        return [
            *(part for table in self.tables for part in table.parts),
            *(piece.file for pack in self.packs for piece in pack.pieces),
            *self.files,
        ]

    def table(self, name: str) -> TableFiles | None:
        """The files of a table."""
        return next((table for table in self.tables if table.table == name), None)


def file_of(name: str, octets: bytes, path: str = "") -> File:
    """Describe a file."""
    return File(name=name, octets=len(octets), sha256=hashlib.sha256(octets).hexdigest(), path=path)


def checked(file: File, octets: bytes) -> bytes:
    """Give the octets of a file that are what was written.

    Raises:
        UnfitBackup: they are not.
    """
    if len(octets) != file.octets or hashlib.sha256(octets).hexdigest() != file.sha256:
        raise UnfitBackup(f"{file.name} is damaged")
    return octets


def _digest(manifest: Manifest) -> str:
    return hashlib.sha256(msgspec.json.encode(msgspec.structs.replace(manifest, digest=""))).hexdigest()


def write_manifest(target: Target, manifest: Manifest) -> Manifest:
    """Finish a generation: once this returns, it is there."""
    signed = msgspec.structs.replace(manifest, digest=_digest(manifest))
    octets = msgspec.json.format(msgspec.json.encode(signed), indent=1)
    target.put(f"{_FOLDER}{manifest.name}{_ENDING}", octets)
    return signed


def generations(target: Target) -> list[str]:
    """Names of all finished generations, the oldest first."""
    return sorted(
        entry.name.removeprefix(_FOLDER).removesuffix(_ENDING)
        for entry in target.listed()
        if entry.name.startswith(_FOLDER) and entry.name.endswith(_ENDING)
    )


def read_manifest(target: Target, name: str) -> Manifest:
    """Read a generation.

    Raises:
        NotFound: there is none of this name.
        UnfitBackup: its manifest is damaged, or of a later format.
    """
    octets = target.whole(f"{_FOLDER}{name}{_ENDING}")
    try:
        head = msgspec.json.decode(octets, type=dict[str, object])
        if head.get("format") != FORMAT:
            raise UnfitBackup(f"the backup {name} needs another version of pymailcore")
        manifest = msgspec.json.decode(octets, type=Manifest)
    except msgspec.MsgspecError as error:
        raise UnfitBackup(f"the manifest of the backup {name} is damaged") from error
    if manifest.digest != _digest(manifest):
        raise UnfitBackup(f"the manifest of the backup {name} is damaged")
    return manifest


def choose(target: Target, name: str | None) -> Manifest:
    """Read the generation of this name, or the newest.

    Raises:
        NotFound: there is none.
        UnfitBackup: it is damaged.
    """
    names = generations(target)
    if not names:
        raise NotFound("there is no backup")
    if name is not None and name not in names:
        raise NotFound(f"there is no backup {name}; there are: {', '.join(names)}")
    return read_manifest(target, name or names[-1])


def manifest_file(name: str) -> str:
    """The file of a generation's manifest."""
    return f"{_FOLDER}{name}{_ENDING}"
