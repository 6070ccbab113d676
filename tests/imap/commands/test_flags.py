import pytest
from tests.support import mails
from tests.support.imap_client import ImapWorld


@pytest.mark.parametrize(
    ("change", "after"),
    [
        ("FLAGS (\\Flagged b)", b"\\Flagged b"),
        ("FLAGS ()", b""),
        ("+FLAGS (\\Flagged b)", b"\\Seen \\Flagged a b \\Deleted"),
        ("-FLAGS (\\Seen \\Deleted x)", b"a"),
        ("FLAGS \\Deleted", b"\\Deleted"),
        ("+FLAGS $Junk $forwarded", b"\\Seen $Forwarded $Junk a \\Deleted"),
    ],
)
async def test_flags_are_replaced_added_and_removed(world: ImapWorld, change: str, after: bytes) -> None:
    """RFC 3501 section 6.4.6."""
    await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as client:
        await client.ok("STORE 1 FLAGS (\\Seen \\Deleted a)")
        assert await client.ok(f"STORE 1 {change}") == [b"1 FETCH (FLAGS (" + after + b"))"]
        assert await client.ok("FETCH 1 FLAGS") == [b"1 FETCH (FLAGS (" + after + b"))"]


async def test_uid_store_says_the_uid(world: ImapWorld) -> None:
    """RFC 3501 section 6.4.8."""
    for _ in range(3):
        await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as client:
        assert await client.ok("UID STORE 2:9 +FLAGS (x)") == [
            b"2 FETCH (UID 2 FLAGS (x))",
            b"3 FETCH (UID 3 FLAGS (x))",
        ]
        assert await client.ok("UID STORE 77 +FLAGS (x)") == []
        assert (await client.command("STORE 4 +FLAGS (x)")).status == "BAD"


async def test_too_many_flags_are_a_limit(world: ImapWorld) -> None:
    """RFC 5530 section 3 (LIMIT)."""
    await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as client:
        flags = " ".join(f"k{n}" for n in range(129))
        assert (await client.command(f"STORE 1 FLAGS ({flags})")).code == "LIMIT"
        await client.ok(f"STORE 1 FLAGS ({flags.removesuffix(' k128')})")


async def test_messages_that_are_gone_are_said_to_be(world: ImapWorld) -> None:
    """RFC 2180 section 4.2.3."""
    for _ in range(3):
        await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as one, await world.log_in("INBOX") as two:
        await one.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
        await one.ok("EXPUNGE")
        reply = await two.command("STORE 1:3 +FLAGS (x)")
        assert reply.code == "EXPUNGEISSUED"
        assert reply.untagged == [b"1 FETCH (FLAGS (x))", b"3 FETCH (FLAGS (x))"]


async def test_what_another_has_changed_is_not_taken_for_ones_own(world: ImapWorld) -> None:
    r"""RFC 3501 section 6.4.6: .SILENT keeps quiet about its own change only."""
    await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as one, await world.log_in("INBOX") as two:
        await two.ok("STORE 1 +FLAGS (theirs)")
        assert await one.ok("STORE 1 +FLAGS.SILENT (mine)") == [b"1 FETCH (UID 1 FLAGS (theirs))"]
        assert await one.ok("STORE 1 +FLAGS.SILENT (more)") == []
        assert await one.ok("NOOP") == []


async def test_one_change_too_late_keeps_no_other_from_being_made(world: ImapWorld) -> None:
    """RFC 7162 section 3.1.3: MODIFIED has numbers, or UIDs; what they are now is told."""
    for _ in range(4):
        await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as client:
        _, status = await client.ok("STATUS INBOX (HIGHESTMODSEQ)")
        modseq = int(status.rstrip(b")").split()[-1])
        await client.ok("STORE 1 +FLAGS (\\Deleted)")
        await client.ok("EXPUNGE")
        await client.ok("STORE 2 +FLAGS (x)")
        reply = await client.command(f"STORE 1:3 (UNCHANGEDSINCE {modseq}) +FLAGS.SILENT (y)")
        assert (reply.status, reply.code) == ("OK", "MODIFIED 2")
        assert reply.untagged == [
            b"1 FETCH (UID 2 MODSEQ (%d))" % (modseq + 4),
            b"3 FETCH (UID 4 MODSEQ (%d))" % (modseq + 4),
            b"2 FETCH (UID 3 MODSEQ (%d) FLAGS (x))" % (modseq + 3),
        ]
        reply = await client.command(f"UID STORE 2:3 (UNCHANGEDSINCE {modseq + 3}) FLAGS (z)")
        assert reply.code == "MODIFIED 2"
        assert reply.untagged == [
            b"2 FETCH (UID 3 MODSEQ (%d) FLAGS (z))" % (modseq + 5),
            b"1 FETCH (UID 2 MODSEQ (%d) FLAGS (y))" % (modseq + 4),
        ]
        assert (await client.command("STORE 1 (UNCHANGEDSINCE 0) +FLAGS (q)")).code == "MODIFIED 1"
        assert await client.ok("NOOP") == []
