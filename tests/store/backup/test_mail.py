"""Mail out of a backup into a store that runs."""

from pathlib import Path

import pytest
from tests.support.stores import Opened, a_message, counted_ids, opened_store

from pymailcore.base.errors import NotFound, OverQuota
from pymailcore.base.ids import EMAIL, EmailId, encode_id
from pymailcore.store.backup.mail import Returned, restore_mail
from pymailcore.store.backup.manifest import choose
from pymailcore.store.backup.taking import take_backup
from pymailcore.store.backup.target import FolderTarget
from pymailcore.store.keyfile import create_key_file
from pymailcore.store.keywords import keywords_of
from pymailcore.store.types import Want
from pymailcore.store.verifying.sweep import Silent

BIG = "x" * 30_000 + "\r\n"


@pytest.fixture
def target(tmp_path: Path) -> FolderTarget:
    return FolderTarget(tmp_path / "backup")


async def back(
    opened: Opened,
    target: FolderTarget,
    tmp_path: Path,
    mailbox: str | None = None,
    message: str | None = None,
) -> Returned:
    return await restore_mail(
        opened.store, target, choose(target, None), account="bob@example.org", mailbox=mailbox,
        message=message, scratch=tmp_path / "scratch", progress=Silent(),
    )  # fmt: skip


async def some_mail(opened: Opened) -> list[bytes]:
    """Three in the Inbox, one of them also in a Mailbox of its own, one that is there twice."""
    mails = [a_message("one", message_id="<1@x>"), a_message("two", body=BIG), a_message("twice")]
    await opened.deliver(mails[0], keywords=keywords_of(["$seen", "friend"]), received_ms=5_000)
    await opened.deliver(mails[1])
    await opened.deliver(mails[2])
    await opened.deliver(mails[2])
    made = await opened.store.create_mailbox(opened.account, "a/b", subscribed=False)
    await opened.store.copy(opened.account, opened.mailbox("INBOX"), [(1, 1)], made.id)
    return mails


async def empty(opened: Opened, path: str) -> None:
    mailbox = await opened.counters(path)
    await opened.store.remove_mailbox(opened.account, mailbox.id, with_emails=True)


async def expunge(opened: Opened, low: int, high: int) -> None:
    rows = await opened.store.fetch(opened.account, opened.mailbox("INBOX"), [(low, high)], Want.NONE)
    await opened.store.destroy_emails(opened.account, [row.email for row in rows])


async def test_an_account_comes_back_as_it_was(opened: Opened, target: FolderTarget, tmp_path: Path) -> None:
    mails = await some_mail(opened)
    await take_backup(opened.store.engine, target)
    await empty(opened, "a/b")
    await expunge(opened, 1, 9)
    assert await back(opened, target, tmp_path) == (4, 0, ())
    inbox = opened.mailbox("INBOX")
    rows = await opened.store.fetch(opened.account, inbox, [(1, 99)], Want.FACTS)
    assert [await opened.store.message(opened.account, EmailId(row.email)) for row in rows] == [
        *mails,
        mails[2],
    ]
    assert (rows[0].flags, rows[0].extra, rows[0].received_ms) == (1, "friend", 5_000)
    again = await opened.counters("a/b")
    assert (again.messages, again.subscribed) == (1, False)
    (shared,) = await opened.store.fetch(opened.account, again.id, [(1, 9)], Want.NONE)
    assert shared.email == rows[0].email
    await opened.check()


async def test_what_is_there_is_left_out_and_a_second_run_does_nothing(
    opened: Opened, target: FolderTarget, tmp_path: Path
) -> None:
    await some_mail(opened)
    await take_backup(opened.store.engine, target)
    await expunge(opened, 4, 4)
    await opened.deliver(a_message("newer"))
    assert await back(opened, target, tmp_path) == (1, 3, ())
    assert await back(opened, target, tmp_path) == (0, 4, ())
    assert (await opened.counters("INBOX")).messages == 5
    await opened.check()


async def test_one_mailbox_and_one_message(opened: Opened, target: FolderTarget, tmp_path: Path) -> None:
    await some_mail(opened)
    filed = await opened.deliver(a_message("three"))
    await take_backup(opened.store.engine, target)
    await expunge(opened, 1, 9)
    assert await back(opened, target, tmp_path, mailbox="a/b") == (1, 0, ())
    assert (await opened.counters("a/b")).messages == 1
    assert (await opened.counters("INBOX")).messages == 0
    assert await back(opened, target, tmp_path, message=encode_id(EMAIL, filed.email)) == (1, 0, ())
    assert await back(opened, target, tmp_path, mailbox="INBOX", message="<1@x>") == (1, 0, ())
    assert (await opened.counters("INBOX")).messages == 2
    for mailbox, message in (("none", None), (None, "<none@x>"), (None, "e1")):
        with pytest.raises(NotFound):
            await back(opened, target, tmp_path, mailbox, message)


