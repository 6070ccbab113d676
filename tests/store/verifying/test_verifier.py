"""Each kind of damage: a real store is damaged, the damage is found and named, and a repair mends it."""

import shutil
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from tests.support.stores import Opened, a_message, add_account, counted_ids, opened_store

from pymailcore.base.ids import AccountId
from pymailcore.store.keywords import Keywords, keywords_of
from pymailcore.store.layout import Layout
from pymailcore.store.packs import RECORD_OCTETS, pack_path
from pymailcore.store.recipes import pack_recipe, unpack_recipe
from pymailcore.store.types import FlagChange, Row, Transaction
from pymailcore.store.verifying.faults import KINDS, Report
from pymailcore.store.verifying.octets import BlobSweep
from pymailcore.store.verifying.sweep import Silent
from pymailcore.store.verifying.verifier import repair_store, verify_store

BIG = "".join(f"line {n} of a text that is long enough to be a blob of its own\r\n" for n in range(600))


async def sql(opened: Opened, *statements: str) -> None:
    async def work(tx: Transaction) -> None:
        for statement in statements:
            await tx.run(statement)

    await opened.store.database.write(work)


async def one(opened: Opened, statement: str) -> Row:
    async def work(tx: Transaction) -> Row | None:
        return await tx.row(statement)

    row = await opened.store.database.read(work)
    assert row is not None
    return row


async def some_mail(opened: Opened) -> None:
    """Two in one Thread, one alone with a blob of its own, one expunged and kept, one marked, an upload."""
    await opened.deliver(a_message("one", message_id="<1@x>"))
    await opened.deliver(a_message("Re: one", message_id="<2@x>", in_reply_to="<1@x>"))
    await opened.deliver(a_message("big", body=BIG))
    await opened.deliver(a_message("gone"))
    await opened.deliver(a_message("trash"), "trash")
    inbox = opened.mailbox("INBOX")
    await opened.store.set_flags(opened.account, inbox, [(4, 4)], FlagChange.ADD, Keywords(), deleted=True)
    await opened.store.expunge(opened.account, inbox, None)
    await opened.store.set_flags(
        opened.account, inbox, [(2, 2)], FlagChange.ADD, keywords_of(["$seen"]), deleted=True
    )
    await opened.store.create_mailbox(opened.account, "a/b")
    await opened.store.upload(opened.account, b"upload" * 100, now_ms=1)


