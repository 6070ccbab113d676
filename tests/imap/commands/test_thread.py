"""THREAD from the wire."""

import pytest
from tests.support.imap_client import ImapWorld
from tests.support.stores import a_message

from pymailcore.imap.commands import thread as thread_command


async def some(world: ImapWorld) -> None:
    for n, (id_, references, subject) in enumerate(
        [
            ("a", "", "lunch"),
            ("b", "<a@x>", "Re: lunch"),
            ("c", "<a@x> <b@x>", "Re: lunch"),
            ("d", "<a@x>", "other"),
            ("e", "", "Re: LUNCH"),
            ("f", "<gone@x>", "one"),
            ("g", "<gone@x>", "two"),
        ]
    ):
        extra = f"References: {references}" if references else "X: y"
        octets = a_message(subject, message_id=f"<{id_}@x>", extra=extra)
        await world.deliver(octets, received_ms=1_700_000_000_000 + n * 1000)


@pytest.mark.parametrize("inline", [500, 0])
async def test_both_algorithms(world: ImapWorld, inline: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 5256 section 3; short and in a thread."""
    monkeypatch.setattr(thread_command, "_INLINE", inline)
    await some(world)
    async with await world.log_in("INBOX") as client:
        assert await client.ok("THREAD REFERENCES UTF-8 ALL") == [b"THREAD (1 (2 3)(4)(5))((6)(7))"]
        assert await client.ok("THREAD ORDEREDSUBJECT UTF-8 ALL") == [b"THREAD (1 (2)(3)(5))(4)(6)(7)"]
        assert await client.ok("THREAD REFERENCES US-ASCII SUBJECT lunch NOT 1") == [b"THREAD ((2 3)(5))"]
        assert await client.ok("THREAD REFERENCES UTF-8 ANSWERED") == [b"THREAD"]


async def test_an_answer_is_kept_for_the_same_messages_only(
    world: ImapWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their numbers count, too; and what comes or goes makes another question."""
    monkeypatch.setattr(thread_command, "_INLINE", 0)
    await some(world)
    async with await world.log_in("INBOX") as client:
        references = "THREAD REFERENCES UTF-8 ALL"
        for _ in range(2):
            assert await client.ok(references) == [b"THREAD (1 (2 3)(4)(5))((6)(7))"]
            assert await client.ok("THREAD ORDEREDSUBJECT UTF-8 ALL") == [b"THREAD (1 (2)(3)(5))(4)(6)(7)"]
        with monkeypatch.context() as patch:
            patch.setattr(thread_command, "threads", None)  # nothing is made again
            assert await client.ok(references) == [b"THREAD (1 (2 3)(4)(5))((6)(7))"]
            assert await client.ok("UID SEARCH RETURN (SAVE) 1:4") == []
        assert await client.ok("UID THREAD REFERENCES UTF-8 $") == [b"THREAD (1 (2 3)(4))"]
        await client.ok("STORE 4,6 +FLAGS.SILENT (\\Deleted)")
        await client.ok("EXPUNGE")
        for _ in range(2):
            assert await client.ok(references) == [b"THREAD (1 (2 3)(4))(5)"]
            assert await client.ok(f"UID {references}") == [b"THREAD (1 (2 3)(5))(7)"]


async def test_numbers_and_uids(world: ImapWorld) -> None:
    """RFC 5256 section 3."""
    await some(world)
    async with await world.log_in("INBOX") as client:
        await client.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
        await client.ok("EXPUNGE")
        assert await client.ok("THREAD REFERENCES UTF-8 1:3") == [b"THREAD ((1 2)(3))"]
        assert await client.ok("UID THREAD REFERENCES UTF-8 1:3") == [b"THREAD ((2 3)(4))"]


async def test_what_cannot_be_threaded(world: ImapWorld) -> None:
    """RFC 5256 section 3: NO for a charset that is not known."""
    async with await world.log_in("INBOX") as client:
        assert (await client.command("THREAD REFERENCES X-X ALL")).code.startswith("BADCHARSET")
        assert (await client.command("THREAD JWZ UTF-8 ALL")).status == "BAD"
