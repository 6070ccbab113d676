import pytest
import trio
from tests.support import mails
from tests.support.imap_client import ACCOUNT, ImapWorld

from pymailcore.base.errors import TemporaryFailure
from pymailcore.imap.session import store_path
from pymailcore.store.keywords import FLAGGED, Keywords
from pymailcore.store.types import FlagChange, MailboxDelta


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("inbox", "INBOX"),
        ("iNbOx/a", "INBOX/a"),
        ("Inboxes", "Inboxes"),
        ("a/inbox", "a/inbox"),
        ("a/", "a"),
        ("e\u0301", "é"),
    ],
)
def test_names_have_one_form_in_the_store(name: str, path: str) -> None:
    """RFC 3501 section 5.1: INBOX in any case; DESIGN 4.4: NFC."""
    assert store_path(name) == path


async def test_two_sessions_see_each_others_changes(world: ImapWorld) -> None:
    """RFC 3501 section 5.2, RFC 2180 section 4."""
    for _ in range(3):
        await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as one, await world.log_in("INBOX") as two:
        await one.ok("STORE 2 +FLAGS (\\Deleted \\Flagged)")
        assert await two.ok("NOOP") == [b"2 FETCH (UID 2 FLAGS (\\Flagged \\Deleted))"]
        assert await one.ok("EXPUNGE") == [b"2 EXPUNGE"]
        assert (await two.command("FETCH 2:3 UID")).untagged == [b"3 FETCH (UID 3)"]
        assert (await two.command("FETCH 2 UID")).code == "EXPUNGEISSUED"
        assert await two.ok("UID SEARCH ALL") == [b"SEARCH 1 3", b"2 EXPUNGE"]
        await world.deliver(mails.plain())
        assert await two.ok("NOOP") == [b"3 EXISTS", b"1 RECENT"]
        assert await one.ok("NOOP") == [b"3 EXISTS", b"1 RECENT"]
        assert await two.ok("FETCH 1:* UID") == [b"1 FETCH (UID 1)", b"2 FETCH (UID 3)", b"3 FETCH (UID 4)"]


async def test_an_expunge_waits_for_the_end_of_fetch_store_and_search(world: ImapWorld) -> None:
    """RFC 3501 section 7.4.1."""
    for _ in range(4):
        await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as one, await world.log_in("INBOX") as two:
        await one.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
        await one.ok("EXPUNGE")
        assert await two.ok("SEARCH ALL") == [b"SEARCH 2 3 4"]
        assert await two.ok("FETCH 2 UID") == [b"2 FETCH (UID 2)"]
        assert await two.ok("STORE 4 +FLAGS (x)") == [b"4 FETCH (FLAGS (x))"]
        assert await two.ok("NOOP") == [b"1 EXPUNGE"]


async def test_what_one_changed_oneself_is_told_once(world: ImapWorld) -> None:
    """RFC 3501 section 6.4.6: .SILENT means silent."""
    await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as one:
        assert await one.ok("STORE 1 +FLAGS.SILENT (a)") == []
        assert await one.ok("STORE 1 +FLAGS (b)") == [b"1 FETCH (FLAGS (a b))"]
        assert await one.ok("NOOP") == []


async def test_a_change_that_the_hub_never_told_of_is_found_in_time(world: ImapWorld) -> None:
    """DESIGN 4.6: a lost notice costs seconds, not mail."""
    world.settings = type(world.settings)(recheck_seconds=0.0)
    world.hub.publish(ACCOUNT, 2**40)  # from now on the hub hears nothing new
    async with await world.log_in("INBOX") as one:
        await world.deliver(mails.plain())
        assert await one.ok("NOOP") == [b"1 EXISTS", b"1 RECENT"]


async def test_a_change_log_that_is_too_short_is_no_trouble(
    world: ImapWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 7162 section 3.2.5.1 has the same case: the whole list is compared."""
    for _ in range(3):
        await world.deliver(mails.plain())

    async def forgotten(*_: object) -> MailboxDelta | None:
        return None

    async with await world.log_in("INBOX") as one:
        mailbox = await world.store.mailbox_named(ACCOUNT, "INBOX")
        assert mailbox is not None
        await world.store.set_flags(ACCOUNT, mailbox.id, ((3, 3),), FlagChange.ADD, Keywords(FLAGGED))
        await world.store.set_flags(ACCOUNT, mailbox.id, ((1, 1),), FlagChange.ADD, Keywords(), deleted=True)
        await world.store.expunge(ACCOUNT, mailbox.id, None)
        await world.deliver(mails.plain())
        monkeypatch.setattr(world.store, "delta", forgotten)
        assert await one.ok("NOOP") == [
            b"1 EXPUNGE",
            b"2 FETCH (UID 3 FLAGS (\\Flagged))",
            b"3 EXISTS",
            b"1 RECENT",
        ]


async def test_a_mailbox_that_is_deleted_ends_its_sessions(world: ImapWorld) -> None:
    """RFC 2180 section 3: one of the ways it allows."""
    async with await world.log_in() as one, await world.log_in() as two:
        await one.ok("CREATE gone")
        await two.ok("SELECT gone")
        await one.ok("DELETE gone")
        await two.send(b"x NOOP\r\n")
        assert await two.line() == b"* BYE The selected mailbox was deleted"
        assert await two.at_end()


async def test_deleting_the_mailbox_one_has_selected_deselects_it(world: ImapWorld) -> None:
    """RFC 3501 section 6.3.4 leaves this open."""
    async with await world.log_in() as one:
        await one.ok("CREATE gone")
        await one.ok("SELECT gone")
        await one.ok("DELETE gone")
        assert (await one.command("FETCH 1 UID")).status == "BAD"
        await one.ok("NOOP")


async def test_a_store_that_is_away_does_not_spoil_a_command_that_was_done(
    world: ImapWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The view is brought up to date later."""
    async with await world.log_in("INBOX") as one:
        await world.deliver(mails.plain())

        async def away(*_: object) -> MailboxDelta | None:
            await trio.lowlevel.checkpoint()
            raise TemporaryFailure("busy")

        with monkeypatch.context() as patch:
            patch.setattr(world.store, "delta", away)
            assert await one.ok("NOOP") == []
        assert await one.ok("NOOP") == [b"1 EXISTS", b"1 RECENT"]
