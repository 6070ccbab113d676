"""SORT from the wire."""

import pytest
from tests.imap.commands.test_search import filled
from tests.support import mails
from tests.support.imap_client import ImapWorld
from tests.support.stores import a_message

from pymailcore.imap.commands import sort as sort_command
from pymailcore.imap.settings import ImapSettings
from pymailcore.store.arranging import Arranging


async def some(world: ImapWorld) -> None:
    """Three mails: UID 1 to 3 as they came."""
    for n, (subject, sender, to) in enumerate(
        [
            ("Re: beta", "Zed <amy@x.example>", "Kim <k@x.example>"),
            ("alpha", "Ann <zoe@x.example>", "b@x.example"),
            ("Beta", "bob@x.example", "Al <z@x.example>"),
        ]
    ):
        octets = a_message(subject, sender=sender, extra=f"Date: Tue, 14 Nov 2023 0{3 - n}:00:00 +0000")
        octets = octets.replace(b"Bob <bob@example.org>", to.encode())
        await world.deliver(octets, received_ms=1_700_000_000_000 + n * 1000)


async def test_the_keys(world: ImapWorld) -> None:
    """RFC 5256 section 3, RFC 5957 section 4."""
    await some(world)
    async with await world.log_in("INBOX") as client:
        for criteria, expected in (
            ("ARRIVAL", b"1 2 3"),
            ("REVERSE ARRIVAL", b"3 2 1"),
            ("DATE", b"3 2 1"),
            ("SUBJECT", b"2 1 3"),
            ("SUBJECT DATE", b"2 3 1"),
            ("REVERSE SUBJECT", b"1 3 2"),
            ("FROM", b"1 3 2"),
            ("DISPLAYFROM", b"2 3 1"),
            ("TO", b"2 1 3"),
            ("DISPLAYTO", b"3 2 1"),
            ("CC", b"1 2 3"),
            ("REVERSE SIZE", b"1 2 3"),
        ):
            assert await client.ok(f"SORT ({criteria}) UTF-8 ALL") == [b"SORT " + expected], criteria
        assert await client.ok('SORT (DATE) US-ASCII TEXT "not in mailbox"') == [b"SORT"]


async def test_numbers_and_uids(world: ImapWorld) -> None:
    """RFC 5256 section 3: UID SORT gives UIDs, its sets are read as in SORT."""
    await some(world)
    async with await world.log_in("INBOX") as client:
        await client.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
        await client.ok("EXPUNGE")
        assert await client.ok("SORT (REVERSE ARRIVAL) UTF-8 ALL") == [b"SORT 2 1"]
        assert await client.ok("UID SORT (REVERSE ARRIVAL) UTF-8 ALL") == [b"SORT 3 2"]
        assert await client.ok("UID SORT (DATE) UTF-8 1") == [b"SORT 2"]
        assert await client.ok("SORT (DATE) UTF-8 UID 3") == [b"SORT 2"]


async def test_return_options(world: ImapWorld) -> None:
    """RFC 5267 section 3.1: the lowest and highest are those of the order; RFC 9394 section 3.1."""
    await some(world)
    async with await world.log_in("INBOX") as client:
        for options, expected in (
            ("", b"ALL 3,2,1"),
            ("MIN MAX COUNT", b"MIN 3 MAX 1 COUNT 3"),
            ("PARTIAL 1:2", b"PARTIAL (1:2 3,2)"),
            ("PARTIAL -1:-1", b"PARTIAL (-1:-1 1)"),
        ):
            (reply,) = await client.ok(f"UID SORT RETURN ({options}) (REVERSE ARRIVAL) UTF-8 ALL")
            assert reply == b'ESEARCH (TAG "t%d") UID %b' % (client.count, expected)
        assert await client.ok("SORT RETURN (SAVE MIN) (REVERSE ARRIVAL) UTF-8 ALL") == [
            b'ESEARCH (TAG "t%d") MIN 3' % client.count
        ]
        assert await client.ok("SEARCH $") == [b"SEARCH 3"]


async def test_charsets(world: ImapWorld) -> None:
    """RFC 5256 section 3: the charset must be there, and one that is not known is a NO."""
    await filled(world)
    async with await world.log_in("INBOX") as client:
        assert await client.ok("SORT (DATE) ISO-8859-1 SUBJECT {}", "GRÜSSE".encode("latin-1")) == [b"SORT 2"]
        reply = await client.command("SORT (DATE) X-X ALL")
        assert (reply.status, reply.code[:10]) == ("NO", "BADCHARSET")
        assert (await client.command("SORT (DATE) ALL")).status == "NO"  # ALL is no charset
        await client.ok("SEARCH RETURN (SAVE) ALL")
        assert (await client.command("SORT RETURN (SAVE) (DATE) X-X ALL")).status == "NO"
        assert await client.ok("SEARCH $") == [b"SEARCH"]


async def test_no_expunge_during_sort(world: ImapWorld) -> None:
    """RFC 5256 section 3: not for SORT, but for UID SORT."""
    await some(world)
    async with await world.log_in("INBOX") as one, await world.log_in("INBOX") as two:
        await two.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
        await two.ok("EXPUNGE")
        world.hub.publish(1, 10_000)
        sort = await one.ok("SORT (ARRIVAL) UTF-8 ALL")
        assert sort[0] == b"SORT 1 3"
        assert not any(reply.endswith(b"EXPUNGE") for reply in sort)
        thread = await one.ok("THREAD ORDEREDSUBJECT UTF-8 ALL")
        assert not any(reply.endswith(b"EXPUNGE") for reply in thread)
        assert b"2 EXPUNGE" in await one.ok("UID SORT (ARRIVAL) UTF-8 ALL")


async def test_a_sort_has_a_deadline(world: ImapWorld) -> None:
    """I4: NO [LIMIT]; nothing is saved then."""
    await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as client:
        await client.ok("SEARCH RETURN (SAVE) ALL")
    world.settings = ImapSettings(search_seconds=0.0)
    async with await world.log_in("INBOX") as client:
        assert (await client.command("SORT RETURN (SAVE) (DATE) UTF-8 ALL")).code == "LIMIT"
        assert (await client.command("THREAD REFERENCES UTF-8 ALL")).code == "LIMIT"
        assert await client.ok("FETCH $ UID") == []


async def test_an_order_is_kept_for_the_same_messages_only(
    world: ImapWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for other criteria, nor for messages of which one is gone or has come."""
    monkeypatch.setattr(sort_command, "KEPT_FROM", 0)
    await some(world)
    async with await world.log_in("INBOX") as client:
        for _ in range(2):
            assert await client.ok("SORT (SUBJECT) UTF-8 ALL") == [b"SORT 2 1 3"]
            assert await client.ok("SORT (REVERSE SUBJECT) UTF-8 ALL") == [b"SORT 1 3 2"]
            assert await client.ok("SORT (SUBJECT) UTF-8 2:3") == [b"SORT 2 3"]
        with monkeypatch.context() as patch:
            patch.setattr(Arranging, "ordered", None)  # nothing is asked for again
            assert await client.ok("UID SORT (SUBJECT) UTF-8 ALL") == [b"SORT 2 1 3"]
        await client.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
        await client.ok("EXPUNGE")
        for _ in range(2):
            assert await client.ok("SORT (SUBJECT) UTF-8 ALL") == [b"SORT 1 2"]
            assert await client.ok("UID SORT (SUBJECT) UTF-8 ALL") == [b"SORT 2 3"]
        await some(world)
        await client.ok("NOOP")
        assert await client.ok("UID SORT (SUBJECT) UTF-8 ALL") == [b"SORT 2 5 3 4 6"]
