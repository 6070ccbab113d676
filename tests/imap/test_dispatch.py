import typing

from tests.support import mails
from tests.support.imap_client import ImapWorld

from pymailcore.imap.dispatch import HANDLERS
from pymailcore.imap.protocol import commands as c


def test_every_command_has_its_function() -> None:
    """IDLE is served by the driver, in two tasks."""
    assert HANDLERS.keys() == set(typing.get_args(c.Command)) - {c.Idle}


async def test_commands_in_one_piece_are_run_in_order(world: ImapWorld) -> None:
    """RFC 3501 section 5.5; a trap of others: STORE and EXPUNGE out of order."""
    await world.deliver(mails.plain())
    async with await world.log_in() as client:
        await client.send(
            b"a SELECT INBOX\r\nb STORE 1 +FLAGS.SILENT (\\Deleted)\r\nc EXPUNGE\r\n"
            b"d APPEND INBOX {3+}\r\nx\r\n\r\ne FETCH 1 UID\r\n"
            b"f STATUS Trash (MESSAGES)\r\ng LOGOUT\r\nh NOOP\r\n"
        )
        assert (await client.reply(b"a")).status == "OK"
        assert (await client.reply(b"b")).untagged == []
        assert (await client.reply(b"c")).untagged == [b"1 EXPUNGE"]
        assert (await client.reply(b"d")).untagged == [b"1 EXISTS", b"1 RECENT"]
        assert (await client.reply(b"e")).untagged == [b"1 FETCH (UID 2)"]
        assert (await client.reply(b"f")).untagged == [b"STATUS Trash (MESSAGES 0)"]
        assert (await client.reply(b"g")).untagged == [b"BYE Good bye"]
        assert await client.at_end()


async def test_without_numbers_nothing_is_named_by_one(world: ImapWorld) -> None:
    """RFC 9586: UIDFETCH, VANISHED, UIDREQUIRED, in what others do, too; see dialogues/imap/uidonly.txt."""
    for _ in range(3):
        await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as one, await world.log_in("INBOX") as two:
        await one.ok("ENABLE UIDONLY")
        await two.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
        await two.ok("EXPUNGE")
        await two.ok("STORE 1 +FLAGS.SILENT (x)")
        reply = await one.command("FETCH 1 FLAGS")
        assert (reply.status, reply.code) == ("BAD", "UIDREQUIRED")
        assert reply.untagged == [b"2 UIDFETCH (FLAGS (x))"]
        assert await one.ok("NOOP") == [b"VANISHED 1"]
        assert await one.ok("UID FETCH 1:* (FLAGS)") == [b"2 UIDFETCH (FLAGS (x))", b"3 UIDFETCH (FLAGS ())"]
        assert await one.ok("UID STORE 3 +FLAGS (y)") == [b"3 UIDFETCH (FLAGS (y))"]
