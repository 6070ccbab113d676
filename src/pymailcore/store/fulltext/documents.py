"""What the index is told of a message: its texts, and where it stands among the account's changes."""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from pymailcore.extract.attachment_text import AttachmentText
from pymailcore.message import structure
from pymailcore.message.text import is_markup
from pymailcore.store.folding import normal
from pymailcore.store.texts import SearchedMessage

MOST_ATTACHMENT_TEXT: Final = 4 * 1024 * 1024
"""Characters of text of attachments that are taken of one message."""


class Document(NamedTuple):
    """The normal texts of one Email, in the order of `index_file.COLUMNS`."""

    email: int
    texts: tuple[str, ...]


class Part(NamedTuple):
    """What is new of one account.

    Attributes:
        unread: Emails that could not be read.
        modseq: when this is written, the index has every Email that changed last at this or before.
    """

    account: int
    documents: Sequence[Document]
    unread: Sequence[int]
    modseq: int


class Statistics(NamedTuple):
    """What an index holds."""

    documents: int
    gone: int
    unread: int
    octets: int


class IndexWriting(Protocol):
    """The index of one engine, as the one process that writes it does."""

    async def open(self) -> bool:
        """Open the index for writing, a new one where none is fit; True when it is new or another one.

        That is said once, to whoever opens it: only the indexer does, who keeps what the index has.
        """
        ...

    async def places(self) -> dict[int, int]:
        """By account, up to which modseq it has all."""
        ...

    async def unknown(self, emails: Sequence[int]) -> list[int]:
        """Those of some Emails that it lacks, in their order."""
        ...

    async def write(self, parts: Sequence[Part]) -> None:
        """Take what is new, of several accounts at once; all of it, or nothing."""
        ...

    async def emails(self, after: int, count: int) -> list[tuple[int, int]]:
        """Some of the Emails that it has, as (document, Email), by document."""
        ...

    async def unread(self) -> list[tuple[int, int]]:
        """Emails that could not be read, as (account, Email)."""
        ...

    async def remove(self, emails: Sequence[int]) -> None:
        """Let go of Emails that are no more."""
        ...

    async def remove_account(self, account: int) -> None:
        """Let go of an account of which it has no Emails any more."""
        ...

    async def merge(self) -> bool:
        """Do a little of what makes searches faster; False when there is nothing to do."""
        ...

    async def statistics(self) -> Statistics:
        """What it holds."""
        ...

    async def fault(self) -> str:
        """Look through its own structure, as far as the engine can; what is wrong there, or nothing."""
        ...

    async def distrust(self) -> None:
        """Let it count no more: searches look through the mail, and the next `open` begins a new one."""
        ...

    async def close(self) -> None:
        """Close it; one that is built beside and was not taken is removed."""
        ...

    async def take(self) -> None:
        """Let the one count that was built beside the one in use, which goes."""
        ...


class Wanted(NamedTuple):
    """An attachment whose text is wanted."""

    media_type: str
    name: str
    octets: bytes


class Read(NamedTuple):
    """A message that was read, before its attachments are."""

    email: int
    texts: tuple[str, ...]
    attachments: list[Wanted]


def read(email: int, message: SearchedMessage, attachments: AttachmentText) -> Read:
    """Take the texts of a message."""
    from_, to, cc, bcc, subject = message.named
    texts = (message.body(), subject, from_, to, cc, bcc, message.header(), message.files())
    wanted = [
        Wanted(part.mime_type, part.filename or "", message.content(part))
        for part in structure.walk(message.root)
        if is_wanted(part, attachments)
    ]
    return Read(email, texts, wanted)


def is_wanted(part: structure.Part, attachments: AttachmentText) -> bool:
    """Whether the text of a part is taken by `complete`."""
    return (
        not part.children
        and (part.type != "text" or is_markup(part))
        and attachments.wants(part.mime_type, part.filename or "", part.size)
    )


async def complete(read: Read, attachments: AttachmentText) -> Document:
    """Add the text of attachments."""
    found = []
    left = MOST_ATTACHMENT_TEXT
    for one in read.attachments:
        text = await attachments.text(*one)
        if text:
            found.append(normal(text[:left]))
            left -= len(text)
        if left <= 0:
            break
    if not found:
        return Document(read.email, read.texts)
    return Document(read.email, (*read.texts[:-1], " ".join([read.texts[-1], *found]).strip()))