ROWS = {
    "email-visible": ["UPDATE emails SET visible = 0 WHERE id = (SELECT min(id) FROM emails)"],
    "email-without-placement": ["DELETE FROM placements WHERE uid = 1"],
    "email-without-data": [
        "DELETE FROM email_data WHERE email IN (SELECT email FROM placements WHERE uid = 1)"
    ],
    "email-without-headers": ["DELETE FROM email_headers WHERE email IN (SELECT id FROM emails)"],
    "email-without-blobs": ["DELETE FROM blob_refs WHERE owner IN (SELECT id FROM emails)"],
    "email-without-thread": ["DELETE FROM threads WHERE members = 2"],
    "email-without-account": [
        "INSERT INTO emails SELECT 7, 77, 7, flags, extra, visible, flags_modseq, created_modseq,"
        " changed_modseq, size_octets, received_ms, sent_ms, sent_local_ms, has_attachment FROM emails"
        " LIMIT 1"
    ],
    "email-modseq": ["UPDATE emails SET changed_modseq = 999"],
    "placement-without-email": [
        "INSERT INTO placements (mailbox, uid, email, deleted, arrived_modseq, modseq, received_ms)"
        " SELECT mailbox, 3000, 5, 0, arrived_modseq, modseq, 0 FROM placements WHERE uid = 1 LIMIT 1"
    ],
    "placement-without-mailbox": [
        "INSERT INTO placements (mailbox, uid, email, deleted, arrived_modseq, modseq, received_ms)"
        " SELECT 5, 3000, email, 0, arrived_modseq, modseq, 0 FROM placements WHERE uid = 1 LIMIT 1"
    ],
    "placement-modseq": ["UPDATE placements SET arrived_modseq = modseq + 1 WHERE uid = 1"],
    "data-without-email": [
        "INSERT INTO email_data SELECT 5, envelope, bodystructure, parts, facts, recipe FROM email_data"
        " LIMIT 1"
    ],
    "headers-without-email": [
        "INSERT INTO email_headers (email, from_text, to_text, cc_text, bcc_text, subject_text, base_subject,"
        " from_sort, to_sort) SELECT 5, '', '', '', '', '', '', '', ''"
    ],
    "kept-without-data": ["DELETE FROM email_data WHERE email IN (SELECT id FROM kept_emails)"],
    "kept-and-there": [
        "INSERT INTO kept_emails (id, account, mailbox, thread, flags, extra, size_octets, received_ms,"
        " has_attachment, gone_ms) SELECT id, account, 1, thread, flags, extra, size_octets, received_ms,"
        " has_attachment, 1 FROM emails LIMIT 1"
    ],
    "reference-without-blob": ["DELETE FROM blobs WHERE size_octets > 10000"],
    "reference-of-nobody": ["INSERT INTO blob_refs VALUES (5, (SELECT min(id) FROM blobs), 1, 1)"],
    "octets-without-blob": ["INSERT INTO blob_octets SELECT 5, recipe FROM email_data LIMIT 1"],
    "upload-without-blob": ["DELETE FROM blob_refs WHERE owner IN (SELECT id FROM uploads)"],
    "thread-without-email": ["INSERT INTO threads VALUES (5, 1, 0, 0, 0, 0, 0, 0)"],
    "thread-counts": ["UPDATE threads SET unread = unread + 1, members = 9"],
    "thread-modseq": ["UPDATE threads SET changed_modseq = 9999"],
    "thread-mailboxes": ["DELETE FROM thread_mailboxes", "INSERT INTO thread_mailboxes VALUES (5, 5, 5)"],
    "mailbox-without-account": [
        "INSERT INTO mailboxes (id, account, path, sort_order, subscribed, uid_validity, highest_modseq,"
        " created_modseq, changed_modseq, counts_modseq) VALUES (5, 55, 'x', 1, 1, 1, 1, 1, 1, 1)"
    ],
    "mailbox-parent": [
        "UPDATE mailboxes SET parent = 5 WHERE path = 'a/b'", "DELETE FROM mailboxes WHERE path = 'a'",
    ],
    "mailbox-role": [
        "DROP INDEX mailboxes_role",
        "UPDATE mailboxes SET role = 'trash' WHERE path = 'a/b'",
    ],
    "mailbox-uid-next": ["UPDATE mailboxes SET uid_next = 2 WHERE path = 'INBOX'"],
    "mailbox-modseq": ["UPDATE mailboxes SET highest_modseq = 1 WHERE path = 'INBOX'"],
    "mailbox-counts": ["UPDATE mailboxes SET messages = 77, unread_threads = 9"],
    "expunged-modseq": [
        "INSERT INTO expunged (mailbox, modseq, uid, arrived) SELECT id, 99999, 1, 1 FROM mailboxes"
    ],
    "account-without-inbox": ["UPDATE mailboxes SET role = NULL WHERE role = 'inbox'"],
    "account-counts": [
        "UPDATE accounts SET used_octets = 7, used_emails = 7, used_mailboxes = 7, kept_octets = 7"
    ],
    "account-modseq": ["UPDATE accounts SET modseq = 3"],
    "account-uid-validity": ["UPDATE accounts SET last_uid_validity = 1"],
    "removed-modseq": ["INSERT INTO removed (account, kind, id, modseq) VALUES (1, 'email', 3, 9999999)"],
    "blob-unreferenced": [
        "DELETE FROM blob_refs WHERE owner IN (SELECT id FROM uploads)", "DELETE FROM uploads",
        "DELETE FROM loose_blobs",
    ],
    "message-digest": [],  # see `other_digests`
    "message-lost": ["UPDATE email_data SET recipe = envelope WHERE email IN (SELECT id FROM emails)"],
    "kept-lost": ["UPDATE email_data SET recipe = envelope WHERE email IN (SELECT id FROM kept_emails)"],
    "message-prepared": ["UPDATE email_data SET envelope = bodystructure"],
    "message-recovered": ["UPDATE emails SET extra = '$damaged'"],
}  # fmt: skip
SILENT = {
    "kept-without-data", "kept-and-there", "kept-lost", "account-counts", "account-uid-validity",
    "email-without-account", "email-without-blobs", "data-without-email", "headers-without-email",
    "reference-without-blob", "reference-of-nobody", "octets-without-blob", "upload-without-blob",
    "blob-unreferenced", "mailbox-without-account", "placement-without-mailbox",
}  # fmt: skip
"""What clients cannot see, so that no modseq is taken."""