async def test_a_mailbox_that_was_renamed_is_the_same(
    opened: Opened, target: FolderTarget, tmp_path: Path
) -> None:
    await some_mail(opened)
    await take_backup(opened.store.engine, target)
    there = await opened.counters("a/b")
    await opened.store.update_mailbox(opened.account, there.id, path="c")
    (row,) = await opened.store.fetch(opened.account, there.id, [(1, 9)], Want.NONE)
    await opened.store.destroy_emails(opened.account, [row.email])
    assert await back(opened, target, tmp_path, mailbox="a/b") == (1, 0, ())
    assert (await opened.counters("c")).messages == 1


async def test_quota_stops_it_and_it_goes_on_later(
    opened: Opened, target: FolderTarget, tmp_path: Path
) -> None:
    await some_mail(opened)
    await take_backup(opened.store.engine, target)
    await expunge(opened, 1, 9)
    for quota in (100, None):
        await opened.store.database.write(
            lambda tx, quota=quota: tx.run("UPDATE accounts SET quota_octets = ?1", quota)  # type: ignore[misc]
        )
        if quota is not None:
            with pytest.raises(OverQuota):
                await back(opened, target, tmp_path)
    assert await back(opened, target, tmp_path) == (4, 0, ())


async def test_octets_that_the_backup_lacks_are_named(tmp_path: Path, target: FolderTarget) -> None:
    async with opened_store(tmp_path / "data") as opened:
        await some_mail(opened)
        manifest = (await take_backup(opened.store.engine, target)).manifest
        (piece,) = [piece for pack in manifest.packs for piece in pack.pieces]
        path = tmp_path / "backup" / piece.file.name
        octets = bytearray(path.read_bytes())
        octets[-3] ^= 1
        path.write_bytes(octets)
        await expunge(opened, 1, 9)
        returned = await back(opened, target, tmp_path)
        assert (returned.restored, len(returned.damaged)) == (2, 2)


async def test_encrypted_mail_into_another_installation(tmp_path: Path, target: FolderTarget) -> None:
    """Its digests are made with another key, so every message is read to tell whether it is there."""
    create_key_file(tmp_path / "keys")
    async with opened_store(tmp_path / "data", encryption_key_file=tmp_path / "keys") as opened:
        await some_mail(opened)
        await take_backup(opened.store.engine, target)
    assert BIG[:100].encode() not in b"".join(
        path.read_bytes()
        for path in (tmp_path / "backup").rglob("*")
        if "/packs/" in str(path) and path.is_file()
    )
    async with opened_store(
        tmp_path / "other", ids=counted_ids(5), encryption_key_file=tmp_path / "keys"
    ) as opened:
        assert await back(opened, target, tmp_path) == (4, 0, ())
        assert await back(opened, target, tmp_path) == (0, 4, ())
        await opened.check()


async def test_annotations_come_back_with_their_mailboxes(
    opened: Opened, target: FolderTarget, tmp_path: Path
) -> None:
    """RFC 5464: those of a Mailbox, one without mail too, and of the account; what is there stays."""
    await some_mail(opened)
    sharing, account = opened.store.sharing, opened.account
    bare = await opened.store.create_mailbox(account, "bare")
    there = await opened.counters("a/b")
    inbox = opened.mailbox("INBOX")
    for mailbox in (there.id, bare.id, inbox):
        await sharing.set_annotations(
            account, mailbox, account, {"/shared/comment": b"old", "/private/x": b"\0"}
        )
    await sharing.set_annotations(account, None, account, {"/private/filters/values/boss": b"UNSEEN"})
    await take_backup(opened.store.engine, target)
    await empty(opened, "a/b")
    await empty(opened, "bare")
    await sharing.set_annotations(account, inbox, account, {"/shared/comment": b"new", "/private/x": None})
    await sharing.set_annotations(account, None, account, {"/private/filters/values/boss": None})

    async def seen(path: str | None) -> dict[str, bytes]:
        mailbox = None if path is None else (await opened.counters(path)).id
        names = await sharing.annotation_sizes(account, mailbox, account)
        return await sharing.annotations(account, mailbox, account, names)

    old = {"/shared/comment": b"old", "/private/x": b"\0"}
    assert await back(opened, target, tmp_path, message="<1@x>") == (1, 0, ())
    assert await seen("a/b") == {}
    assert await back(opened, target, tmp_path, mailbox="a/b") == (0, 1, ())
    assert await seen("a/b") == old
    assert await seen(None) == {}
    for _ in range(2):
        assert await back(opened, target, tmp_path) == (0, 4, ())
        assert await seen("bare") == old
        assert await seen("INBOX") == {"/shared/comment": b"new", "/private/x": b"\0"}
        assert await seen(None) == {"/private/filters/values/boss": b"UNSEEN"}
    await opened.check()
