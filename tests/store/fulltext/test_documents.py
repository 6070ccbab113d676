"""Names and text of attachments (RFC 8621 section 4.4.1: text in other body parts)."""

import base64

import pytest
from tests.support.searching import writing
from tests.support.stores import Opened

from pymailcore.store import query as q
from pymailcore.store.fulltext import documents
from pymailcore.store.fulltext.indexer import Indexer

MESSAGE = (
    b"From: Ada <ada@example.org>\r\nSubject: two files\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain\r\n\r\nsee the files\r\n"
    b"--b\r\nContent-Type: application/pdf\r\n"
    b'Content-Disposition: attachment; filename="M\xc3\xa4rz report.pdf"\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.b64encode(b"first") + b"\r\n"
    b"--b\r\nContent-Type: application/pdf; name=other.pdf\r\n\r\nsecond\r\n"
    b"--b\r\nContent-Type: image/png; name=logo.png\r\n\r\nxx\r\n--b--\r\n"
)


class Reader:
    """Knows the text of two attachments."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes]] = []

    def wants(self, media_type: str, file_name: str, size_octets: int) -> bool:
        """Only PDF."""
        assert size_octets < 100
        return media_type == "application/pdf" and bool(file_name)

    async def text(self, media_type: str, file_name: str, octets: bytes) -> str | None:
        """Give it."""
        self.asked.append((media_type, file_name, octets))
        return {b"first": "Quarterly\n  figures é", b"second": None}[octets]


async def test_words_of_attachments_are_found_once_they_are_indexed(opened: Opened) -> None:
    await opened.deliver(MESSAGE)
    index, reader = writing(opened), Reader()
    indexer = Indexer(opened.store.engine, index, reader)
    inbox = opened.mailbox("INBOX")

    async def found(node: q.Filter) -> bool:
        return bool(await opened.store.search(opened.account, inbox, node))

    def words(field: q.Field, text: str) -> q.Filter:
        return q.Matches(field, text, q.How.PREFIX)

    names = words(q.Field.ATTACHMENT, "marz rep")
    inside = [words(field, "figures e") for field in (q.Field.ATTACHMENT, q.Field.BODY, q.Field.TEXT)]
    assert await found(names)
    assert not any([await found(node) for node in inside])
    await indexer.open()
    await indexer.index(await indexer.behind())
    await index.close()
    assert sorted(octets for _, _, octets in reader.asked) == [b"first", b"second"]
    assert await found(names)
    assert all([await found(node) for node in inside])
    assert await found(words(q.Field.ATTACHMENT, "logo"))
    assert not await found(words(q.Field.SUBJECT, "figures"))
    # IMAP's BODY and TEXT look at text parts; TEXT also at the headers of parts
    assert not await found(q.Contains(q.Field.BODY, "figures"))
    assert not await found(q.Contains(q.Field.TEXT, "figures"))
    assert await found(q.Contains(q.Field.TEXT, "märz rep"))
    assert not await found(q.Contains(q.Field.BODY, "märz"))


class Talker(Reader):
    """Has more to say than is taken."""

    async def text(self, media_type: str, file_name: str, octets: bytes) -> str | None:
        """Say which one it is, and more."""
        await super().text(media_type, file_name, octets)
        return f"{octets.decode()} " + "x " * 100


async def test_text_of_attachments_is_bounded(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MOST_ATTACHMENT_TEXT", 150)
    await opened.deliver(MESSAGE)
    index = writing(opened)
    indexer = Indexer(opened.store.engine, index, Talker())
    await indexer.open()
    await indexer.index(await indexer.behind())
    await index.close()
    inbox = opened.mailbox("INBOX")
    for text, there in (("first", True), ("second", False)):
        node = q.Matches(q.Field.ATTACHMENT, text, q.How.WHOLE)
        assert bool(await opened.store.search(opened.account, inbox, node)) is there


FILES = (
    b"From: Ada <ada@example.org>\r\nSubject: files\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain\r\n\r\nsee the files\r\n"
    b"--b\r\nContent-Type: application/octet-stream; name=sums.csv\r\n\r\nWeight Gr\xc3\xb6\xc3\x9fe\r\n"
    b"--b\r\nContent-Type: text/rtf\r\n\r\n{\\rtf1 rich words}\r\n--b--\r\n"
)


class RichReader(Reader):
    """Wants what is rich text."""

    def wants(self, media_type: str, file_name: str, size_octets: int) -> bool:  # noqa: ARG002 - the interface
        """Only RTF."""
        return media_type == "text/rtf"

    async def text(self, media_type: str, file_name: str, octets: bytes) -> str | None:
        """Take the words out."""
        assert (media_type, file_name, octets) == ("text/rtf", "", rb"{\rtf1 rich words}")
        return "rich words"


async def test_text_files_are_read_by_name_and_rich_text_by_helpers(opened: Opened) -> None:
    await opened.deliver(FILES)

    async def found(text: str) -> bool:
        node = q.Matches(q.Field.BODY, text, q.How.WHOLE)
        return bool(await opened.store.search(opened.account, opened.mailbox("INBOX"), node))

    assert await found("weight grosse")
    index = writing(opened)
    indexer = Indexer(opened.store.engine, index, RichReader())
    await indexer.open()
    await indexer.index(await indexer.behind())
    await index.close()
    assert [await found(text) for text in ("weight grosse", "csv", "rich words")] == [True] * 3
    assert not await found("rtf1")
    for text in ("weight", "rtf1"):  # no text part says it
        node = q.Contains(q.Field.BODY, text)
        assert await opened.store.search(opened.account, opened.mailbox("INBOX"), node) == []
