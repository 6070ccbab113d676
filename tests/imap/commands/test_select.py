import re

from tests.support import mails
from tests.support.imap_client import ImapWorld

from pymailcore.store.keywords import SEEN, Keywords

MAILBOX_ID = re.compile(rb"OK \[MAILBOXID \((m[0-9a-v]+)\)\]")
FLAGS = (
    b"\\Seen \\Answered \\Flagged \\Draft \\Deleted $Forwarded $MDNSent $Junk $NotJunk $Phishing $Important"
)


async def test_select_says_all_that_it_must(world: ImapWorld) -> None:
    """RFC 3501 section 6.3.1."""
    await world.deliver(mails.plain(), keywords=Keywords(SEEN))
    await world.deliver(mails.plain())
    async with await world.log_in() as client:
        reply = await client.command("SELECT inbox")
        assert reply.tagged == b"OK [READ-WRITE] Selected"
        validity = reply.untagged[5].split()[2].rstrip(b"]")
        assert reply.untagged == [
            b"FLAGS (" + FLAGS + b")",
            b"2 EXISTS",
            b"0 RECENT",
            b"OK [PERMANENTFLAGS (" + FLAGS + b" \\*)] Kept",
            b"OK [UNSEEN 2] First unseen",
            b"OK [UIDVALIDITY " + validity + b"] Valid",
            b"OK [UIDNEXT 3] Next",
            reply.untagged[7],
        ]
        assert MAILBOX_ID.match(reply.untagged[7])


async def test_examine_changes_nothing(world: ImapWorld) -> None:
    """RFC 3501 section 6.3.2."""
    await world.deliver(mails.plain())
    async with await world.log_in() as client:
        reply = await client.command("EXAMINE INBOX")
        assert reply.code == "READ-ONLY"
        assert b"OK [PERMANENTFLAGS ()] Kept" in reply.untagged
        await client.ok("FETCH 1 BODY[]")
        assert await client.ok("FETCH 1 FLAGS") == [b"1 FETCH (FLAGS ())"]
        for line in ("STORE 1 FLAGS (x)", "EXPUNGE", "UID EXPUNGE 1", "MOVE 1 Trash"):
            assert (await client.command(line)).code == "READ-ONLY"
        await client.ok("CLOSE")


async def test_a_select_that_fails_deselects(world: ImapWorld) -> None:
    """RFC 3501 section 6.3.1."""
    async with await world.log_in("INBOX") as client:
        assert (await client.command("SELECT gone")).code == "NONEXISTENT"
        assert (await client.command("CHECK")).status == "BAD"


async def test_expunge_and_its_uids(world: ImapWorld) -> None:
    """RFC 3501 section 6.4.3, RFC 4315 section 2.1."""
    for _ in range(5):
        await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as client:
        await client.ok("STORE 2:4 +FLAGS.SILENT (\\Deleted)")
        assert await client.ok("UID EXPUNGE 3,5,77") == [b"3 EXPUNGE"]
        assert await client.ok("UID EXPUNGE 77") == []
        assert await client.ok("EXPUNGE") == [b"3 EXPUNGE", b"2 EXPUNGE"]
        assert await client.ok("UID SEARCH ALL") == [b"SEARCH 1 5"]
        await client.ok("CHECK")


async def test_close_expunges_and_unselect_does_not(world: ImapWorld) -> None:
    """RFC 3501 section 6.4.2, RFC 3691 section 2."""
    for _ in range(2):
        await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as client:
        await client.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
        assert await client.ok("UNSELECT") == []
        assert (await client.command("CHECK")).status == "BAD"
        await client.ok("EXAMINE INBOX")
        await client.ok("CLOSE")
        assert await client.ok("STATUS INBOX (MESSAGES)") == [b"STATUS INBOX (MESSAGES 2)"]
        await client.ok("SELECT INBOX")
        assert await client.ok("CLOSE") == []
        assert await client.ok("STATUS INBOX (MESSAGES)") == [b"STATUS INBOX (MESSAGES 1)"]
