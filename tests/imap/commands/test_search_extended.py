"""SEARCH beyond RFC 3501."""

import pytest
from tests.imap.commands.test_search import BEGIN, DAY, filled
from tests.support import mails
from tests.support.imap_client import ACCOUNT, ImapWorld

from pymailcore.base.ids import EMAIL, THREAD, encode_id
from pymailcore.store.keywords import Keywords
from pymailcore.store.types import FlagChange


async def test_what_is_returned(world: ImapWorld) -> None:
    """RFC 4731 section 3.1, RFC 9051 section 6.4.4."""
    await filled(world)
    async with await world.log_in("INBOX") as client:
        for options, keys, expected in (
            ("()", "ALL", b"ALL 1:3"),
            ("(MIN MAX)", "ALL", b"MIN 1 MAX 3"),
            ("(COUNT)", "UNSEEN", b"COUNT 2"),
            ("(MIN COUNT ALL)", "NOT 2", b"MIN 1 ALL 1,3 COUNT 2"),
            ("(PARTIAL -1:-2)", "ALL", b"PARTIAL (-1:-2 2:3)"),
            ("(PARTIAL 9:12 COUNT)", "ALL", b"PARTIAL (9:12 NIL) COUNT 3"),
        ):
            (reply,) = await client.ok(f"SEARCH RETURN {options} {keys}")
            assert reply == b'ESEARCH (TAG "t%d") %b' % (client.count, expected)
            (reply,) = await client.ok(f"UID SEARCH RETURN {options} {keys}")
            assert reply == b'ESEARCH (TAG "t%d") UID %b' % (client.count, expected)
        assert await client.ok("SEARCH RETURN (ALL MIN) ANSWERED") == [b'ESEARCH (TAG "t%d")' % client.count]


async def test_once_rev2_is_enabled_every_answer_is_extended(world: ImapWorld) -> None:
    """RFC 9051 section 6.4.4."""
    await filled(world)
    async with await world.log_in("INBOX") as client:
        await client.ok("ENABLE IMAP4rev2")
        assert await client.ok("SEARCH UNSEEN") == [b'ESEARCH (TAG "t%d") ALL 2:3' % client.count]
        assert await client.ok("UID SEARCH ANSWERED") == [b'ESEARCH (TAG "t%d") UID' % client.count]


async def test_a_result_that_is_saved_stands_for_a_set_everywhere(world: ImapWorld) -> None:
    """RFC 5182 section 2.1."""
    await filled(world)
    async with await world.log_in("INBOX") as client:
        assert await client.ok("FETCH $ UID") == []  # empty after SELECT
        assert await client.ok("SEARCH RETURN (SAVE) UNSEEN") == []
        assert await client.ok("FETCH $ UID") == [b"2 FETCH (UID 2)", b"3 FETCH (UID 3)"]
        assert await client.ok("UID FETCH $ UID") == [b"2 FETCH (UID 2)", b"3 FETCH (UID 3)"]
        assert await client.ok("SEARCH $ FLAGGED") == [b"SEARCH 2"]
        assert await client.ok("UID SEARCH UID $ NOT FLAGGED") == [b"SEARCH 3"]
        assert await client.ok("SEARCH OR $ 1") == [b"SEARCH 1 2 3"]
        assert await client.ok("SEARCH 1,$") == [b"SEARCH 1 2 3"]
        assert await client.ok("SORT (REVERSE ARRIVAL) UTF-8 $") == [b"SORT 3 2"]
        assert await client.ok("STORE $ FLAGS (x)") == [b"2 FETCH (FLAGS (x))", b"3 FETCH (FLAGS (x))"]
        await client.ok("COPY $ Archive")
        await client.ok("UID STORE 3 +FLAGS.SILENT (\\Deleted)")
        assert await client.ok("UID EXPUNGE $") == [b"3 EXPUNGE"]
        assert await client.ok("FETCH $ UID") == [b"2 FETCH (UID 2)"]  # what is gone is gone from it
        await client.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
        await client.ok("EXPUNGE")
        assert await client.ok("FETCH $ UID") == [b"1 FETCH (UID 2)"]  # numbers move
        await client.ok("MOVE $ Trash")
        assert await client.ok("FETCH $ UID") == []
        await client.ok("SELECT Archive")
        assert await client.ok("SEARCH $") == [b"SEARCH"]


