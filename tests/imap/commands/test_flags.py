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
