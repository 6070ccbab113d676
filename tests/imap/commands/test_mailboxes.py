import pytest
from tests.support import mails
from tests.support.imap_client import ImapWorld
from tests.support.imap_lists import FIRST, names


async def test_create_makes_the_levels_above(world: ImapWorld) -> None:
    """RFC 3501 section 6.3.3."""
    async with await world.log_in() as client:
        await client.ok("CREATE x/y/z/")
        assert await client.ok('LIST "" x*') == [
            b'LIST (\\HasChildren) "/" x',
            b'LIST (\\HasChildren) "/" x/y',
            b'LIST (\\HasNoChildren) "/" x/y/z',
        ]
        assert (await client.command("CREATE x/y")).code == "ALREADYEXISTS"
        assert (await client.command("CREATE inbox")).code == "ALREADYEXISTS"


@pytest.mark.parametrize("name", ['""', "/", "a//b", "/a", "a/" + "b/" * 60 + "c", "x" * 300])
async def test_names_that_cannot_be(world: ImapWorld, name: str) -> None:
    """I10: empty levels, too many levels, too long."""
    async with await world.log_in() as client:
        assert (await client.command(f"CREATE {name}")).code == "CANNOT"
        assert await client.ok('LIST "" *') == FIRST


async def test_names_that_look_like_paths_are_just_names(world: ImapWorld) -> None:
    """I10: names never become file paths."""
    async with await world.log_in() as client:
        for name in ("..", "../../etc/passwd", ".", "CON", "a\\b"):
            quoted = name.replace("\\", "\\\\")
            await client.ok(f'CREATE "{quoted}"')
            await client.ok(f'SELECT "{quoted}"')


async def test_a_name_travels_in_modified_utf_7_and_is_found_in_any_composition(world: ImapWorld) -> None:
    """RFC 3501 section 5.1.3; DESIGN 4.4."""
    async with await world.log_in() as client:
        await client.ok("CREATE Entwu&Awg-rfe")  # u and a combining diaeresis
        assert names(await client.ok('LIST "" Entw*')) == [b"Entw&APw-rfe"]
        await client.ok("SELECT Entw&APw-rfe")
        await client.ok("STATUS Entwu&Awg-rfe (MESSAGES)")


async def test_delete(world: ImapWorld) -> None:
    """RFC 3501 section 6.3.4; RFC 9051 section 6.3.5: not while there are Mailboxes inside."""
    async with await world.log_in() as client:
        await client.ok("CREATE a/b")
        await client.ok("APPEND a/b {}", mails.plain())
        assert (await client.command("DELETE a")).code == "HASCHILDREN"
        await client.ok("DELETE a/b")
        await client.ok("DELETE a")
        assert (await client.command("DELETE a")).code == "NONEXISTENT"
        assert (await client.command("DELETE inbox")).code == "CANNOT"


async def test_rename_takes_what_is_inside_along(world: ImapWorld) -> None:
    """RFC 3501 section 6.3.5."""
    async with await world.log_in() as client:
        await client.ok("CREATE a/b")
        await client.ok("RENAME a new/deep")
        assert names(await client.ok('LIST "" new*')) == [b"new", b"new/deep", b"new/deep/b"]
        assert await client.ok('LIST "" a') == []
        assert (await client.command("RENAME new new/deep/x")).code == "CANNOT"
        assert (await client.command("RENAME new Sent")).code == "ALREADYEXISTS"
        assert (await client.command("RENAME gone x")).code == "NONEXISTENT"
        assert (await client.command("RENAME Sent inbox")).code == "ALREADYEXISTS"


async def test_rename_of_inbox_moves_its_messages(world: ImapWorld) -> None:
    """RFC 3501 section 6.3.5: INBOX stays, empty; what is inside INBOX stays too."""
    await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as client:
        await client.ok("CREATE INBOX/below")
        assert await client.ok("RENAME inbox old") == [b"1 EXPUNGE"]
        assert await client.ok("STATUS inbox (MESSAGES)") == [b"STATUS INBOX (MESSAGES 0)"]
        assert await client.ok("STATUS old (MESSAGES)") == [b"STATUS old (MESSAGES 1)"]
        assert names(await client.ok('LIST "" Inbox/%')) == [b"INBOX/below"]


async def test_subscriptions(world: ImapWorld) -> None:
    """RFC 3501 sections 6.3.6, 6.3.7 and 6.3.9."""
    async with await world.log_in() as client:
        await client.ok("CREATE a/b")
        await client.ok("UNSUBSCRIBE a")
        await client.ok("SUBSCRIBE a/b")
        assert await client.ok('LSUB "" a/%') == [b'LSUB (\\HasNoChildren) "/" a/b']
        assert await client.ok('LSUB "" a%') == [b'LSUB (\\Noselect) "/" a']
        await client.ok("UNSUBSCRIBE a/b")
        assert await client.ok('LSUB "" a*') == []
        assert (await client.command("SUBSCRIBE gone")).code == "NONEXISTENT"
        await client.ok("UNSUBSCRIBE gone")


async def test_a_mailbox_is_made_with_its_use(world: ImapWorld) -> None:
    """RFC 6154 section 3 and its example 5.3: USEATTR, and then there is no Mailbox."""
    async with await world.log_in() as client:
        for uses in ("\\Sent", "\\All", "\\Flagged", "\\Important", "\\X", "\\Sent \\Drafts"):
            assert (await client.command(f"CREATE mine (USE ({uses}))")).code == "USEATTR"
        assert await client.ok('LIST "" *') == FIRST
        await client.ok("DELETE Sent")
        assert (await client.command("CREATE Junk (USE (\\Sent))")).code == "ALREADYEXISTS"
        await client.ok("CREATE a/Gesendet (USE (\\sENT))")
        assert await client.ok('LIST (SPECIAL-USE) "" a/*') == [
            b'LIST (\\HasNoChildren \\Sent) "/" a/Gesendet'
        ]
        await client.ok("CREATE plain (USE ())")