async def other_digests(opened: Opened) -> None:
    async def work(tx: Transaction) -> None:
        for email, packed in await tx.rows(
            "SELECT d.email, d.recipe FROM email_data d JOIN emails e ON e.id = d.email"
        ):
            recipe = msgspec.structs.replace(unpack_recipe(bytes(packed)), digest=bytes(32))
            await tx.run("UPDATE email_data SET recipe = ?2 WHERE email = ?1", email, pack_recipe(recipe))

    await opened.store.database.write(work)


async def test_a_sound_store_has_no_faults(opened: Opened) -> None:
    await some_mail(opened)
    report = await verify_store(opened.store, messages=True)
    assert (report.faults, report.notes, report.lost) == ([], [], [])
    assert report.looked["messages"] == 5
    assert report.looked["Mailboxes"] == 8
    repaired = await repair_store(opened.store, messages=True)
    assert repaired.done == []


LASTING = {
    "email-without-placement", "email-without-data", "kept-without-data", "kept-and-there", "message-digest",
    "message-lost", "kept-lost",
}  # fmt: skip
"""Damage that a repair leaves a trace of, so that what comes next would find another store."""


async def damage_and_repair(opened: Opened, kind: str) -> None:
    told = len(opened.told)
    if kind in ("upload-without-blob", "blob-unreferenced"):
        await opened.store.upload(opened.account, kind.encode() * 50, now_ms=1)
    await sql(opened, *ROWS[kind])
    if kind == "message-digest":
        await other_digests(opened)
    messages = kind.startswith(("message", "kept"))
    repaired = await repair_store(opened.store, messages=messages)
    assert kind in repaired.first.counts, kind
    assert all(fault.text for fault in repaired.first.faults), kind
    assert kind in {fault.kind for fault, _ in repaired.done}, kind
    assert repaired.last.faults == [], kind
    assert repaired.last.lost == [] or kind in LASTING
    assert len(opened.told) > told or kind in SILENT, kind
    if kind == "mailbox-role":
        await sql(
            opened, "CREATE UNIQUE INDEX mailboxes_role ON mailboxes (account, role) WHERE role IS NOT NULL"
        )
    await opened.check()


@pytest.mark.parametrize("kind", sorted(LASTING))
async def test_lasting_damage_is_found_named_and_repaired(opened: Opened, kind: str) -> None:
    await some_mail(opened)
    await damage_and_repair(opened, kind)


async def test_damaged_rows_are_found_named_and_repaired(opened: Opened) -> None:
    """One after the other in one store, which is sound again after each."""
    await some_mail(opened)
    before = await opened.counters("INBOX")
    for kind in ROWS:
        if kind not in LASTING:
            await damage_and_repair(opened, kind)
    after = await opened.counters("INBOX")
    assert (after.messages, after.uid_validity) == (before.messages, before.uid_validity)


@pytest.fixture
async def packed(tmp_path: Path) -> AsyncIterator[Opened]:
    """A store whose blobs are in pack files."""
    async with opened_store(tmp_path / "data") as opened:
        yield opened


def flip(path: Path, place: int) -> None:
    octets = bytearray(path.read_bytes())
    octets[place] ^= 1
    path.write_bytes(octets)


async def where(opened: Opened) -> tuple[Path, int, int]:
    """Pack, position and length of the blob of the big message."""
    row = await one(
        opened, "SELECT pack, position, stored_octets FROM blobs ORDER BY size_octets DESC LIMIT 1"
    )
    return pack_path(Layout(opened.store.engine.settings.data).packs, row[0]), row[1], row[2]


