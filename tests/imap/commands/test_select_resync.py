"""Coming back to a Mailbox (RFC 7162 section 3.2.5)."""

import re

import pytest
from tests.support import mails
from tests.support.imap_client import ACCOUNT, ImapClient, ImapWorld

from pymailcore.base.ids import MailboxId
from pymailcore.store.keywords import SEEN, Keywords
from pymailcore.store.types import FlagChange, Transaction

CODES = re.compile(rb"OK \[(UIDVALIDITY|HIGHESTMODSEQ) (\d+)\]")


async def known(client: ImapClient, parameters: str = "") -> tuple[int, int, list[bytes]]:
    """Select INBOX; gives UIDVALIDITY, HIGHESTMODSEQ, and what comes besides the usual."""
    replies = await client.ok(f"SELECT INBOX{parameters}")
    codes = {match[1]: int(match[2]) for reply in replies if (match := CODES.match(reply))}
    besides = [reply for reply in replies if reply.startswith(b"VANISHED") or b" FETCH " in reply]
    return codes[b"UIDVALIDITY"], codes[b"HIGHESTMODSEQ"], besides


async def back(world: ImapWorld, validity: int, modseq: int, more: str = "") -> list[bytes]:
    """Come back with what was known, and give what one is told."""
    async with await world.log_in() as client:
        await client.ok("ENABLE QRESYNC")
        _, _, besides = await known(client, f" (QRESYNC ({validity} {modseq}{more}))")
        return besides


async def changed(world: ImapWorld) -> tuple[int, int]:
    """Six messages, known; then 1, 2 and 5 are expunged, 3 is read, 7 comes. Gives what was known."""
    for _ in range(6):
        await world.deliver(mails.plain())
    async with await world.log_in() as client:
        validity, modseq, _ = await known(client, " (CONDSTORE)")
        await client.ok("STORE 1:2,5 +FLAGS.SILENT (\\Deleted)")
        await client.ok("EXPUNGE")
        await client.ok("UID STORE 3 +FLAGS.SILENT (\\Seen)")
    await world.deliver(mails.plain())
    return validity, modseq


READ = b"1 FETCH (UID 3 MODSEQ (%d) FLAGS (\\Seen))"
NEW = b"4 FETCH (UID 7 MODSEQ (%d) FLAGS ())"


@pytest.mark.parametrize(
    ("more", "vanished", "flags"),
    [
        ("", b"1:2,5", "read new"),
        (" 1:6", b"1:2,5", "read"),
        (" 2:4", b"2", "read"),
        (" 4,6", None, ""),
        (" 1:6 (1:6 1:6)", b"1:2,5", "read"),
        (" 1:6 (1 3)", b"5", "read"),
        (" 1:6 (1,3 3,6)", None, "read"),
        (" (1,3 3,6)", None, "read new"),
        (" (1,9 3,9)", b"5", "read new"),
    ],
)
async def test_who_comes_back_is_told_what_he_missed(
    world: ImapWorld, more: str, vanished: bytes | None, flags: str
) -> None:
    """RFC 7162 sections 3.2.5.1 and 3.2.5.2."""
    validity, modseq = await changed(world)
    expected = [b"VANISHED (EARLIER) " + vanished] if vanished else []
    expected += [READ % (modseq + 3)] * ("read" in flags) + [NEW % (modseq + 4)] * ("new" in flags)
    assert await back(world, validity, modseq, more) == expected


async def test_who_was_away_for_too_long_is_told_all_that_is_gone(world: ImapWorld) -> None:
    """RFC 7162 section 3.2.6: the change log was compacted; numbers that still fit keep the answer short."""
    validity, modseq = await changed(world)

    async def compact(tx: Transaction) -> None:
        await tx.run("UPDATE accounts SET log_floor = modseq WHERE id = ?1", ACCOUNT)
        await tx.run("DELETE FROM expunged WHERE modseq > 0")

    await world.store.database.write(compact)
    told = [READ % (modseq + 3), NEW % (modseq + 4)]
    assert await back(world, validity, modseq) == [b"VANISHED (EARLIER) 1:2,5", *told]
    assert await back(world, validity, modseq, " 2:9") == [b"VANISHED (EARLIER) 2,5", told[0], told[1]]
    assert await back(world, validity, modseq, " (2:3 4,6)") == told
    assert await back(world, validity, modseq, " (1:2 3:4)") == [b"VANISHED (EARLIER) 5", *told]


async def test_another_uidvalidity_means_nothing_is_known(world: ImapWorld) -> None:
    """RFC 7162 section 3.2.5."""
    validity, modseq = await changed(world)
    assert await back(world, validity + 1, modseq) == []


async def test_nobody_comes_back_without_enable(world: ImapWorld) -> None:
    """RFC 7162 section 3.2.5: BAD, and nothing is selected."""
    async with await world.log_in("INBOX") as client:
        reply = await client.command("SELECT INBOX (QRESYNC (1 1))")
        assert (reply.status, reply.untagged) == ("BAD", [b"OK [CLOSED] Closed"])
        assert (await client.command("CHECK")).status == "BAD"


async def test_what_is_told_while_an_expunge_waits_is_not_the_highest(world: ImapWorld) -> None:
    """RFC 7162 section 3.2: the client is told to come back from before the expunge."""
    for _ in range(3):
        await world.deliver(mails.plain())
    inbox = await world.store.mailbox_named(ACCOUNT, "INBOX")
    assert inbox is not None
    async with await world.log_in() as client:
        await client.ok("ENABLE QRESYNC")
        validity, modseq, _ = await known(client)
        await world.store.move(ACCOUNT, inbox.id, [(1, 1)], await archive(world))
        await world.store.set_flags(ACCOUNT, inbox.id, [(2, 2)], FlagChange.ADD, Keywords(SEEN))
        assert await client.ok("STORE 3 +FLAGS.SILENT (x)") == [
            b"2 FETCH (UID 2 MODSEQ (%d) FLAGS (\\Seen))" % (modseq + 2),
            b"OK [HIGHESTMODSEQ %d] Highest" % modseq,
            b"3 FETCH (UID 3 MODSEQ (%d))" % (modseq + 3),
            b"OK [HIGHESTMODSEQ %d] Highest" % modseq,
        ]
        assert await client.ok("UID SEARCH 1 UID 1:3") == [
            b"SEARCH",
            b"OK [HIGHESTMODSEQ %d] Highest" % modseq,
        ]
        assert await client.ok("UID SEARCH UID 1:3") == [b"SEARCH 2 3", b"VANISHED 1"]
    assert (await back(world, validity, modseq))[0] == b"VANISHED (EARLIER) 1"


async def archive(world: ImapWorld) -> MailboxId:
    found = await world.store.mailbox_named(ACCOUNT, "Archive")
    assert found is not None
    return found.id
