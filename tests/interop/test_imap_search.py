"""SEARCH, SORT and THREAD beside Debian's Dovecot: the same questions about the same mail."""

import os
import random
from pathlib import Path

import pytest
import trio
from tests.support import dovecot
from tests.support.imap_client import ACCOUNT, ImapClient, ImapWorld, imap_world

from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.runtime.certificates import load_material
from pymailcore.runtime.settings import TlsSettings
from pymailcore.runtime.tls import TlsContexts
from pymailcore.store.keywords import SEEN, Keywords
from pymailcore.store.types import Incoming, Target

MAILS = 300
BEGIN = 1_600_000_000
WORDS = ["lunch", "Report", "Café", "meeting", "naïve", "ÉTUDE", "budget", "Zürich", "plan", "übung"]
NAMES = ["Ann", "bob", "Émile", "Zoë", "carl", "", "Dörte", "Ed"]


def encoded(text: str) -> str:
    return text if text.isascii() else f"=?utf-8?q?{text.encode().hex('=').join(('=', ''))}?="


def address(chance: random.Random) -> str:
    name = chance.choice(NAMES)
    email = f"{chance.choice(['x', 'Ab', 'yy', 'q.r'])}{chance.randrange(4)}@h{chance.randrange(3)}.example"
    return f"{encoded(name)} <{email}>" if name else email


def corpus(chance: random.Random) -> list[bytes]:
    """Conversations with truncated, missing and wrong references; subjects in many forms."""
    mails = []
    chains: list[tuple[list[str], str]] = []
    for n in range(MAILS):
        own = f"<m{n}@h.example>"
        lines = [f"From: {address(chance)}", f"To: {address(chance)}, {address(chance)}"]
        lines += [f"Cc: {address(chance)}"] if chance.random() < 0.3 else []
        day, hour = 1 + chance.randrange(28), chance.randrange(24)
        zone = chance.choice(["+0000", "-0500", "+0930"])
        lines += [f"Date: {day} Sep 2020 {hour:02}:15:00 {zone}"] if chance.random() < 0.9 else []
        if chains and chance.random() < 0.6:
            chain, subject = chance.choice(chains[-40:])
            subject = chance.choice(["Re: ", "RE: [list] ", "Fwd: ", "", "re[2]: "]) + subject
            if chance.random() < 0.8:
                kept = chain[-chance.randrange(1, 5) :] if chance.random() < 0.3 else chain
                lines.append("References: " + "\n ".join(kept))
            if chance.random() < 0.5:
                lines.append(f"In-Reply-To: {chain[-1]}")
        else:
            chain, subject = [], " ".join(chance.sample(WORDS, 2))
            if chance.random() < 0.1:
                subject = ""
        lines += [f"Message-ID: {own}"] if chance.random() < 0.95 else []
        if chance.random() < 0.95:
            lines.append("Subject: " + " ".join(encoded(word) for word in subject.split(" ")))
        chains.append(([*chain, own], subject.split(": ")[-1]))
        if chance.random() < 0.1:
            continue  # lost, but referred to by others
        body = " ".join(chance.choices(WORDS, k=20))
        head = "\n".join([*lines, "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8"])
        mails.append(f"{head}\nContent-Transfer-Encoding: 8bit\n\n{body}\n".encode())
    chance.shuffle(mails)
    return mails


async def fill(world: ImapWorld, maildir: Path, mails: list[bytes]) -> None:
    (maildir / "cur").mkdir(parents=True)
    (maildir / "new").mkdir()
    (maildir / "tmp").mkdir()
    incoming = []
    for n, octets in enumerate(mails):
        seen = n % 3 == 0
        path = maildir / "cur" / f"{BEGIN + n}.M{n}P1.h:2,{'S' if seen else ''}"
        path.write_bytes(octets)
        os.utime(path, (BEGIN + n * 60, BEGIN + n * 60))
        prepared = await world.store.prepare(octets.replace(b"\n", b"\r\n"))
        keywords = Keywords(SEEN) if seen else Keywords()
        incoming.append(Incoming(prepared, [Target(ACCOUNT, "inbox", keywords)], (BEGIN + n * 60) * 1000))
    await world.store.append_many(incoming, tenant=DEFAULT_TENANT)


SEARCHES = [
    "ALL", "UNSEEN", "SUBJECT lunch", "SUBJECT REPORT", "FROM ann", "TO x1@", "CC h2.example", "BODY budget",
    "TEXT meeting", "NOT TEXT plan", "OR FROM bob SUBJECT plan", "SENTSINCE 14-Sep-2020", "SENTON 7-Sep-2020",
    'SENTBEFORE 3-Sep-2020 HEADER Date ""', "HEADER References m1", "HEADER In-Reply-To \"\"", "LARGER 500",
    "SUBJECT \"\"", "CC \"\"", "BCC \"\"", "NOT FROM \"\"",
    "1:50,100:* SEEN", "UID 20:40 BODY lunch", "BODY \"lunch Report\"", "SUBJECT unch",
    "OLDER 100", "YOUNGER 100", "(OR (SUBJECT plan SEEN) (BODY naive UNSEEN)) NOT CC ann",
]  # fmt: skip
SORTS = ["ARRIVAL", "DATE", "REVERSE DATE", "SUBJECT", "REVERSE SUBJECT DATE", "FROM", "TO", "CC",
         "DISPLAYFROM", "DISPLAYTO", "SIZE", "REVERSE SIZE FROM SUBJECT"]  # fmt: skip
RETURNS = ["()", "(MIN MAX COUNT)", "(ALL)"]


def commands() -> list[str]:
    found = [f"UID SEARCH {keys}" for keys in SEARCHES]
    found += [f"SEARCH RETURN {options} {keys}" for options in RETURNS for keys in SEARCHES[:3]]
    found += [f"SORT ({keys}) UTF-8 ALL" for keys in SORTS]
    found += ["SORT (SUBJECT) UTF-8 UNSEEN BODY plan", "UID SORT RETURN (MIN COUNT) (DATE) UTF-8 ALL"]
    for algorithm in ("REFERENCES", "ORDEREDSUBJECT"):
        found += [f"THREAD {algorithm} UTF-8 {keys}" for keys in ("ALL", "SEEN", "SUBJECT lunch")]
    return found


@pytest.mark.slow
async def test_answers_are_those_of_dovecot(tmp_path: Path) -> None:
    """RFC 9051 section 6.4.4, RFC 4731 section 3.1, RFC 5256 section 3, RFC 5957 section 4."""
    tls = TlsContexts(load_material(TlsSettings(), tmp_path, "imap.example.test"))
    mails = corpus(random.Random(11))  # noqa: S311 - mail of a test
    async with imap_world(tmp_path / "ours", tls) as world:
        await fill(world, tmp_path / "dovecot" / "Maildir", mails)
        with dovecot.running(tmp_path / "dovecot") as server:
            theirs = ImapClient(await trio.open_tcp_stream("127.0.0.1", server.port))
            async with theirs, await world.log_in("INBOX") as ours:
                await theirs.line()
                await theirs.ok("SELECT INBOX")
                theirs.count = ours.count
                differ = {}
                for command in commands():
                    one, other = await ours.ok(command), await theirs.ok(command)
                    if one != other:
                        differ[command] = (one, other)
    assert differ == {}
