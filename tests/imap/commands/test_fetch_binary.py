import base64

import pytest
from tests.support.imap_client import ImapWorld

INSIDE = bytes(range(256)) * 40
TEXT = "Grüße\r\naus Köln".encode()
MAIL = (
    b"Subject: parts\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    b"Gr=C3=BC=C3=9Fe\r\naus K=C3=B6ln\r\n"
    b"--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + base64.encodebytes(INSIDE).replace(b"\n", b"\r\n")
    + b"--b\r\nContent-Type: text/plain\r\n\r\n\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninner text\r\n--b--\r\n"
)
UNKNOWN = b"Content-Type: x/y\r\nContent-Transfer-Encoding: x-mine\r\n\r\nabc"


async def test_parts_come_without_their_encoding(world: ImapWorld) -> None:
    r"""RFC 3516 section 4: literal8 only where there is NUL; BINARY sets \Seen, PEEK and SIZE do not."""
    await world.deliver(MAIL)
    async with await world.log_in("INBOX") as client:
        (line,) = await client.ok("FETCH 1 (BINARY.PEEK[2] BINARY.SIZE[2])")
        start = b"1 FETCH (BINARY[2] ~{%d}\r\n" % len(INSIDE)
        assert line == start + INSIDE + b" BINARY.SIZE[2] %d)" % len(INSIDE)
        (items,) = await client.fetch("FETCH 1 (BINARY.PEEK[1] BINARY.SIZE[1] BINARY.SIZE[] FLAGS)")
        assert items["BINARY[1]"] == TEXT
        assert items["BINARY.SIZE[1]"] == len(TEXT)
        assert items["BINARY.SIZE[]"] == len(MAIL)
        assert items["FLAGS"] == []
        (items,) = await client.fetch("FETCH 1 (BINARY[1])")
        assert items["FLAGS"] == ["\\Seen"]
        (items,) = await client.fetch("FETCH 1 (BINARY.PEEK[] BINARY.PEEK[3] BINARY.PEEK[9] BINARY.SIZE[9])")
        assert (items["BINARY[]"], items["BINARY[3]"], items["BINARY[9]"]) == (MAIL, b"", None)
        assert items["BINARY.SIZE[9]"] == 0


@pytest.mark.parametrize(
    ("first", "count"), [(0, 1), (3, 100), (10_239, 1), (10_239, 2), (10_240, 5), (99_999, 5)]
)
async def test_a_range_counts_what_is_decoded(world: ImapWorld, first: int, count: int) -> None:
    """RFC 3516 section 4.2, around the end, too."""
    await world.deliver(MAIL)
    async with await world.log_in("INBOX") as client:
        (line,) = await client.ok(f"FETCH 1 (UID BINARY.PEEK[2]<{first}.{count}> BINARY.SIZE[2])")
        wanted = INSIDE[first : first + count]
        tilde = b"~" if b"\0" in wanted else b""
        written = tilde + b"{%d}\r\n" % len(wanted) + wanted if wanted else b'""'
        assert line == b"1 FETCH (UID 1 BINARY[2]<%d> %b BINARY.SIZE[2] %d)" % (first, written, len(INSIDE))


async def test_an_encoding_that_nobody_knows(world: ImapWorld) -> None:
    r"""RFC 3516 section 4.3: NO [UNKNOWN-CTE]; others are told, and it has not been seen."""
    await world.deliver(UNKNOWN)
    await world.deliver(MAIL)
    async with await world.log_in("INBOX") as client:
        for item in ("BINARY[1]", "BINARY.SIZE[1]", "(BODY.PEEK[] BINARY[1])"):
            reply = await client.command(f"FETCH 1 {item}")
            assert (reply.code, reply.untagged) == ("UNKNOWN-CTE", [])
        reply = await client.command("FETCH 1:* BINARY[1]")
        assert reply.code == "UNKNOWN-CTE"
        assert [line[:18] for line in reply.untagged] == [b"2 FETCH (FLAGS (\\S"]
        assert [one["FLAGS"] for one in await client.fetch("FETCH 1:* FLAGS")] == [[], ["\\Seen"]]
        (items,) = await client.fetch("FETCH 1 (BINARY.PEEK[] BODY.PEEK[1])")
        assert items["BINARY[]"] == UNKNOWN


async def test_a_part_of_many_octets_is_decoded_in_a_thread(world: ImapWorld) -> None:
    """The loop serves others meanwhile; named often, it is decoded once."""
    octets = bytes(range(1, 256)) * 2000
    head = b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    await world.deliver(head + base64.encodebytes(octets))
    async with await world.log_in("INBOX") as client:
        parts = " ".join(f"BINARY.PEEK[1]<{start}.1000>" for start in range(0, 100_000, 1000))
        (items,) = await client.fetch(f"FETCH 1 ({parts} BINARY.SIZE[1])")
        assert items["BINARY.SIZE[1]"] == len(octets)
        for start in range(0, 100_000, 1000):
            assert items[f"BINARY[1]<{start}>"] == octets[start : start + 1000]