@pytest.mark.parametrize(
    ("options", "kept"),
    [("SAVE", b" 1 2 3"), ("SAVE MIN", b" 1"), ("SAVE MAX", b" 3"), ("SAVE MIN MAX", b" 1 3"),
     ("SAVE MIN COUNT", b" 1 2 3"), ("SAVE ALL MAX", b" 1 2 3"), ("SAVE PARTIAL 2:2", b" 2"),
     ("SAVE PARTIAL 2:2 MAX", b" 2 3"), ("SAVE PARTIAL 2:2 COUNT", b" 1 2 3")],
)  # fmt: skip
async def test_what_is_saved(world: ImapWorld, options: str, kept: bytes) -> None:
    """RFC 5182 section 2.4, RFC 9394 section 3.2: their tables."""
    await filled(world)
    async with await world.log_in("INBOX") as client:
        await client.ok(f"SEARCH RETURN ({options}) ALL")
        assert await client.ok("SEARCH $") == [b"SEARCH" + kept]


async def test_when_the_saved_result_changes(world: ImapWorld) -> None:
    """RFC 5182 section 2.1: not by BAD, nor without SAVE; emptied by NO with SAVE."""
    await filled(world)
    async with await world.log_in("INBOX") as client:
        await client.ok("SEARCH RETURN (SAVE) ALL")
        assert (await client.command("SEARCH RETURN (SAVE) NONSENSE")).status == "BAD"
        assert (await client.command("SEARCH CHARSET X-X ALL")).status == "NO"
        await client.ok("SEARCH RETURN (COUNT) FLAGGED")
        assert await client.ok("SEARCH $") == [b"SEARCH 1 2 3"]
        reply = await client.command("SEARCH RETURN (SAVE) CHARSET X-X TEXT {}", b"\xff")
        assert reply.code.startswith("BADCHARSET")
        assert await client.ok("SEARCH $") == [b"SEARCH"]
        await client.ok("SEARCH RETURN (SAVE) ALL")
        assert (await client.command("SEARCH RETURN (SAVE) FILTER none")).status == "NO"
        assert await client.ok("SEARCH $") == [b"SEARCH"]


async def test_ages(world: ImapWorld) -> None:
    """RFC 5032 section 2: the target time belongs to both."""
    now = BEGIN // 1000 * 1000 + 10 * DAY
    world.now_ms = lambda: now
    for seconds in (59, 60, 61):
        await world.deliver(mails.plain(), received_ms=now - seconds * 1000)
    async with await world.log_in("INBOX") as client:
        assert await client.ok("SEARCH OLDER 60") == [b"SEARCH 2 3"]
        assert await client.ok("SEARCH YOUNGER 60") == [b"SEARCH 1 2"]
        assert await client.ok("SEARCH NOT YOUNGER 60") == [b"SEARCH 3"]


async def test_save_dates(world: ImapWorld) -> None:
    """RFC 8514 sections 4.2 and 4.3."""
    await filled(world)
    async with await world.log_in("INBOX") as client:
        (message,) = await client.fetch("FETCH 1 SAVEDATE")
        day = message["SAVEDATE"][:11].decode().strip()
        assert await client.ok("SEARCH SAVEDATESUPPORTED") == [b"SEARCH 1 2 3"]
        assert await client.ok(f"SEARCH SAVEDSINCE {day}") == [b"SEARCH 1 2 3"]
        assert await client.ok(f"SEARCH SAVEDBEFORE {day}") == [b"SEARCH"]
        assert await client.ok("SEARCH SAVEDBEFORE 1-Jan-2990 NOT SAVEDON 1-Jan-1990") == [b"SEARCH 1 2 3"]
        await client.ok("COPY 2 Archive")
        await client.ok("SELECT Archive")
        (copied,) = await client.fetch("FETCH 1 (INTERNALDATE SAVEDATE)")
        assert copied["INTERNALDATE"] == b"22-Sep-2026 14:13:20 +0000"
        assert copied["SAVEDATE"] != copied["INTERNALDATE"]


