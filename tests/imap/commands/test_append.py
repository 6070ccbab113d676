import pytest
from tests.support import mails
from tests.support.imap_client import ImapWorld

from pymailcore.base.errors import OverQuota, TemporaryFailure
from pymailcore.imap.settings import ImapSettings


async def test_a_message_is_kept_with_flags_and_date(world: ImapWorld) -> None:
    """RFC 3501 section 6.3.11, RFC 4315 section 3."""
    octets = mails.picture()
    async with await world.log_in() as client:
        reply = await client.command(
            'APPEND Sent (\\Seen \\Deleted Work) "17-Jul-1996 02:44:25 -0700" {}', octets
        )
        assert reply.code.startswith("APPENDUID ")
        assert reply.code.endswith(" 1")
        await client.ok("SELECT Sent")
        (items,) = await client.fetch("FETCH 1 (FLAGS INTERNALDATE BODY.PEEK[])")
        assert items["FLAGS"] == ["\\Seen", "work", "\\Deleted"]
        assert items["INTERNALDATE"] == b"17-Jul-1996 09:44:25 +0000"
        assert items["BODY[]"] == octets


@pytest.mark.parametrize(
    "octets", [b"x", b"bare\nlines\r", b"\xff\xfe 8 bit", b"From: a\r\n\r\n" + b"." * 70_000]
)
async def test_octets_are_kept_as_they_are(world: ImapWorld, octets: bytes) -> None:
    """DESIGN 4.3: byte-exact, whatever they are."""
    async with await world.log_in("INBOX") as client:
        assert (await client.command("APPEND INBOX {}", octets)).untagged == [b"1 EXISTS", b"1 RECENT"]
        (items,) = await client.fetch("FETCH 1 (BODY[] RFC822.SIZE)")
        assert items["BODY[]"] == octets
        assert items["RFC822.SIZE"] == len(octets)


async def test_a_synchronising_literal_is_asked_for(world: ImapWorld) -> None:
    """RFC 3501 section 4.3."""
    async with await world.log_in() as client:
        await client.send(b"a APPEND INBOX {5}\r\n")
        assert await client.line() == b"+ Go ahead"
        await client.send(b"hello\r\n")
        assert (await client.reply(b"a")).status == "OK"


async def test_a_mailbox_that_is_not_there(world: ImapWorld) -> None:
    """RFC 3501 section 6.3.11: TRYCREATE."""
    async with await world.log_in() as client:
        assert (await client.command("APPEND gone {}", b"x")).code == "TRYCREATE"
        assert (await client.command("APPEND INBOX {}", b"")).code == "CANNOT"
        assert (await client.command("APPEND INBOX {}", b"a\0b")).code == "CANNOT"
        flags = " ".join(f"k{n}" for n in range(129))
        assert (await client.command(f"APPEND INBOX ({flags}) {{}}", b"x")).code == "LIMIT"


async def test_a_message_may_have_just_so_many_octets(world: ImapWorld) -> None:
    """RFC 9051 section 6.3.12 (TOOBIG), at the limit less one, the limit, the limit and one."""
    world.settings = ImapSettings(message_octets=1000)
    async with await world.log_in() as client:
        await client.ok("APPEND INBOX {}", b"x" * 999)
        await client.ok("APPEND INBOX {}", b"x" * 1000)
        assert (await client.command("APPEND INBOX {}", b"x" * 1001)).code == "TOOBIG"
        await client.send(b"a APPEND INBOX {1001}\r\n")
        assert (await client.reply(b"a")).code == "TOOBIG"
        assert await client.ok("STATUS INBOX (MESSAGES)") == [b"STATUS INBOX (MESSAGES 2)"]


@pytest.mark.parametrize(
    ("fault", "code"), [(OverQuota("full"), "OVERQUOTA"), (TemporaryFailure("disk"), "UNAVAILABLE")]
)
async def test_a_store_that_cannot(
    world: ImapWorld, monkeypatch: pytest.MonkeyPatch, fault: Exception, code: str
) -> None:
    """RFC 5530 section 3; the text says nothing of the inside."""

    async def cannot(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr(world.store, "deliver", cannot)
    async with await world.log_in() as client:
        reply = await client.command("APPEND INBOX {}", b"x")
        assert reply.code == code
        assert str(fault).encode() not in reply.tagged
