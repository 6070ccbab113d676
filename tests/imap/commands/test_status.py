from tests.support import mails
from tests.support.imap_client import ACCOUNT, ImapWorld

from pymailcore.base.ids import MAILBOX, encode_id
from pymailcore.imap.commands.status import VALUES
from pymailcore.imap.protocol.status_items import StatusItem


def test_every_item_has_a_value() -> None:
    """DELETED-STORAGE is looked up when it is asked for."""
    assert set(StatusItem) - VALUES.keys() == {StatusItem.DELETED_STORAGE}


async def test_the_id_of_a_mailbox_stays_with_it(world: ImapWorld) -> None:
    """RFC 8474 section 4: CREATE, STATUS and RENAME."""
    async with await world.log_in() as client:
        reply = await client.command("CREATE box")
        made = await world.store.mailbox_named(ACCOUNT, "box")
        assert made is not None
        assert reply.code == f"MAILBOXID ({encode_id(MAILBOX, made.id)})"
        await client.ok("RENAME box other")
        assert await client.ok("STATUS other (MAILBOXID)") == [
            f"STATUS other (MAILBOXID ({encode_id(MAILBOX, made.id)}))".encode()
        ]


async def test_highest_modseq_switches_condstore_on(world: ImapWorld) -> None:
    """RFC 7162 sections 3.1 and 3.1.7."""
    await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as client:
        selected, told = await client.ok("STATUS INBOX (HIGHESTMODSEQ)")
        modseq = int(told.rstrip(b")").split()[-1])
        assert selected == b"OK [HIGHESTMODSEQ %d] Highest" % modseq
        assert await client.ok("STORE 1 FLAGS (x)") == [
            b"1 FETCH (UID 1 MODSEQ (%d) FLAGS (x))" % (modseq + 1)
        ]


async def test_status(world: ImapWorld) -> None:
    """RFC 3501 section 6.3.10."""
    await world.deliver(mails.plain())
    async with await world.log_in() as client:
        (line,) = await client.ok("STATUS Inbox (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)")
        assert line.startswith(b"STATUS INBOX (MESSAGES 1 RECENT 0 UIDNEXT 2 UIDVALIDITY ")
        assert line.endswith(b" UNSEEN 1)")
        assert (await client.command("STATUS gone (MESSAGES)")).code == "NONEXISTENT"


async def test_size_counts_all_there_is(world: ImapWorld) -> None:
    r"""RFC 8438 section 3: the sum of RFC822.SIZE, \Deleted or not, a copy once more."""
    first, second = mails.plain(), mails.picture()
    await world.deliver(first)
    await world.deliver(second)
    async with await world.log_in("INBOX") as client:
        size = len(first) + len(second)
        assert await client.ok("STATUS INBOX (SIZE)") == [b"STATUS INBOX (SIZE %d)" % size]
        await client.ok("COPY 1 INBOX")
        await client.ok("STORE 1 +FLAGS (\\Deleted)")
        assert await client.ok("STATUS INBOX (SIZE)") == [b"STATUS INBOX (SIZE %d)" % (size + len(first))]
        await client.ok("EXPUNGE")
        assert await client.ok("STATUS INBOX (SIZE)") == [b"STATUS INBOX (SIZE %d)" % size]
