import base64

import pytest
from tests.support.imap_client import PASSWORD, USER, ImapWorld

from pymailcore.base.errors import TemporaryFailure
from pymailcore.imap.capabilities import AFTER_LOGIN, ALWAYS

PLAIN = base64.b64encode(b"\0" + USER.encode() + b"\0" + PASSWORD.encode())
BEFORE = f"CAPABILITY {b' '.join(ALWAYS).decode()}"
AFTER = f"CAPABILITY {b' '.join(AFTER_LOGIN).decode()} APPENDLIMIT=52428800 COMPRESS=DEFLATE"
OFFERED = "AUTH=SCRAM-SHA-256 AUTH=OAUTHBEARER AUTH=XOAUTH2 AUTH=PLAIN AUTH=LOGIN"
LOGIN = f'LOGIN {USER} "{PASSWORD}"'


async def test_capabilities_before_and_after_login(world: ImapWorld) -> None:
    """RFC 3501 sections 6.1.1 and 7.2.1: in the greeting, on demand and with the OK of LOGIN."""
    async with await world.connect() as client:
        assert client.greeting == f"* OK [{BEFORE} {OFFERED}] pymailcore is ready".encode()
        assert await client.ok("CAPABILITY") == [f"{BEFORE} {OFFERED}".encode()]
        assert (await client.command(LOGIN)).code == AFTER
        assert await client.ok("CAPABILITY") == [AFTER.encode()]


async def test_without_tls_no_password_is_taken(world: ImapWorld) -> None:
    """RFC 3501 section 6.2.3 (LOGINDISABLED), RFC 8314 section 4.1."""
    async with await world.connect("starttls", plaintext_login=False) as client:
        assert f"{BEFORE} STARTTLS LOGINDISABLED]".encode() in client.greeting
        assert (await client.command(LOGIN)).code == "PRIVACYREQUIRED"
        assert (await client.command("AUTHENTICATE PLAIN")).code == "PRIVACYREQUIRED"
        assert world.directory.asked == []


@pytest.mark.parametrize("mechanism", ["PLAIN", "plain"])
async def test_plain_with_and_without_initial_response(world: ImapWorld, mechanism: str) -> None:
    """RFC 4959 section 3, RFC 4616 section 2."""
    async with await world.connect() as client:
        await client.ok(f"AUTHENTICATE {mechanism} {PLAIN.decode()}")
    async with await world.connect() as client:
        await client.send(b"a AUTHENTICATE PLAIN\r\n")
        assert await client.line() == b"+ "
        await client.send(PLAIN + b"\r\n")
        assert (await client.reply(b"a")).status == "OK"
    assert world.directory.asked == [("127.0.0.1", "imap")] * 2


async def test_login_mechanism(world: ImapWorld) -> None:
    """The LOGIN mechanism of old clients."""
    async with await world.connect() as client:
        await client.send(b"a AUTHENTICATE LOGIN\r\n")
        assert await client.line() == b"+ " + base64.b64encode(b"Username:")
        await client.send(base64.b64encode(USER.encode()) + b"\r\n")
        assert await client.line() == b"+ " + base64.b64encode(b"Password:")
        await client.send(base64.b64encode(PASSWORD.encode()) + b"\r\n")
        assert (await client.reply(b"a")).code == AFTER


async def test_unknown_users_and_wrong_passwords_look_the_same(world: ImapWorld) -> None:
    """RFC 5530 section 3 (AUTHENTICATIONFAILED); I8: nothing tells who exists."""
    replies = []
    for user, password in ((USER, "wrong"), ("nobody@example.test", PASSWORD)):
        async with await world.connect() as client:
            replies.append((await client.command(f'LOGIN {user} "{password}"')).tagged)
    assert replies[0] == replies[1] == b"NO [AUTHENTICATIONFAILED] Wrong name or password"


async def test_the_connection_ends_after_three_failures(world: ImapWorld) -> None:
    """Limits on guessing."""
    async with await world.connect() as client:
        for _ in range(3):
            assert (await client.command("LOGIN a b")).status == "NO"
        assert await client.line() == b"* BYE Too many failed logins"
        assert await client.at_end()


async def test_acting_for_others_is_refused(world: ImapWorld) -> None:
    """RFC 4616 section 2; it looks like a wrong password."""
    token = base64.b64encode(b"other\0" + USER.encode() + b"\0" + PASSWORD.encode()).decode()
    async with await world.connect() as client:
        assert (await client.command(f"AUTHENTICATE PLAIN {token}")).code == "AUTHENTICATIONFAILED"


@pytest.mark.parametrize("line", ["AUTHENTICATE PLAIN AAAA", "AUTHENTICATE PLAIN ="])
async def test_a_response_that_breaks_the_mechanism_is_a_failed_login(world: ImapWorld, line: str) -> None:
    """RFC 4616 section 2."""
    async with await world.connect() as client:
        assert (await client.command(line)).code == "AUTHENTICATIONFAILED"
        await client.ok(LOGIN)


async def test_a_mechanism_that_is_not_there(world: ImapWorld) -> None:
    """RFC 3501 section 6.2.2."""
    async with await world.connect() as client:
        assert (await client.command("AUTHENTICATE GSSAPI")).status == "NO"


async def test_a_directory_that_is_away_is_no_wrong_password(
    world: ImapWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 5530 section 3 (UNAVAILABLE)."""

    async def away(*_: object, **__: object) -> None:
        raise TemporaryFailure("too many")

    monkeypatch.setattr(world.directory, "authenticate", away)
    async with await world.connect() as client:
        assert (await client.command(LOGIN)).code == "UNAVAILABLE"


async def test_id_and_enable_and_logout(world: ImapWorld) -> None:
    """RFC 2971 section 3.2, RFC 5161 section 3.2, RFC 3501 section 6.1.3."""
    async with await world.log_in() as client:
        assert await client.ok('ID ("name" "probe" "version" NIL)') == [b'ID ("name" "pymailcore")']
        assert await client.ok("ENABLE X-MINE utf8=accept IMAP4rev2") == [b"ENABLED UTF8=ACCEPT IMAP4rev2"]
        assert await client.ok("LOGOUT") == [b"BYE Good bye"]
        assert await client.at_end()


async def test_fifty_aborted_exchanges_leave_nothing_behind(world: ImapWorld) -> None:
    """I9 (Dovecot CVE-2017-15132); the limit on faults is below fifty, so each has its connection."""
    port = await world.listen()
    assert port
    for _ in range(50):
        async with await world.connect() as client:
            await client.send(b"a AUTHENTICATE PLAIN\r\n*\r\n")
            assert await client.line() == b"+ "
            assert (await client.reply(b"a")).status == "BAD"
    async with await world.log_in():
        pass