async def lose(opened: Opened) -> None:
    for pack in Layout(opened.store.engine.settings.data).packs.glob("*.pack"):
        pack.unlink()


async def flip_octets(opened: Opened) -> None:
    path, position, _ = await where(opened)
    flip(path, position + 30)


async def flip_head(opened: Opened) -> None:
    path, position, _ = await where(opened)
    flip(path, position - RECORD_OCTETS + 20)


async def truncate(opened: Opened) -> None:
    path, position, octets = await where(opened)
    with path.open("r+b") as file:
        file.truncate(position + octets - 1)


OCTETS: dict[str, Callable[[Opened], Awaitable[None]]] = {
    "pack-missing": lose,
    "blob-damaged": flip_octets,
    "blob-truncated": truncate,
}


@pytest.mark.parametrize("kind", OCTETS)
async def test_lost_octets_are_found_and_their_emails_marked(packed: Opened, kind: str) -> None:
    """DESIGN 4.2: an Email whose octets are lost stays listed, with its UID and flags, and says so."""
    await some_mail(packed)
    listed = await packed.counters("INBOX")
    await OCTETS[kind](packed)
    found = await verify_store(packed.store, messages=True)
    assert kind in {fault.kind for fault in found.faults}
    assert "message-lost" in {fault.kind for fault in found.faults}
    repaired = await repair_store(packed.store, messages=True)
    assert repaired.last.faults == []
    assert repaired.last.lost
    now = await packed.counters("INBOX")
    assert (now.messages, now.uid_next) == (listed.messages, listed.uid_next)
    marked = await one(packed, "SELECT count(*) FROM emails WHERE extra = '$damaged'")
    assert marked[0] == len(repaired.last.lost)


async def test_a_lost_part_that_arrives_again_makes_old_mail_whole(tmp_path: Path) -> None:
    """The row of a lost blob is gone, so the octets are written anew and not taken for stored."""
    async with opened_store(tmp_path / "data") as opened:
        await some_mail(opened)
        await flip_octets(opened)
        assert len((await repair_store(opened.store, messages=True)).last.lost) == 1
    async with opened_store(tmp_path / "data", ids=counted_ids(9)) as opened:
        again = await opened.deliver(a_message("big", body=BIG))
        assert len(await opened.store.message(opened.account, again.email)) > len(BIG)
        healed = await repair_store(opened.store, messages=True)
        assert {fault.kind for fault, _ in healed.done} == {"message-recovered"}
        assert (healed.last.faults, healed.last.lost) == ([], [])


async def test_a_pack_that_is_put_back_makes_its_mail_whole(packed: Opened, tmp_path: Path) -> None:
    await some_mail(packed)
    packs = (await where(packed))[0].parent
    shutil.copytree(packs, tmp_path / "snapshot")
    await lose(packed)
    assert len((await repair_store(packed.store, messages=True)).last.lost) == 4
    shutil.copytree(tmp_path / "snapshot", packs, dirs_exist_ok=True)
    healed = await repair_store(packed.store)
    assert {fault.kind for fault, _ in healed.done} == {"reference-without-blob", "message-recovered"}
    assert (await one(packed, "SELECT count(*) FROM emails WHERE extra = '$damaged'")) == (0,)
    report = await verify_store(packed.store, messages=True)
    assert (report.faults, report.lost) == ([], [])


async def test_a_pack_that_is_missing_or_short_is_found_without_reading(packed: Opened) -> None:
    await some_mail(packed)
    await truncate(packed)
    assert set((await verify_store(packed.store)).counts) == {"blob-truncated"}
    await lose(packed)
    assert set((await verify_store(packed.store)).counts) == {"pack-missing"}


async def test_a_damaged_head_is_written_anew(packed: Opened) -> None:
    await some_mail(packed)
    await flip_head(packed)
    repaired = await repair_store(packed.store, messages=True)
    assert set(repaired.first.counts) == {"record-head"}
    assert repaired.last.faults == []
    assert repaired.last.lost == []


