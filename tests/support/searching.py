"""A store with its text index, and mail in many scripts to be looked for."""

import base64
import random
from collections.abc import Sequence
from typing import Final

from tests.support.stores import Opened

from pymailcore.base.ids import MailboxId
from pymailcore.extract.attachment_text import NO_ATTACHMENT_TEXT, AttachmentText
from pymailcore.store import query as q
from pymailcore.store.fulltext.documents import IndexWriting
from pymailcore.store.fulltext.indexer import Indexer
from pymailcore.store.fulltext.job import index_writing
from pymailcore.store.fulltext.lookup import NoIndex
from pymailcore.store.store import Store

WORDS: Final = (
    "plan", "planning", "Größe", "grosse", "report", "re-port", "Ärger", "naïve", "cafe\u0301", "Straße",
    "λόγος", "ΛΟΓΟΣ", "Σίσυφος", "жёлтый", "йод", "كتاب", "كِتَاب", "שלום", "שָׁלוֹם", "हिन्दी", "ไทยแลนด์",
    "会議", "会議室", "カタカナ", "한국어", "한국", "😀", "❤\ufe0f", "a", "b", "x", "42", "2.5",
    "a@b.example", "<tag>", "foo_bar", '"quoted"', "it's", "x" * 150, "y" * 64 + "z" * 64 + "w" * 30,
    "e=mc²", "ﬁn", "İstanbul", "--", "...",
)  # fmt: skip


def some_text(source: random.Random, most: int = 30) -> str:
    """Words in many scripts, some of them joined."""
    return "".join(
        source.choice(WORDS) + source.choice([" ", " ", " ", "", ", ", "\r\n", "  ", "-"])
        for _ in range(source.randint(1, most))
    )


def some_message(number: int) -> bytes:
    """A message of such words, in some charset and encoding."""
    source = random.Random(number)  # noqa: S311
    body = some_text(source)
    charset = source.choice(["utf-8", "utf-8", "iso-8859-1", "koi8-r", "shift_jis", "utf-16"])
    octets = body.encode(charset, "ignore")
    encoding = "8bit" if charset == "utf-8" else "base64"
    coded = octets if encoding == "8bit" else _base64(octets)
    subject = "".join(some_text(source, 4).splitlines())
    name = source.choice(["Ada", "Jörg Müller", "会議", "Bob"])
    html = source.random() < 0.3
    if html:
        coded = f"<p>{body}</p>".encode()
        charset, encoding = "utf-8", "8bit"
    head = (
        f"From: {name} <a{number % 7}@example.org>\r\nTo: Bob <bob@example.org>, c@x.example\r\n"
        f"Subject: {subject}\r\nX-Tag: {source.choice(WORDS)} {number}\r\n"
        f"DKIM-Signature: v=1; b=signature{number}\r\nMIME-Version: 1.0\r\n"
        f"Content-Type: text/{'html' if html else 'plain'}; charset={charset}\r\n"
        f"Content-Transfer-Encoding: {encoding}\r\n\r\n"
    )
    return head.encode() + coded + b"\r\n"


def _base64(octets: bytes) -> bytes:
    return base64.encodebytes(octets).replace(b"\n", b"\r\n")


def writing(opened: Opened) -> IndexWriting:
    """The index of a store, to be written."""
    return index_writing(opened.store.engine)


async def index_all(
    opened: Opened, index: IndexWriting | None = None, attachments: AttachmentText = NO_ATTACHMENT_TEXT
) -> None:
    """Bring the index up to date."""
    ours = index or writing(opened)
    try:
        indexer = Indexer(opened.store.engine, ours, attachments)
        await indexer.open()
        await indexer.index(await indexer.behind())
        assert not await indexer.behind()
    finally:
        if index is None:
            await ours.close()


async def scanned(store: Store, opened: Opened, mailbox: MailboxId, node: q.Filter) -> Sequence[int]:
    """What a search finds that looks through every message."""
    engine = store.engine
    there, engine.text_index = engine.text_index, NoIndex()
    try:
        return await store.search(opened.account, mailbox, node)
    finally:
        engine.text_index = there


def needles(source: random.Random, texts: Sequence[str], count: int) -> list[str]:
    """Stretches of texts, and words."""
    out = []
    for _ in range(count):
        text = source.choice(texts)
        start = source.randrange(len(text))
        out.append(text[start : start + source.choice([1, 2, 3, 4, 6, 9, 15, 30, 80])])
        word = source.choice(WORDS)[: source.randint(1, 200)]
        out += [word, source.choice([f" {word}", f"{word} ", f" {word} ", " "])]
    return out
