"""What an import takes mail from, in terms that no format and no protocol shows through.

An importer asks a source for its folders, opens one at a time, lists its messages in batches and reads those
that it does not have yet. A source holds one batch at most, whatever the folder's size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pymailcore.base.errors import PermanentFailure


class BadSource(PermanentFailure):
    """A source, or one of its folders, cannot be read; the text is for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """One folder of a source.

    Attributes:
        key: names it in the memory of what was imported; never changes.
        path: levels with `/` between; `names.clean_path` has been there.
        role: what the source itself says about its use (RFC 6154), as the store names it.
        selectable: False: it holds other folders and no messages.
        identities: its entries have an `identity`.
    """

    key: str
    path: str
    role: str | None = None
    subscribed: bool = True
    selectable: bool = True
    identities: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    r"""One message of a folder, not read yet.

    Attributes:
        item: names it in the memory of what was imported, within its folder.
        keywords: lower case, in the store's spelling.
        deleted: it has `\Deleted`.
        size_octets: as far as it is known before it is read.
        place: where the source finds it again.
        identity: names it in all folders of the source, where it may be more than once.
    """

    item: str
    keywords: tuple[str, ...]
    deleted: bool
    size_octets: int
    place: object
    identity: str | None = None


class Taker(Protocol):
    """Where a source brings messages."""

    async def take(self, entry: Entry, octets: bytes, received_ms: int | None) -> None:
        """Take a message; waits as long as too many are on their way already.

        Args:
            received_ms: INTERNALDATE; None when the source knows none.
        """
        ...

    def fail(self, entry: Entry, reason: str) -> None:
        """Note that a message cannot be had."""
        ...


class FolderReader(Protocol):
    """An open folder."""

    @property
    def generation(self) -> str:
        """With what `item` begins as long as items mean the same; "" where they always do."""
        ...

    @property
    def messages(self) -> int | None:
        """About how many it has, where that is known."""
        ...

    async def next(self) -> Sequence[Entry]:
        """The next batch of its messages, oldest first; empty at the end."""
        ...

    async def read(self, entries: Sequence[Entry], taker: Taker) -> None:
        """Bring the messages of some entries of the last batch, in their order."""
        ...

    def close(self) -> None:
        """Let go of the folder."""
        ...


class Source(Protocol):
    """Something with folders and messages."""

    @property
    def name(self) -> str:
        """Names it in the memory of what was imported: the same for the same mail."""
        ...

    async def folders(self) -> Sequence[Folder]:
        """All folders.

        Raises:
            BadSource: there is nothing of the kind.
        """
        ...

    async def open(self, folder: Folder) -> FolderReader:
        """Open a folder.

        Raises:
            BadSource: this folder cannot be read; the others may.
        """
        ...

    async def close(self) -> None:
        """Let go of everything."""
        ...
