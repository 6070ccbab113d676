from tests.support import mails
from tests.support.imap_client import ImapWorld


async def test_a_preview_is_always_at_hand(world: ImapWorld) -> None:
    """RFC 8970 sections 3 and 4: text of the message, never NIL, LAZY or not; it sets no flag."""
    await world.deliver(b"Subject: x\r\n\r\nHello,  this is\r\nthe beginning.\r\n")
    await world.deliver("Content-Type: text/plain; charset=utf-8\r\n\r\nGrüße".encode())
    await world.deliver(b"Content-Type: image/png\r\n\r\nx")
    async with await world.log_in("INBOX") as client:
        for item in ("PREVIEW", "(PREVIEW)", "PREVIEW (LAZY)", "(preview (lazy))"):
            found = await client.fetch(f"FETCH 1:* {item}")
            previews = [one["PREVIEW"] for one in found]
            assert previews == [b"Hello, this is the beginning.", "Grüße".encode(), b""]
        assert (await client.command("FETCH 1 PREVIEW (FAST)")).status == "BAD"
        (items,) = await client.fetch("FETCH 1 (PREVIEW (LAZY) UID FLAGS ENVELOPE RFC822.SIZE)")
        assert (items["UID"], items["FLAGS"]) == (1, [])


async def test_a_preview_has_two_hundred_characters(world: ImapWorld) -> None:
    """RFC 8970 section 3.3: characters, not octets; at the limit less one, the limit, the limit and one."""
    head = "Content-Type: text/plain; charset=utf-8\r\n\r\n"
    for length in (199, 200, 201):
        await world.deliver((head + "ü" * length).encode())
    async with await world.log_in("INBOX") as client:
        found = await client.fetch("FETCH 1:* PREVIEW")
        assert [len(one["PREVIEW"].decode()) for one in found] == [199, 200, 200]


async def test_beside_other_items_and_octets(world: ImapWorld) -> None:
    """It is a column like any other, also where octets are read."""
    octets = mails.plain()
    await world.deliver(octets)
    async with await world.log_in("INBOX") as client:
        (items,) = await client.fetch("FETCH 1 (BODY[] PREVIEW BODYSTRUCTURE)")
        assert items["BODY[]"] == octets
        assert items["PREVIEW"]
