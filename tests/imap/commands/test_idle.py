import pytest
import trio
from tests.support import mails
from tests.support.imap_client import ACCOUNT, ImapWorld

from pymailcore.imap.settings import ImapSettings


async def test_new_mail_is_told_at_once(world: ImapWorld) -> None:
    """RFC 2177 section 3; new mail within 100 ms, here measured from its delivery."""
    async with await world.log_in("INBOX") as client:
        await client.send(b"a IDLE\r\n")
        assert await client.line() == b"+ idling"
        delays = []
        for count in range(1, 6):
            await world.deliver(mails.plain())
            start = trio.current_time()
            assert await client.line() == b"* %d EXISTS" % count
            delays.append(trio.current_time() - start)
            assert await client.line() == b"* %d RECENT" % count
        assert sorted(delays)[2] < 0.1
        await client.send(b"DONE\r\n")
        assert (await client.reply(b"a")).status == "OK"


async def test_flags_and_expunges_are_told(world: ImapWorld) -> None:
    """RFC 2177 section 3: everything that NOOP would tell."""
    await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as client, await world.log_in("INBOX") as other:
        await client.send(b"a IDLE\r\n")
        await client.line()
        await other.ok("STORE 1 FLAGS (\\Deleted)")
        assert await client.line() == b"* 1 FETCH (UID 1 FLAGS (\\Deleted))"
        await other.ok("EXPUNGE")
        assert await client.line() == b"* 1 EXPUNGE"


async def test_what_happened_before_idle_is_told_too(world: ImapWorld) -> None:
    """Between the last command and IDLE."""
    async with await world.log_in("INBOX") as client:
        await world.deliver(mails.plain())
        await client.send(b"a IDLE\r\n")
        assert [await client.line() for _ in range(3)] == [b"+ idling", b"* 1 EXISTS", b"* 1 RECENT"]


async def test_a_lost_notice_costs_seconds(world: ImapWorld) -> None:
    """DESIGN 4.6: the Mailbox is looked at now and then."""
    world.settings = ImapSettings(recheck_seconds=0.02)
    async with await world.log_in("INBOX") as client:
        world.hub.publish(ACCOUNT, 2**40)
        await client.send(b"a IDLE\r\n")
        await client.line()
        await world.deliver(mails.plain())
        assert await client.line() == b"* 1 EXISTS"


async def test_idle_and_done_in_one_piece(world: ImapWorld) -> None:
    """RFC 3501 section 5.5: pipelining, IDLE behind IDLE."""
    async with await world.log_in("INBOX") as client:
        await client.send(b"a IDLE\r\nDONE\r\nb IDLE\r\nDONE\r\nc NOOP\r\n")
        assert [await client.line() for _ in range(5)] == [
            b"+ idling",
            b"a OK Done",
            b"+ idling",
            b"b OK Done",
            b"c OK Done",
        ]


async def test_another_word_than_done(world: ImapWorld) -> None:
    """RFC 2177 section 3: BAD, and the next command is served, IDLE among them."""
    async with await world.log_in("INBOX") as client:
        await client.send(b"a IDLE\r\nNOOP\r\nb IDLE\r\nDONE\r\n")
        assert [await client.line() for _ in range(4)] == [
            b"+ idling",
            b"a BAD Expected DONE",
            b"+ idling",
            b"b OK Done",
        ]


async def test_idle_without_a_mailbox(world: ImapWorld) -> None:
    """RFC 2177 section 3: in the authenticated state there is nothing to tell."""
    async with await world.log_in() as client:
        await client.send(b"a IDLE\r\n")
        assert await client.line() == b"+ idling"
        await world.deliver(mails.plain())
        await client.send(b"DONE\r\n")
        assert await client.line() == b"a OK Done"


async def test_the_selected_mailbox_is_deleted_meanwhile(world: ImapWorld) -> None:
    """RFC 2180 section 3."""
    async with await world.log_in() as client, await world.log_in() as other:
        await other.ok("CREATE gone")
        await client.ok("SELECT gone")
        await client.send(b"a IDLE\r\n")
        await client.line()
        await other.ok("DELETE gone")
        assert await client.line() == b"* BYE The selected mailbox was deleted"
        assert await client.at_end()


async def test_a_client_that_goes_away_while_idle(world: ImapWorld) -> None:
    """The connection ends, and nobody is watched any more."""
    client = await world.log_in("INBOX")
    await client.send(b"a IDLE\r\n")
    await client.line()
    assert world.hub.watched() == [ACCOUNT]
    await trio.aclose_forcefully(client.stream)
    with trio.fail_after(5):
        while world.hub.watched():
            await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("idle", [b"", b"a IDLE\r\n"])
async def test_a_silent_client_is_told_good_bye(world: ImapWorld, idle: bytes) -> None:
    """RFC 3501 section 5.4; RFC 2177 section 3: also while idle."""
    world.settings = ImapSettings(idle_seconds=0.05)
    async with await world.log_in("INBOX") as client:
        await client.send(idle)
        if idle:
            await client.line()
        assert await client.line() == b"* BYE You were silent for too long"
        assert await client.at_end()