async def test_ids(world: ImapWorld) -> None:
    """RFC 8474 section 6."""
    await filled(world)
    email = await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as client:
        assert await client.ok(f"SEARCH EMAILID {encode_id(EMAIL, email.email)}") == [b"SEARCH 4"]
        assert await client.ok(f"SEARCH THREADID {encode_id(THREAD, email.thread)}") == [b"SEARCH 1 4"]
        assert await client.ok("SEARCH OR EMAILID x THREADID Tnone") == [b"SEARCH"]


async def test_mod_sequences(world: ImapWorld) -> None:
    """RFC 7162 sections 3.1.5, 3.1.6, 3.1.9, 3.1.10 and RFC 4731 section 3.2."""
    await filled(world)
    inbox = await world.store.mailbox_named(ACCOUNT, "INBOX")
    assert inbox is not None
    modseq = {}
    for uid in (3, 1):
        rows, _ = await world.store.set_flags(
            ACCOUNT, inbox.id, [(uid, uid)], FlagChange.ADD, Keywords(0, "x")
        )
        modseq[uid] = rows[0].modseq
    async with await world.log_in("INBOX") as client:
        assert await client.ok(f"SEARCH MODSEQ {modseq[3]}") == [
            b"OK [HIGHESTMODSEQ %d] Highest" % modseq[1],  # it switches CONDSTORE on
            b"SEARCH 1 3 (MODSEQ %d)" % modseq[1],
        ]
        assert await client.ok(f'SEARCH MODSEQ "/flags/\\\\seen" all {modseq[1]}') == [
            b"SEARCH 1 (MODSEQ %d)" % modseq[1]
        ]
        assert await client.ok(f"SEARCH MODSEQ {modseq[1] + 1}") == [b"SEARCH"]
        for options, expected in (
            ("ALL", b"ALL 1,3 MODSEQ %d" % modseq[1]),
            ("MAX", b"MAX 3 MODSEQ %d" % modseq[3]),
            ("MIN MAX", b"MIN 1 MAX 3 MODSEQ %d" % modseq[1]),
            ("MAX COUNT", b"MAX 3 COUNT 2 MODSEQ %d" % modseq[1]),
        ):
            (reply,) = await client.ok(f"SEARCH RETURN ({options}) MODSEQ {modseq[3]}")
            assert reply == b'ESEARCH (TAG "t%d") ' % client.count + expected
        assert await client.ok(f"SORT (REVERSE ARRIVAL) UTF-8 MODSEQ {modseq[3]}") == [
            b"SORT 3 1 (MODSEQ %d)" % modseq[1]
        ]
        (reply,) = await client.ok(f"SORT RETURN (ALL) (REVERSE ARRIVAL) UTF-8 MODSEQ {modseq[3]}")
        assert reply == b'ESEARCH (TAG "t%d") ALL 3,1 MODSEQ %d' % (client.count, modseq[1])
        assert await client.ok(f"THREAD REFERENCES UTF-8 MODSEQ {modseq[1]}") == [b"THREAD (1)"]


async def test_charsets(world: ImapWorld) -> None:
    """RFC 9051 section 6.4.4: what Python can read is converted."""
    await filled(world)
    async with await world.log_in("INBOX") as client:
        for charset in ("ISO-8859-1", "windows-1252", "utf-16be"):
            needle = "GRÜSSE".encode(charset)
            assert await client.ok(f"SEARCH CHARSET {charset} SUBJECT {{}}", needle) == [b"SEARCH 2"]
        assert (await client.command("SEARCH CHARSET UTF-16BE SUBJECT {}", b"\xd8\x00")).code[
            :10
        ] == "BADCHARSET"
        for charset in ("utf-7", "base64", "idna", "X-X"):
            assert (await client.command(f"SEARCH CHARSET {charset} ALL")).code[:10] == "BADCHARSET", charset


