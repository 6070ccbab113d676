import pytest
from tests.support import mails
from tests.support.imap_client import ImapWorld

from pymailcore.base.budget import MailDataBudget
from pymailcore.imap.settings import ImapSettings


async def test_a_message_is_put_together(world: ImapWorld) -> None:
    r"""RFC 4469 section 3: octets of the server as they stand, and no \Seen."""
    octets = mails.picture()
    filed = await world.deliver(octets)
    async with await world.log_in("INBOX") as client:
        (parts,) = await client.fetch("FETCH 1 (BODY.PEEK[HEADER] BODY.PEEK[1] BODY.PEEK[])")
        url = f"/INBOX;UIDVALIDITY={filed.uid_validity}/;UID=1"
        await client.ok(
            f'APPEND Sent (\\Seen) CATENATE (URL "{url}/;SECTION=HEADER" TEXT {{}} URL {url}/;section=1 '
            f"URL {{}} TEXT {{}})",
            b"<mine>",
            f"{url}/;PARTIAL=2.5".encode(),
            b"<end>",
        )
        await client.ok("SELECT Sent")
        (items,) = await client.fetch("FETCH 1 (BODY[] FLAGS)")
        wanted = parts["BODY[HEADER]"] + b"<mine>" + parts["BODY[1]"] + octets[2:7] + b"<end>"
        assert items["BODY[]"] == wanted
        assert items["FLAGS"] == ["\\Seen"]
        await client.ok("SELECT INBOX")
        (items,) = await client.fetch("FETCH 1 FLAGS")
        assert "\\Seen" not in items["FLAGS"]


async def test_the_selected_mailbox_needs_no_name(world: ImapWorld) -> None:
    """RFC 4469 section 3: the base is the selected Mailbox; with several messages, and for REPLACE."""
    await world.deliver(b"abcdef")
    async with await world.log_in() as client:
        assert (await client.command('APPEND INBOX CATENATE (URL ";UID=1")')).code == "BADURL ;UID=1"
        await client.ok("SELECT INBOX")
        reply = await client.command('APPEND INBOX CATENATE (URL ";UID=1") {} CATENATE (TEXT {})', b"x", b"y")
        assert reply.code.endswith(" 2:4")
        await client.ok('UID REPLACE 2 INBOX CATENATE (TEXT {} URL ";UID=2/;PARTIAL=3")', b"new ")
        items = await client.fetch("FETCH 1:* BODY.PEEK[]")
        assert [one["BODY[]"] for one in items] == [b"abcdef", b"x", b"y", b"new def"]


@pytest.mark.parametrize(
    "url",
    [
        "/gone/;UID=1",
        "/INBOX/;UID=2",
        "/INBOX;UIDVALIDITY=1/;UID=1",
        "/INBOX/;UID=1/;SECTION=9",
        "imap://other.example/INBOX/;UID=1",
        "//other.example/INBOX/;UID=1",
        "/INBOX/;UID=0",
        "/INBOX",
        "",
        "http:x",
        "/INBOX/;UID=1/;SECTION=%0d%0aX",
    ],
)
async def test_a_url_that_names_nothing(world: ImapWorld, url: str) -> None:
    """RFC 4469 section 4.1: BADURL with the URL as it was sent; nothing is kept."""
    await world.deliver(mails.plain())
    async with await world.log_in() as client:
        reply = await client.command(f'APPEND Sent CATENATE (TEXT {{}} URL "{url}")', b"x")
        assert reply.status == "NO"
        assert reply.code == f"BADURL {url or '?'}"
        assert await client.ok("STATUS Sent (MESSAGES)") == [b"STATUS Sent (MESSAGES 0)"]


async def test_a_response_code_is_not_broken_by_a_url(world: ImapWorld) -> None:
    """RFC 4469 section 5 (`url-resp-text`)."""
    async with await world.log_in() as client:
        reply = await client.command("APPEND INBOX CATENATE (URL {})", b"a]\r\nb \\\xff")
        assert reply.tagged.startswith(b"NO [BADURL a???b???] ")


@pytest.mark.parametrize(("more", "code"), [(-1, ""), (0, ""), (1, "TOOBIG")])
async def test_what_is_put_together_has_a_limit(world: ImapWorld, more: int, code: str) -> None:
    """RFC 4469 section 4.2: at the limit less one, the limit, the limit and one; urls and texts together."""
    await world.deliver(b"x" * 600)
    world.settings = ImapSettings(message_octets=1000)
    world.budget = MailDataBudget(10_000)
    async with await world.log_in() as client:
        line = 'APPEND Sent CATENATE (URL "/INBOX/;UID=1" TEXT {})'
        reply = await client.command(line, b"y" * (400 + more))
        assert reply.code.split(" ")[0] == (code or "APPENDUID")


async def test_octets_of_the_server_are_charged_too(world: ImapWorld) -> None:
    """I1: what a few octets of a client can make the server hold is bounded for all connections together."""
    budget = MailDataBudget(1000)
    await world.deliver(b"x" * 600)
    world.budget = budget
    async with await world.log_in() as client:
        one = 'URL "/INBOX/;UID=1"'
        assert (await client.command(f"APPEND Sent CATENATE ({one} {one})")).code == "UNAVAILABLE"
        assert budget.free_octets == 1000
        await client.ok(f"APPEND Sent CATENATE ({one})")
        assert budget.free_octets == 1000
