import pytest
from tests.support import mails
from tests.support.imap_client import ImapWorld

from pymailcore.imap.settings import ImapSettings
from pymailcore.store.keywords import FLAGGED, SEEN, Keywords

DAY = 86_400_000
BEGIN = 1_790_000_000_000  # 21-Sep-2026

# uid: plain, seen; picture, flagged, a day later; plans, keyword `work`, two days later, deleted
ALL = b" 1 2 3"


async def filled(world: ImapWorld) -> None:
    await world.deliver(mails.plain(), keywords=Keywords(SEEN), received_ms=BEGIN)
    await world.deliver(mails.picture(), keywords=Keywords(FLAGGED), received_ms=BEGIN + DAY)
    await world.deliver(mails.attachment(3000), keywords=Keywords(0, "work"), received_ms=BEGIN + 2 * DAY)


CASES = [
    ("ALL", ALL),
    ("SEEN", b" 1"),
    ("UNSEEN", b" 2 3"),
    ("FLAGGED", b" 2"),
    ("UNFLAGGED", b" 1 3"),
    ("ANSWERED", b""),
    ("UNANSWERED", ALL),
    ("DRAFT", b""),
    ("UNDRAFT", ALL),
    ("DELETED", b" 3"),
    ("UNDELETED", b" 1 2"),
    ("RECENT", b""),
    ("NEW", b""),
    ("OLD", ALL),
    ("KEYWORD WORK", b" 3"),
    ("UNKEYWORD work", b" 1 2"),
    ("KEYWORD $Junk", b""),
    ("1:2", b" 1 2"),
    ("9", b""),
    ("2:*", b" 2 3"),
    ("UID 3:9", b" 3"),
    ("NOT 2", b" 1 3"),
    ("OR SEEN FLAGGED", b" 1 2"),
    ("(SEEN UNDELETED) 1", b" 1"),
    ("ON 22-Sep-2026", b" 2"),
    ("BEFORE 22-Sep-2026", b" 1"),
    ("SINCE 22-Sep-2026", b" 2 3"),
    ("SENTON 22-Nov-2026", ALL),
    ("SENTBEFORE 22-Nov-2026", b""),
    ("SENTSINCE 22-Nov-2026", ALL),
    ("SMALLER 1000", b" 1"),
    ("LARGER 1000", b" 2 3"),
    ("FROM carla", b" 1 3"),
    ("FROM Jörg", b" 2"),
    ("TO anna@", ALL),
    ("TO BEN", b" 2 3"),
    ("CC x", b""),
    ("BCC x", b""),
    ("SUBJECT meeting", b" 1"),
    ('SUBJECT "aus k"', b" 2"),
    ("SUBJECT GRÜSSE", b" 2"),
    ("BODY spoke", b" 1"),
    ("BODY meeting", b""),
    ("TEXT meeting", b" 1"),
    ('TEXT "leser ohne"', b" 2"),
    ('SUBJECT ""', ALL),
    ("HEADER Message-ID plans", b" 3"),
    ('HEADER Cc ""', b""),
    ('HEADER Date ""', ALL),
    ("HEADER Subject MINUTES", b" 1"),
    ("OR (FROM carla SUBJECT plans) NOT TO anna", b" 3"),
]


@pytest.mark.parametrize("uid", ["", "UID "])
async def test_every_key_finds_what_it_should(world: ImapWorld, uid: str) -> None:
    """RFC 3501 section 6.4.4."""
    await filled(world)
    async with await world.log_in("INBOX") as client:
        await client.ok("STORE 3 +FLAGS.SILENT (\\Deleted)")
        for keys, found in CASES:
            charset = "" if keys.isascii() else "CHARSET UTF-8 "
            if keys.isascii():
                reply = await client.ok(f"{uid}SEARCH {charset}{keys}")
            else:
                key, needle = keys.split(" ")
                reply = await client.ok(f"{uid}SEARCH {charset}{key} {{}}", needle.encode())
            assert reply == [b"SEARCH" + found], keys


async def test_numbers_and_uids_differ_after_an_expunge(world: ImapWorld) -> None:
    """RFC 3501 section 6.4.8."""
    await filled(world)
    async with await world.log_in("INBOX") as client:
        await client.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
        await client.ok("EXPUNGE")
        assert await client.ok("SEARCH FLAGGED") == [b"SEARCH 1"]
        assert await client.ok("UID SEARCH FLAGGED") == [b"SEARCH 2"]


async def test_recent_is_what_arrived_while_one_looked(world: ImapWorld) -> None:
    r"""RFC 3501 section 2.3.2, as view.py keeps `\Recent`."""
    await filled(world)
    async with await world.log_in("INBOX") as client:
        await world.deliver(mails.plain(), keywords=Keywords(SEEN))
        await world.deliver(mails.plain())
        await client.ok("NOOP")
        assert await client.ok("SEARCH RECENT") == [b"SEARCH 4 5"]
        assert await client.ok("SEARCH NEW") == [b"SEARCH 5"]
        assert await client.ok("SEARCH OLD") == [b"SEARCH 1 2 3"]
        assert await client.ok("FETCH 4 FLAGS") == [b"4 FETCH (FLAGS (\\Seen \\Recent))"]


async def test_what_was_not_announced_is_not_found(world: ImapWorld) -> None:
    """RFC 3501 section 7.3.1: a number is told by EXISTS first."""
    async with await world.log_in("INBOX") as client:
        await world.deliver(mails.plain())
        assert await client.ok("SEARCH ALL") == [b"SEARCH", b"1 EXISTS", b"1 RECENT"]
        assert await client.ok("SEARCH ALL") == [b"SEARCH 1"]


async def test_a_charset_that_is_not_known(world: ImapWorld) -> None:
    """RFC 3501 section 6.4.4."""
    async with await world.log_in("INBOX") as client:
        reply = await client.command("SEARCH CHARSET X-UNHEARD-OF ALL")
        assert reply.code.startswith("BADCHARSET (US-ASCII UTF-8 ")


async def test_a_search_has_a_deadline(world: ImapWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """I4: NO [LIMIT] after 30 s; here at once."""
    world.settings = ImapSettings(search_seconds=0.0)
    async with await world.log_in("INBOX") as client:
        assert (await client.command("SEARCH ALL")).code == "LIMIT"
        await client.ok("NOOP")
