import pytest
from tests.support import mails
from tests.support.imap_client import ACCOUNT, ImapWorld

from pymailcore.base.budget import MailDataBudget
from pymailcore.base.errors import OverQuota, TemporaryFailure
from pymailcore.imap.settings import ImapSettings
from pymailcore.store.types import Quota


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

    monkeypatch.setattr(world.store, "append_many", cannot)
    async with await world.log_in() as client:
        reply = await client.command("APPEND INBOX {}", b"x")
        assert reply.code == code
        assert str(fault).encode() not in reply.tagged


async def test_the_deleted_flag_is_there_from_the_first(world: ImapWorld) -> None:
    """One transaction: a message is never there without a flag that it was given."""
    async with await world.log_in("INBOX") as client:
        modseq = (await world.store.states(ACCOUNT)).modseq
        await client.ok("APPEND INBOX (\\Deleted) {}", mails.plain())
        assert (await world.store.states(ACCOUNT)).modseq == modseq + 1
        assert await client.ok("EXPUNGE") == [b"1 EXPUNGE"]


async def test_several_messages_come_together(world: ImapWorld) -> None:
    """RFC 3502 section 6, RFC 4315 section 3: one modseq, UIDs in the order given."""
    async with await world.log_in("INBOX") as client:
        await client.ok("APPEND INBOX {}", b"x")
        reply = await client.command(
            'APPEND INBOX (\\Seen) " 1-Jan-2020 00:00:00 +0000" {} (\\Flagged) {} ~{}',
            b"one",
            b"two",
            b"three",
        )
        assert reply.code.startswith("APPENDUID ")
        assert reply.code.endswith(" 2:4")
        assert reply.untagged == [b"4 EXISTS", b"4 RECENT"]
        items = await client.fetch("FETCH 2:4 (FLAGS BODY.PEEK[])")
        assert [one["BODY[]"] for one in items] == [b"one", b"two", b"three"]
        assert [one["FLAGS"] for one in items] == [
            ["\\Seen", "\\Recent"],
            ["\\Flagged", "\\Recent"],
            ["\\Recent"],
        ]


@pytest.mark.parametrize("bad", [b"", b"a\0b"])
async def test_all_messages_or_none(world: ImapWorld, bad: bytes) -> None:
    """RFC 3502 section 6: one that cannot be kept takes all along, the first and the last."""
    async with await world.log_in("INBOX") as client:
        for messages in ((bad, b"x"), (b"x", bad)):
            reply = await client.command("APPEND INBOX {} {}", *messages)
            assert (reply.code, reply.untagged) == ("CANNOT", [])
        assert await client.ok("STATUS INBOX (MESSAGES)") == [b"STATUS INBOX (MESSAGES 0)"]


async def test_a_quota_is_reached_by_all_together(world: ImapWorld) -> None:
    """RFC 9208 section 4.3.1, RFC 3502: at the limit less one, the limit, the limit and one; all or none."""
    await world.store.quotas.set_account(ACCOUNT, Quota(octets=100))
    async with await world.log_in("INBOX") as client:
        reply = await client.command("APPEND INBOX {} {}", b"x" * 50, b"y" * 51)
        assert (reply.code, reply.untagged) == ("OVERQUOTA", [])
        await client.ok("APPEND INBOX {} {}", b"x" * 50, b"y" * 49)
        assert (await client.command("APPEND INBOX {}", b"zz")).code == "OVERQUOTA"
        await client.ok("APPEND INBOX {}", b"z")
        assert await client.ok("STATUS INBOX (SIZE)") == [b"STATUS INBOX (SIZE 100)"]


async def test_nul_is_taken_in_eight_bits_and_given_in_seven(world: ImapWorld) -> None:
    """RFC 3516 sections 4.4 and 6: the part is kept in base64, and BINARY gives it as it came."""
    octets = b"Subject: x\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n\0\1\2\xff"
    async with await world.log_in("INBOX") as client:
        assert (await client.command("APPEND INBOX {}", octets)).code == "CANNOT"
        await client.ok("APPEND INBOX ~{}", octets)
        (items,) = await client.fetch("FETCH 1 (BODY.PEEK[TEXT] BINARY.SIZE[1])")
        assert items["BODY[TEXT]"] == b"AAEC/w==\r\n"
        assert items["BINARY.SIZE[1]"] == 4
        assert await client.ok("FETCH 1 BINARY.PEEK[1]") == [b"1 FETCH (BINARY[1] ~{4}\r\n\0\1\2\xff)"]
        assert (await client.command("APPEND INBOX ~{}", b"Subject: \0\r\n\r\nx")).code == "UNKNOWN-CTE"
        signed = b'Content-Type: multipart/signed; boundary="b"\r\n\r\n--b\r\n\r\n\0\r\n--b--\r\n'
        assert (await client.command("APPEND INBOX ~{}", signed)).code == "UNKNOWN-CTE"
        await client.ok("APPEND INBOX ~{}", b"no nul \xff")


