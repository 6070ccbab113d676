from tests.support import mails
from tests.support.imap_client import PASSWORD, USER, ImapWorld

from pymailcore.runtime.tls import TlsContexts


async def test_both_sides_compress(world: ImapWorld) -> None:
    """RFC 4978 section 3: from behind the answer on; everything works as before."""
    octets = mails.picture()
    async with await world.log_in("INBOX") as client:
        assert b"COMPRESS=DEFLATE" in (await client.ok("CAPABILITY"))[0].split()
        await client.ok("COMPRESS deflate")
        client.compress()
        assert b"COMPRESS=DEFLATE" not in (await client.ok("CAPABILITY"))[0].split()
        await client.ok("APPEND INBOX {}", octets)
        (items,) = await client.fetch("FETCH 1 BODY[]")
        assert items["BODY[]"] == octets
        assert (await client.command("COMPRESS DEFLATE")).status == "BAD"
        assert (await client.command("COMPRESS LZMA")).status == "BAD"
        await client.ok("LOGOUT")


async def test_tls_goes_around_what_is_compressed(world: ImapWorld, tls: TlsContexts) -> None:
    """RFC 4978 section 3: first COMPRESS, then TLS, which compresses nothing itself."""
    async with await world.connect("starttls") as client:
        await client.ok("STARTTLS")
        await client.start_tls()
        await client.ok(f'LOGIN {USER} "{PASSWORD}"')
        await client.ok("COMPRESS DEFLATE")
        client.compress()
        assert await client.ok("NOOP") == []


async def test_no_compression_before_login_nor_with_octets_behind(world: ImapWorld) -> None:
    """RFC 4978 section 5 (`command-auth`) and section 3: nobody knows what such octets are."""
    async with await world.connect() as client:
        assert (await client.command("COMPRESS DEFLATE")).status == "BAD"
        await client.ok(f'LOGIN {USER} "{PASSWORD}"')
        await client.send(b"a COMPRESS DEFLATE\r\nb NOOP\r\n")
        assert await client.line() == b"* BYE Octets after COMPRESS"
        assert await client.at_end()


async def test_what_is_not_compressed_ends_the_connection(world: ImapWorld) -> None:
    """Nothing else can be done."""
    async with await world.log_in() as client:
        await client.ok("COMPRESS DEFLATE")
        await client.send(b"a NOOP\r\n" * 20)
        await world.ended.wait()


async def test_a_bomb_is_no_more_than_its_commands(world: ImapWorld) -> None:
    """A megabyte of NOOP in a few kilobytes, and a line that never ends: TOOBIG, as without compression."""
    async with await world.log_in() as client:
        await client.ok("COMPRESS DEFLATE")
        client.compress()
        await client.send(b"x NOOP\r\n" * 10_000 + b"end NOOP\r\n")
        count = 0
        while not (await client.line()).startswith(b"end OK"):
            count += 1
        assert count == 10_000
        await client.send(b"y" * 20_000_000)
        assert (await client.line()).startswith(b"* BYE [TOOBIG]")


async def test_idle_is_flushed(world: ImapWorld) -> None:
    """RFC 4978, RFC 2177: what is told in between can be read at once."""
    async with await world.log_in("INBOX") as client:
        await client.ok("COMPRESS DEFLATE")
        client.compress()
        await client.send(b"a IDLE\r\n")
        assert (await client.line()).startswith(b"+")
        await world.deliver(mails.plain())
        assert await client.line() == b"* 1 EXISTS"
        assert (await client.line()).endswith(b"RECENT")
        await client.send(b"DONE\r\n")
        assert (await client.line()).startswith(b"a OK")


async def test_unauthenticate_forgets_who_was_there(world: ImapWorld) -> None:
    """RFC 8437 sections 3 and 4.1: nothing is selected, enabled or expunged; commands may follow at once."""
    await world.deliver(mails.plain())
    async with await world.log_in("INBOX") as client:
        await client.ok("ENABLE UTF8=ACCEPT")
        await client.ok("STORE 1 +FLAGS (\\Deleted)")
        assert b"UNAUTHENTICATE" in (await client.ok("CAPABILITY"))[0].split()
        await client.send(b'a UNAUTHENTICATE\r\nb FETCH 1 FLAGS\r\nc LOGIN x "y"\r\n')
        assert (await client.reply(b"a")).status == "OK"
        assert (await client.reply(b"b")).status == "BAD"
        assert (await client.reply(b"c")).code == "AUTHENTICATIONFAILED"
        assert b"AUTH=PLAIN" in (await client.ok("CAPABILITY"))[0].split()
        assert (await client.command("UNAUTHENTICATE")).status == "BAD"
        await client.ok(f'LOGIN {USER} "{PASSWORD}"')
        assert (await client.command("FETCH 1 FLAGS")).status == "BAD"
        assert await client.ok("STATUS INBOX (MESSAGES)") == [b"STATUS INBOX (MESSAGES 1)"]
        await client.ok("CREATE &APw-")
        assert await client.ok('LIST "" "&APw-"') == [b'LIST (\\HasNoChildren) "/" &APw-']


async def test_unauthenticate_leaves_the_place(world: ImapWorld) -> None:
    """The end of the sign-in that was left does not end the connection; failed logins count on."""
    async with await world.log_in() as client:
        for _ in range(2):
            await client.ok("UNAUTHENTICATE")
            await client.ok(f'LOGIN {USER} "{PASSWORD}"')
        await client.ok("UNAUTHENTICATE")
        assert (await client.command("LOGIN x y")).status == "NO"
        assert (await client.command("LOGIN x y")).status == "NO"
        await client.ok(f'LOGIN {USER} "{PASSWORD}"')
        await client.ok("UNAUTHENTICATE")
        assert (await client.command("LOGIN x y")).status == "NO"
        assert (await client.line()).startswith(b"* BYE")


async def test_unauthenticate_ends_compression(world: ImapWorld) -> None:
    """RFC 8437 section 4.1: the answer is still compressed, what follows is not; then it may begin again."""
    async with await world.log_in() as client:
        for _ in range(2):
            await client.ok("COMPRESS DEFLATE")
            client.compress()
            await client.ok("UNAUTHENTICATE")
            client.plain()
            await client.ok(f'LOGIN {USER} "{PASSWORD}"')


async def test_tls_stays(world: ImapWorld, tls: TlsContexts) -> None:
    """RFC 8437 section 3: all but TLS is reset, and TLS is not offered again."""
    async with await world.connect("starttls", plaintext_login=False) as client:
        await client.ok("STARTTLS")
        await client.start_tls()
        for _ in range(2):
            await client.ok(f'LOGIN {USER} "{PASSWORD}"')
            await client.ok("UNAUTHENTICATE")
            assert b"STARTTLS" not in (await client.ok("CAPABILITY"))[0].split()


async def test_where_jmap_is(world: ImapWorld) -> None:
    """RFC 9698: announced only where there is an address."""
    async with await world.log_in() as client:
        assert b"JMAPACCESS" not in (await client.ok("CAPABILITY"))[0].split()
        assert (await client.command("GETJMAPACCESS")).code == "CANNOT"
    world.jmap_url = "https://mail.example.test/.well-known/jmap"
    async with await world.connect() as client:
        assert (await client.command("GETJMAPACCESS")).status == "BAD"
        await client.ok(f'LOGIN {USER} "{PASSWORD}"')
        assert b"JMAPACCESS" in (await client.ok("CAPABILITY"))[0].split()
        assert await client.ok("GETJMAPACCESS") == [
            b'JMAPACCESS "https://mail.example.test/.well-known/jmap"'
        ]