async def test_fuzzy(world: ImapWorld) -> None:
    """RFC 6203 sections 3 to 6: words wherever they stand, beginnings of words, no accents."""
    await filled(world)
    async with await world.log_in("INBOX") as client:
        assert await client.ok('SEARCH FUZZY SUBJECT "koln gruss"') == [b"SEARCH 2"]
        assert await client.ok('SEARCH SUBJECT "koln gruss"') == [b"SEARCH"]
        assert await client.ok("SEARCH FUZZY (OR SUBJECT meet FLAGGED)") == [b"SEARCH 1 2"]
        (reply,) = await client.ok("SEARCH RETURN (RELEVANCY ALL) FUZZY TEXT meeting")
        assert reply.endswith(b" ALL 1 RELEVANCY (100)")
        (reply,) = await client.ok("SEARCH RETURN (ALL RELEVANCY) FUZZY OR SUBJECT meeting FROM carla")
        assert reply.endswith(b" ALL 1,3 RELEVANCY (100 1)")
        assert await client.ok("SORT (RELEVANCY) UTF-8 FUZZY OR SUBJECT plans FROM carla") == [b"SORT 3 1"]
        assert await client.ok("SORT (REVERSE RELEVANCY) UTF-8 FUZZY OR SUBJECT plans FROM carla") == [
            b"SORT 1 3"
        ]
        assert await client.ok("SORT (CC RELEVANCY ARRIVAL) UTF-8 FUZZY OR SUBJECT plans FROM carla") == [
            b"SORT 3 1"
        ]
        (reply,) = await client.ok(
            "SORT RETURN (RELEVANCY ALL) (RELEVANCY) UTF-8 FUZZY OR SUBJECT plans FROM carla"
        )
        assert reply.endswith(b" ALL 3,1 RELEVANCY (100 1)")


async def test_filters(world: ImapWorld) -> None:
    """RFC 5466 section 3.1."""
    await filled(world)
    values = "/private/filters/values/"
    await world.store.sharing.set_annotations(
        ACCOUNT,
        None,
        ACCOUNT,
        {
            f"{values}on-the-road": b'OR SMALLER 1000 FROM "J\xc3\xb6rg"',
            f"{values}outer": b"FILTER middle UNSEEN",
            f"{values}middle": b"NOT FILTER inner",
            f"{values}inner": b"KEYWORD work",
            f"{values}one": b"FILTER other",
            f"{values}other": b"FILTER one",
            f"{values}half": b"OR SMALLER",
            "/shared/filters/values/on-the-road": b"ANSWERED",
            "/shared/filters/values/shared": b"SEEN",
            f"{values}wide": b" ".join([b"ALL"] * 200),
            f"{values}fuzzy": b"FUZZY SUBJECT meet",
        },
    )
    async with await world.log_in("INBOX") as client:
        assert await client.ok("SEARCH FILTER On-The-Road") == [b"SEARCH 1 2"]
        assert await client.ok("SEARCH 2:3 FILTER on-the-road ALL") == [b"SEARCH 2"]
        assert await client.ok("SEARCH FILTER shared") == [b"SEARCH 1"]
        assert await client.ok("SEARCH FILTER outer") == [b"SEARCH 2"]
        assert await client.ok("SORT (REVERSE DATE) UTF-8 FILTER shared") == [b"SORT 1"]
        assert await client.ok("THREAD REFERENCES UTF-8 FILTER shared") == [b"THREAD (1)"]
        for name in ("none", "one", "half"):
            for command in ("SEARCH", "SORT (DATE) UTF-8", "THREAD REFERENCES UTF-8"):
                reply = await client.command(f"{command} FILTER {name}")
                undefined = "other" if name == "one" else name
                assert reply.code in (f"UNDEFINED-FILTER {name}", f"UNDEFINED-FILTER {undefined}")
        assert await client.ok("SEARCH FILTER wide") == [b"SEARCH 1 2 3"]
        assert (await client.command("SEARCH FILTER wide FILTER wide")).code == "UNDEFINED-FILTER wide"
        reply = await client.command("SEARCH CHARSET KOI8-R FILTER shared")
        assert (reply.status, reply.code[:10]) == ("BAD", "BADCHARSET")
        (reply_line,) = await client.ok("SEARCH RETURN (RELEVANCY) FILTER fuzzy")
        assert reply_line.endswith(b"RELEVANCY (100)")
        assert (await client.command("SEARCH RETURN (RELEVANCY) FILTER shared")).status == "BAD"
        assert (await client.command("SORT (RELEVANCY) UTF-8 FILTER shared")).status == "BAD"
