import tracemalloc

import pytest
from tests.support import mails
from tests.support.imap_client import ACCOUNT, ImapWorld

from pymailcore.base.ids import EMAIL, THREAD, encode_id
from pymailcore.message.prepare import prepare
from pymailcore.store.keywords import SEEN, Keywords
from pymailcore.store.types import Want

MESSAGES = (mails.plain(), mails.picture(), mails.attachment(3000))
DATE = b"21-Sep-2026 14:13:20 +0000"


async def filled(world: ImapWorld) -> None:
    for octets in MESSAGES:
        await world.deliver(octets)


async def test_items_that_are_kept_ready(world: ImapWorld) -> None:
    """RFC 3501 section 7.4.2."""
    await filled(world)
    async with await world.log_in("INBOX") as client:
        responses = await client.ok(
            "FETCH 1:3 (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE)"
        )
        assert responses == [
            b'%d FETCH (UID %d FLAGS () INTERNALDATE "%b" RFC822.SIZE %d'
            b" ENVELOPE %b BODY %b BODYSTRUCTURE %b)"
            % (seq, seq, DATE, len(octets), ready.envelope, ready.body, ready.bodystructure)
            for seq, octets in enumerate(MESSAGES, 1)
            for ready in [prepare(octets)]
        ]


@pytest.mark.parametrize(
    ("macro", "names"),
    [
        ("FAST", ["FLAGS", "INTERNALDATE", "RFC822.SIZE"]),
        ("ALL", ["FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"]),
        ("FULL", ["FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"]),
    ],
)
async def test_macros(world: ImapWorld, macro: str, names: list[str]) -> None:
    """RFC 3501 section 6.4.5."""
    await filled(world)
    async with await world.log_in("INBOX") as client:
        for items in await client.fetch(f"FETCH 1:* {macro}"):
            assert list(items) == ["#", *names]


async def test_octets_come_out_as_they_went_in(world: ImapWorld) -> None:
    """RFC 3501 section 6.4.5: the whole message and its two halves, byte for byte."""
    await filled(world)
    async with await world.log_in("INBOX") as client:
        fetched = await client.fetch(
            "FETCH 1:* (BODY.PEEK[] BODY.PEEK[HEADER] BODY.PEEK[TEXT] RFC822.HEADER)"
        )
        for items, octets in zip(fetched, MESSAGES, strict=True):
            end = octets.index(b"\r\n\r\n") + 4
            assert items["BODY[]"] == octets
            assert items["BODY[HEADER]"] == items["RFC822.HEADER"] == octets[:end]
            assert items["BODY[TEXT]"] == octets[end:]


async def test_parts_of_the_message(world: ImapWorld) -> None:
    """RFC 3501 section 6.4.5."""
    await filled(world)
    async with await world.log_in("INBOX") as client:
        (items,) = await client.fetch(
            "FETCH 2 (BODY.PEEK[1.1] BODY.PEEK[1.MIME] BODY.PEEK[2]<4.6> BODY.PEEK[9]"
            " BODY.PEEK[HEADER.FIELDS (SUBJECT x)] BODY.PEEK[TEXT]<99999999.1>)"
        )
    assert items["BODY[1.1]"] == "Schöne Grüße. Text für Leser ohne HTML.".encode()
    assert items["BODY[1.MIME]"] == b"Content-Type: multipart/alternative; boundary=alt\r\n\r\n"
    whole = mails.picture()
    start = whole.index(b"iVBOR")
    assert items["BODY[2]<4>"] == whole[start + 4 : start + 10]
    assert items["BODY[9]"] is None
    assert items["BODY[HEADER.FIELDS (SUBJECT x)]"].startswith(b"Subject: =?utf-8?B?")
    assert items["BODY[TEXT]<99999999>"] == b""


