import pytest
from tests.support import mails
from tests.support.imap_client import ImapWorld

from pymailcore.imap.commands.copy import copy_uid
from pymailcore.store.types import Copied


def test_uids_pair_up_by_place() -> None:
    """RFC 4315 section 3."""
    assert copy_uid(Copied(38505, (304, 319, 320), (3956, 3957, 3958))) == (
        b"COPYUID 38505 304,319:320 3956:3958"
    )


@pytest.mark.parametrize("uid", ["", "UID "])
async def test_copy_keeps_flags_and_dates(world: ImapWorld, uid: str) -> None:
    """RFC 3501 section 6.4.7."""
    for _ in range(3):
        await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as client:
        await client.ok("STORE 2:3 +FLAGS.SILENT (\\Flagged x)")
        reply = await client.command(f"{uid}COPY 2:3 Archive")
        assert reply.code.endswith(" 2:3 1:2")
        assert reply.untagged == []
        await client.ok("SELECT Archive")
        for items in await client.fetch("FETCH 1:2 (FLAGS INTERNALDATE BODY.PEEK[])"):
            assert items["FLAGS"] == ["\\Flagged", "x"]
            assert items["INTERNALDATE"] == b"21-Sep-2026 14:13:20 +0000"
            assert items["BODY[]"] == mails.plain()


async def test_copy_into_the_same_mailbox_makes_new_messages(world: ImapWorld) -> None:
    """A trap: clients loop when a server leaves out what is there already."""
    await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as client:
        reply = await client.command("COPY 1 INBOX")
        assert reply.code.endswith(" 1 2")
        assert reply.untagged == [b"2 EXISTS", b"1 RECENT"]


@pytest.mark.parametrize("uid", ["", "UID "])
async def test_move(world: ImapWorld, uid: str) -> None:
    """RFC 6851 section 4.3: COPYUID first, then EXPUNGE, then OK."""
    for _ in range(3):
        await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as client:
        reply = await client.command(f"{uid}MOVE 1,3 Trash")
        assert reply.tagged == b"OK Done"
        assert reply.untagged[0].startswith(b"OK [COPYUID ")
        assert reply.untagged[0].endswith(b" 1,3 1:2] Moved")
        assert reply.untagged[1:] == [b"3 EXPUNGE", b"1 EXPUNGE"]
        assert await client.ok("STATUS Trash (MESSAGES)") == [b"STATUS Trash (MESSAGES 2)"]


@pytest.mark.parametrize("verb", ["COPY", "MOVE"])
async def test_what_is_not_there(world: ImapWorld, verb: str) -> None:
    """RFC 3501 section 6.4.7: TRYCREATE; a UID without a message is no fault."""
    await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as client:
        assert (await client.command(f"{verb} 1 gone")).code == "TRYCREATE"
        assert (await client.command(f"{verb} 2 Trash")).status == "BAD"
        assert (await client.command(f"UID {verb} 77 Trash")).tagged == b"OK No such message"


@pytest.mark.parametrize("verb", ["COPY", "MOVE"])
async def test_messages_that_are_gone(world: ImapWorld, verb: str) -> None:
    """RFC 2180 section 4.4."""
    await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as one, await world.log_in("INBOX") as two:
        await one.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
        await one.ok("EXPUNGE")
        reply = await two.command(f"{verb} 1 Trash")
        assert reply.code == "EXPUNGEISSUED"
        assert reply.untagged == [b"1 EXPUNGE"]
