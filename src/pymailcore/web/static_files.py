"""The built web UI, read into memory once and served as it lies.

Standards: RFC 9110 sections 8.8.3 (ETag), 12.5.3 (Accept-Encoding); RFC 8246 (immutable).

A build is some hundred kilobytes. It is read again when its index changes, so that a build in development
shows without a restart.
"""

import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Final

INDEX: Final = "index.html"
_ASSETS: Final = "assets/"
_ENCODINGS: Final = (("br", ".br"), ("gzip", ".gz"))
_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
    ".map": "application/json",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file with its compressed forms."""

    media_type: str
    etag: str
    immutable: bool
    octets: bytes
    encoded: dict[str, bytes]

    def choose(self, accept_encoding: str) -> tuple[str, bytes]:
        """Give the encoding to answer with ("" for none) and the octets."""
        accepted = {
            token.partition(";")[0].strip()
            for token in accept_encoding.lower().split(",")
            if not token.replace(" ", "").endswith((";q=0", ";q=0.0"))
        }
        for encoding, _ in _ENCODINGS:
            if encoding in accepted and encoding in self.encoded:
                return encoding, self.encoded[encoding]
        return "", self.octets


class StaticFiles:
    """All files of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stamp: tuple[int, int] | None = None
        self._files: dict[str, StaticFile] = {}
        self.refresh()

    def refresh(self) -> None:
        """Read the folder again if its index has changed. Blocks for some milliseconds when it has."""
        try:
            status = (self._folder / INDEX).stat()
        except OSError:
            self._stamp, self._files = None, {}
            return
        stamp = (status.st_mtime_ns, status.st_size)
        if stamp != self._stamp:
            self._files = _read(self._folder)
            self._stamp = stamp

    def get(self, path: str) -> StaticFile | None:
        """Give a file by its path below the folder; None when the build has none of this name."""
        return self._files.get(path)


def _read(folder: Path) -> dict[str, StaticFile]:
    compressed = {ending for _, ending in _ENCODINGS}
    files: dict[str, StaticFile] = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.suffix in compressed or path.name.startswith("."):
            continue
        octets = path.read_bytes()
        name = path.relative_to(folder).as_posix()
        encoded = {}
        for encoding, ending in _ENCODINGS:
            beside = path.with_name(path.name + ending)
            if beside.is_file():
                encoded[encoding] = beside.read_bytes()
        guessed = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        files[name] = StaticFile(
            media_type=_TYPES.get(path.suffix, guessed),
            etag=hashlib.sha256(octets).hexdigest()[:20],
            immutable=name.startswith(_ASSETS),
            octets=octets,
            encoded=encoded,
        )
    return files