@pytest.mark.parametrize("item", ["BODY[]", "RFC822", "RFC822.TEXT", "BODY[1]", "BODY[TEXT]<0.3>"])
async def test_reading_sets_seen_and_says_so(world: ImapWorld, item: str) -> None:
    """RFC 3501 section 6.4.5."""
    await world.deliver(mails.plain())
    await world.deliver(mails.plain(), keywords=Keywords(SEEN))
    async with await world.log_in("INBOX") as client:
        first, second = await client.fetch(f"FETCH 1:2 {item}")
        assert first["FLAGS"] == ["\\Seen"]
        assert "FLAGS" not in second
        assert await client.ok("NOOP") == []
        assert await client.ok("SEARCH UNSEEN") == [b"SEARCH"]


@pytest.mark.parametrize("item", ["BODY.PEEK[]", "RFC822.HEADER", "ENVELOPE"])
async def test_peeking_does_not_set_seen(world: ImapWorld, item: str) -> None:
    """RFC 3501 section 6.4.5."""
    await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as client:
        await client.ok(f"FETCH 1 {item}")
        assert await client.ok("SEARCH UNSEEN") == [b"SEARCH 1"]


async def test_asking_for_flags_too_gives_them_once(world: ImapWorld) -> None:
    """RFC 3501 section 6.4.5."""
    await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as client:
        (response,) = await client.ok("FETCH 1 (FLAGS BODY[1]<0.1>)")
        assert response == b"1 FETCH (FLAGS (\\Seen) BODY[1]<0> {1}\r\nH)"


async def test_uid_fetch_always_has_the_uid(world: ImapWorld) -> None:
    """RFC 3501 section 6.4.8: and a UID that is not there is no fault."""
    await filled(world)
    async with await world.log_in("INBOX") as client:
        assert await client.ok("UID FETCH 2:3,77 (FLAGS)") == [
            b"2 FETCH (UID 2 FLAGS ())",
            b"3 FETCH (UID 3 FLAGS ())",
        ]
        assert await client.ok("UID FETCH 77 FLAGS") == []
        assert await client.ok("UID FETCH 77:* (UID)") == [b"3 FETCH (UID 3)"]


@pytest.mark.parametrize("numbers", ["4", "1:4", "9:*"])
async def test_a_number_that_is_too_large_is_bad(world: ImapWorld, numbers: str) -> None:
    """RFC 3501 section 9 (`seq-number`)."""
    await filled(world)
    async with await world.log_in("INBOX") as client:
        assert (await client.command(f"FETCH {numbers} UID")).status == "BAD"


async def test_fetch_goes_in_batches(world: ImapWorld) -> None:
    """Bounded chunks: nothing is left out or told twice at the seams, whatever the ranges."""
    world.settings = type(world.settings)(fetch_rows=2)
    for _ in range(7):
        await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as client:
        for numbers in ("1:*", "1:3,5,7", "7,1:2,6"):
            wanted = sorted(
                {
                    n
                    for part in numbers.replace("*", "7").split(",")
                    for n in range(int(part[0]), int(part[-1]) + 1)
                }
            )
            for item in ("UID", "(UID BODY.PEEK[HEADER])"):
                assert [items["UID"] for items in await client.fetch(f"FETCH {numbers} {item}")] == wanted


async def test_messages_that_are_gone_are_left_out(world: ImapWorld) -> None:
    """RFC 2180 section 4.1.3."""
    for _ in range(3):
        await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as client:
        await world.store.destroy_emails(ACCOUNT, [(await world.deliver(mails.plain())).email])
        mailbox = await world.store.mailbox_named(ACCOUNT, "INBOX")
        assert mailbox is not None
        rows = await world.store.fetch(ACCOUNT, mailbox.id, ((2, 2),), Want.NONE)
        await world.store.destroy_emails(ACCOUNT, [rows[0].email])
        reply = await client.command("FETCH 1:3 (UID BODY.PEEK[1])")
        assert reply.code == "EXPUNGEISSUED"
        assert [line[:1] for line in reply.untagged] == [b"1", b"3"]


async def test_one_email_twice_in_a_mailbox(world: ImapWorld) -> None:
    """RFC 8474 section 5.1: a copy in the same Mailbox is the same Email."""
    await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as client:
        await client.ok("COPY 1 INBOX")
        fetched = await client.fetch("FETCH 1:2 BODY.PEEK[]")
        assert [items["BODY[]"] for items in fetched] == [mails.plain()] * 2