async def test_a_damaged_blob_is_taken_from_another_record_of_it(packed: Opened) -> None:
    await some_mail(packed)
    path, _, _ = await where(packed)
    shutil.copy(path, pack_path(path.parent, 5))
    await flip_octets(packed)
    repaired = await repair_store(packed.store, messages=True)
    assert set(repaired.first.counts) == {"blob-damaged", "message-lost"}
    assert repaired.last.faults == []
    assert repaired.last.lost == []
    assert (await one(packed, "SELECT count(*) FROM blobs WHERE pack = 5")) == (1,)


async def test_a_record_in_a_pack_that_is_leaving_is_copied_first(packed: Opened) -> None:
    await some_mail(packed)
    path, _, _ = await where(packed)
    await sql(packed, "INSERT INTO packs SELECT DISTINCT pack, 1, 0, 1, 1 FROM blobs", "DELETE FROM blobs")
    repaired = await repair_store(packed.store, messages=True)
    assert "reference-without-blob" in repaired.first.counts
    assert (repaired.last.faults, repaired.last.lost) == ([], [])
    for pack in path.parent.glob("*.pack"):
        left = await one(packed, f"SELECT count(*) FROM blobs WHERE pack = {int(pack.stem, 16)}")  # noqa: S608
        gone = await one(packed, f"SELECT count(*) FROM packs WHERE id = {int(pack.stem, 16)}")  # noqa: S608
        assert bool(left[0]) is not bool(gone[0])


async def test_a_placement_in_another_accounts_mailbox_is_expunged(opened: Opened) -> None:
    await some_mail(opened)
    await add_account(opened.store, AccountId(2), "eve@example.org")
    await sql(
        opened,
        "INSERT INTO placements (mailbox, uid, email, deleted, arrived_modseq, modseq, received_ms)"
        " SELECT m.id, 1, (SELECT min(e.id) FROM emails e), 0, 1, 1, 0 FROM mailboxes m"
        " WHERE m.account = 2 AND m.role = 'inbox'",
    )
    repaired = await repair_store(opened.store)
    assert "placement-elsewhere" in repaired.first.counts
    assert repaired.last.faults == []
    assert await one(
        opened, "SELECT count(*) FROM expunged x JOIN mailboxes m ON m.id = x.mailbox WHERE m.account = 2"
    ) == (1,)
    await opened.check()


async def test_octets_in_the_database_are_looked_at_too(opened: Opened) -> None:
    await some_mail(opened)

    async def put_in_rows(tx: Transaction) -> None:
        for id_, stored in await tx.rows("SELECT id, stored_octets FROM blobs WHERE pack <> 0"):
            await tx.run(
                "UPDATE blobs SET pack = 0, position = 0, crc = ?2 WHERE id = ?1",
                id_,
                zlib.crc32(bytes(stored)),
            )
            await tx.run("INSERT INTO blob_octets (blob, octets) VALUES (?1, ?2)", id_, bytes(stored))

    await opened.store.database.write(put_in_rows)
    engine = opened.store.engine
    report = Report()
    await BlobSweep(engine, Layout(engine.settings.data).packs, report, Silent(), read=True).run()
    assert report.faults == []
    await sql(
        opened, "UPDATE blobs SET crc = crc + 1 WHERE id = (SELECT min(id) FROM blobs)",
        "DELETE FROM blob_octets WHERE blob = (SELECT max(id) FROM blobs)",
    )  # fmt: skip
    await BlobSweep(engine, Layout(engine.settings.data).packs, report, Silent(), read=True).run()
    assert report.counts == {"blob-unreachable": 2}


async def test_one_account_is_looked_at_alone(opened: Opened) -> None:
    await some_mail(opened)
    await sql(opened, "UPDATE mailboxes SET messages = 77", "UPDATE threads SET members = 9")
    assert (await verify_store(opened.store, account=AccountId(2), messages=True)).faults == []
    found = await verify_store(opened.store, account=opened.account, messages=True)
    assert set(found.counts) == {"mailbox-counts", "thread-counts"}


def test_every_kind_has_its_damage() -> None:
    """A kind that no test can produce is one that nobody knows to work."""
    assert set(KINDS) - set(ROWS) - set(OCTETS) == {
        "record-head",
        "placement-elsewhere",
        "blob-unreachable",
        "index-lost",  # store/fulltext/test_checking.py
    }, "those have tests of their own"
