"""A real Dovecot: imported from, and reading what an export wrote."""

import os
from pathlib import Path

from tests.support import dovecot
from tests.support.stores import Opened, a_message, opened_store
from tests.support.transfers import NOW_MS, bring, mail_of, take_out

from pymailcore.admin.transfer.maildir import MaildirSource
from pymailcore.admin.transfer.maildir_writer import MaildirWriter
from pymailcore.cli.imap_source import ImapPlace, ImapSource
from pymailcore.store.keywords import keywords_of
from pymailcore.store.types import FlagChange


def source(server: dovecot.Dovecot) -> ImapSource:
    place = ImapPlace(host="127.0.0.1", port=server.port, tls="none", user=dovecot.USER, password="x")
    return ImapSource(place, most_octets=100_000, pause_seconds=0.0)


def put(folder: Path, name: str, octets: bytes, seconds: int) -> None:
    for sub in ("cur", "new", "tmp"):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    (folder / "cur" / name).write_bytes(octets)
    os.utime(folder / "cur" / name, (seconds, seconds))


async def both_ways(server: dovecot.Dovecot, folder: Path) -> dict[str, object]:
    """Import from the server, and from its files: the same mail."""
    async with opened_store(folder / "imap") as opened:
        await bring(opened, source(server))
        by_imap = await mail_of(opened)
        assert (await bring(opened, source(server))).messages == 0
        folders = {
            box.path: (box.role, box.subscribed) for box in await opened.store.mailboxes(opened.account)
        }
        await opened.check()
    async with opened_store(folder / "files") as opened:
        await bring(opened, MaildirSource(server.maildir, now_ms=NOW_MS), roles={"Gesendet": "sent"})
        assert await mail_of(opened) == by_imap
    return {"mail": by_imap, "folders": folders}


async def test_mail_of_a_dovecot_comes_by_imap_as_it_lies_in_its_files(tmp_path: Path) -> None:
    """Flags, keywords, INTERNALDATE, SPECIAL-USE, subscriptions, names in modified UTF-7."""
    maildir = tmp_path / "dovecot" / "Maildir"
    for number in range(30):
        name = f"{1_600_000_000 + number}.M{number}P1.host:2,{'Sa' if number % 2 else 'T'}"
        put(maildir, name, f"Subject: {number}\n\ntext\n".encode(), 1_600_000_000 + number)
    (maildir / "dovecot-keywords").write_text("0 $Label1\n")
    put(maildir / ".Gesendet", "1600000000.a.host:2,RS", b"Subject: s\n\n", 1_600_000_000)
    put(maildir / ".Work.Caf&AOk-", "1600000000.b.host:2,F", b"Subject: w\n\n", 1_600_000_000)
    (maildir / "subscriptions").write_text("V\t2\n\nGesendet\nWork\tCaf&AOk-\n")
    with dovecot.running(tmp_path / "dovecot") as server:
        found = await both_ways(server, tmp_path)
    mail, folders = found["mail"], found["folders"]
    assert isinstance(mail, dict)
    assert isinstance(folders, dict)
    assert {path: len(messages) for path, messages in mail.items()} == {
        "INBOX": 30,
        "Sent": 1,
        "Work/Café": 1,
    }
    assert mail["INBOX"][3] == (b"Subject: 3\r\n\r\ntext\r\n", ("$label1", "$seen"), False, 1_600_000_003_000)
    assert mail["INBOX"][4][1:3] == ((), True)
    assert folders["Work/Café"] == (None, True)


async def test_folders_below_a_prefix(tmp_path: Path) -> None:
    """RFC 2342 section 5: Courier's and old Dovecots' INBOX. in front of every name."""
    put(tmp_path / "dovecot" / "Maildir", "1600000000.a.host:2,", b"Subject: s\n\n", 1_600_000_000)
    put(
        tmp_path / "dovecot" / "Maildir" / ".Old.Mail",
        "1600000000.a.host:2,",
        b"Subject: s\n\n",
        1_600_000_000,
    )
    with dovecot.running(tmp_path / "dovecot", prefix="INBOX.") as server:
        found = source(server)
        assert [folder.path for folder in await found.folders() if folder.selectable] == ["INBOX", "Old/Mail"]
        await found.close()


async def fill(opened: Opened) -> None:
    work = await opened.store.create_mailbox(opened.account, "Work/Café", subscribed=False)
    for number in range(8):
        keywords = keywords_of(["$seen", "$flagged", "$forwarded", "work"][: number % 5])
        await opened.deliver(
            a_message(str(number)),
            work.id if number % 3 else "inbox",
            keywords=keywords,
            received_ms=1_600_000_000_000 + number * 1_000,
        )
    await opened.store.set_flags(
        opened.account, work.id, [(1, 1)], FlagChange.ADD, keywords_of([]), deleted=True
    )


async def test_a_dovecot_serves_what_was_exported(tmp_path: Path) -> None:
    """Out as a Maildir, over a Dovecot, in by IMAP: the same mail but for $Forwarded, which Dovecot hides."""
    async with opened_store(tmp_path / "one") as opened:
        await fill(opened)
        before = await mail_of(opened)
        await take_out(opened, MaildirWriter(tmp_path / "dovecot" / "Maildir"))
    with dovecot.running(tmp_path / "dovecot") as server:
        async with opened_store(tmp_path / "two") as opened:
            await bring(opened, source(server))
            after = await mail_of(opened)
            boxes = {box.path: box.subscribed for box in await opened.store.mailboxes(opened.account)}
    assert (boxes["Work/Café"], boxes["Sent"]) == (False, True)
    assert {
        path: [
            (octets, tuple(k for k in keywords if k != "$forwarded"), *rest)
            for octets, keywords, *rest in mail
        ]
        for path, mail in before.items()
    } == {
        path: [(octets, keywords, *rest) for octets, keywords, *rest in mail] for path, mail in after.items()
    }