async def test_rows_that_are_large_come_few_at_a_time(
    world: ImapWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I7: what waits for a slow client is bounded, however large a BODYSTRUCTURE is."""
    monkeypatch.setattr("pymailcore.imap.commands.fetch._BATCH_OCTETS", 2_000)
    monkeypatch.setattr("pymailcore.imap.commands.fetch._FIRST_ROWS", 8)
    limits = []
    store_fetch = world.store.fetch

    async def fetch(*args: object, limit: int) -> object:
        limits.append(limit)
        return await store_fetch(*args, limit=limit)  # type: ignore[arg-type]

    for _ in range(20):
        await world.deliver(mails.picture())
    monkeypatch.setattr(world.store, "fetch", fetch)
    async with await world.log_in("INBOX") as client:
        fetched = await client.fetch("FETCH 1:* (UID ENVELOPE)")
        assert [items["UID"] for items in fetched] == list(range(1, 21))
        assert limits[:3] == [8, 2, 4]


async def test_a_message_named_in_many_ways_is_not_held_as_often(world: ImapWorld) -> None:
    """I7: 60 items of one megabyte each leave one after the other."""
    octets = b"Subject: x\r\n\r\n" + b"0123456789abcde\n" * 65_536
    await world.deliver(octets)
    items = " ".join(f"BODY.PEEK[]<{first}.2000000>" for first in range(60))
    async with await world.log_in("INBOX") as client:
        tracemalloc.start()
        try:
            await client.send(f"a FETCH 1 ({items})\r\n".encode())
            seen = 0
            tail = b""
            while not tail.endswith(b"a OK Done\r\n"):
                more = await client.stream.receive_some(65_536)
                assert more
                seen += len(more)
                tail = (tail + more)[-100:]
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert seen > 60 * 1_000_000
    assert peak < 16_000_000


@pytest.mark.parametrize(
    ("partial", "uids"), [("1:2", [1, 2]), ("-1:-1", [3]), ("3:9", [3]), ("4:9", []), ("-2:-9", [1, 2])]
)
async def test_some_of_the_messages_by_their_place(world: ImapWorld, partial: str, uids: list[int]) -> None:
    """RFC 9394 section 3.3."""
    await filled(world)
    async with await world.log_in("INBOX") as client:
        responses = await client.ok(f"UID FETCH 1:* (FLAGS) (PARTIAL {partial})")
        assert responses == [b"%d FETCH (UID %d FLAGS ())" % (uid, uid) for uid in uids]


async def test_ids_are_those_of_jmap_and_stay_with_a_copy(world: ImapWorld) -> None:
    """RFC 8474 section 5: EMAILID and THREADID; the same for a copy."""
    filed = await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as client:
        await client.ok("COPY 1 INBOX")
        email, thread = encode_id(EMAIL, filed.email), encode_id(THREAD, filed.thread)
        assert await client.ok("FETCH 1:2 (EMAILID THREADID)") == [
            f"{number} FETCH (EMAILID ({email}) THREADID ({thread}))".encode() for number in (1, 2)
        ]
        assert await client.ok(f"SEARCH EMAILID {email}") == [b"SEARCH 1 2"]


async def test_of_the_last_messages_those_that_have_changed(world: ImapWorld) -> None:
    """RFC 9394 section 3.4: PARTIAL comes first."""
    for _ in range(4):
        await world.deliver(mails.plain())
    async with await world.log_in() as client:
        replies = await client.ok("SELECT INBOX (CONDSTORE)")
        (modseq,) = (int(one.split()[2][:-1]) for one in replies if b"HIGHESTMODSEQ" in one)
        await client.ok("STORE 1,3 +FLAGS.SILENT (x)")
        assert await client.ok(f"UID FETCH 1:* FLAGS (PARTIAL -1:-2 CHANGEDSINCE {modseq})") == [
            b"3 FETCH (UID 3 FLAGS (x) MODSEQ (%d))" % (modseq + 1)
        ]