async def test_headers_in_utf_8(world: ImapWorld) -> None:
    """RFC 6855 section 4: UTF8 (~{n}), once UTF8=ACCEPT is on."""
    octets = "Subject: Grüße\r\n\r\nx".encode()
    async with await world.log_in("INBOX") as client:
        assert (await client.command("APPEND INBOX UTF8 (~{})", octets)).code == "CANNOT"
        assert await client.ok("ENABLE UTF8=ACCEPT") == [b"ENABLED UTF8=ACCEPT"]
        await client.ok("APPEND INBOX (\\Seen) UTF8 (~{})", octets)
        (items,) = await client.fetch("FETCH 1 BODY[]")
        assert items["BODY[]"] == octets
        assert (await client.command("APPEND INBOX UTF8 ({})", octets)).status == "BAD"


async def test_one_message_replaces_another(world: ImapWorld) -> None:
    """RFC 8508 sections 3.2 to 3.4: what came is told first; flags and date are the new one's."""
    await world.deliver(mails.plain())
    await world.deliver(mails.picture())
    async with await world.log_in("INBOX") as client:
        reply = await client.command("REPLACE 1 INBOX (\\Draft) {}", b"Subject: new\r\n\r\n")
        assert reply.status == "OK"
        assert reply.untagged[0].startswith(b"OK [APPENDUID ")
        assert reply.untagged[0].split(b"]")[0].endswith(b" 3")
        assert sorted(reply.untagged[1:]) == [b"1 EXPUNGE", b"2 EXISTS", b"2 RECENT"] or set(
            reply.untagged[1:]
        ) == {b"1 EXPUNGE", b"2 EXISTS", b"1 RECENT"}
        items = await client.fetch("FETCH 1:2 (UID FLAGS)")
        assert [one["UID"] for one in items] == [2, 3]
        assert "\\Draft" in items[1]["FLAGS"]
        await client.ok("UID REPLACE 3 Sent {}", b"sent")
        assert await client.ok("STATUS Sent (MESSAGES)") == [b"STATUS Sent (MESSAGES 1)"]
        assert await client.ok("STATUS INBOX (MESSAGES)") == [b"STATUS INBOX (MESSAGES 1)"]


async def test_what_cannot_be_replaced(world: ImapWorld) -> None:
    """RFC 8508 section 3.4: then nothing happens at all."""
    await world.deliver(b"x" * 60)
    async with await world.log_in("INBOX") as client:
        assert (await client.command("REPLACE 2 INBOX {}", b"y")).status == "BAD"
        assert (await client.command("UID REPLACE 7 INBOX {}", b"y")).code == "EXPUNGEISSUED"
        assert (await client.command("REPLACE 1 gone {}", b"y")).code == "TRYCREATE"
        assert (await client.command("REPLACE 1 INBOX {}", b"")).code == "CANNOT"
        await world.store.quotas.set_account(ACCOUNT, Quota(octets=100))
        reply = await client.command("REPLACE 1 INBOX {}", b"y" * 101)
        assert (reply.code, reply.untagged) == ("OVERQUOTA", [])
        await client.ok("EXAMINE INBOX")
        assert (await client.command("REPLACE 1 INBOX {}", b"y")).code == "READ-ONLY"
        await client.ok("SELECT INBOX")
        await client.ok("REPLACE * INBOX {}", b"y" * 100)  # what goes counts as free
        await client.ok("CLOSE")
        assert (await client.command("REPLACE 1 INBOX {}", b"y")).status == "BAD"


async def test_one_that_has_gone_meanwhile_is_not_replaced(world: ImapWorld) -> None:
    """RFC 8508 section 3.4, RFC 2180 section 4: the new one is not kept then."""
    await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as client, await world.log_in("INBOX") as other:
        await other.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
        await other.ok("EXPUNGE")
        assert (await client.command("REPLACE 1 INBOX {}", b"y")).code == "EXPUNGEISSUED"
        assert await client.ok("STATUS INBOX (MESSAGES)") == [b"STATUS INBOX (MESSAGES 0)"]


@pytest.mark.parametrize(("size", "code"), [(999, "APPENDUID"), (1000, "APPENDUID"), (1001, "TOOBIG")])
async def test_what_is_announced_is_what_is_taken(world: ImapWorld, size: int, code: str) -> None:
    """RFC 7889 sections 2 to 4: as a capability, in STATUS and in LIST."""
    world.settings = ImapSettings(message_octets=1000)
    world.budget = MailDataBudget(10_000)
    async with await world.log_in() as client:
        assert b"APPENDLIMIT=1000" in (await client.ok("CAPABILITY"))[0].split()
        assert await client.ok("STATUS INBOX (APPENDLIMIT)") == [b"STATUS INBOX (APPENDLIMIT 1000)"]
        listed = await client.ok('LIST "" INBOX RETURN (STATUS (APPENDLIMIT))')
        assert listed[1:] == [b"STATUS INBOX (APPENDLIMIT 1000)"]
        assert (await client.command("APPEND INBOX {}", b"x" * size)).code.split(" ")[0] == code
        assert (await client.command("APPEND INBOX {} ~{}", b"x", b"y" * size)).code.split(" ")[0] == code
