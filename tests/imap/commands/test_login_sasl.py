"""AUTHENTICATE with all mechanisms, and what a secret for reading is good for."""

import base64
import ssl
from pathlib import Path

import pytest
import trio
from tests.support.certificates import client_pair
from tests.support.imap_client import (
    PASSWORD,
    READ_ONLY_PASSWORD,
    TOKEN,
    USER,
    ImapClient,
    ImapWorld,
    unverified_tls,
)
from tests.support.sasl import ScramClient, scram

from pymailcore.imap.dispatch import HANDLERS, READING
from pymailcore.imap.protocol import commands as c
from pymailcore.imap.settings import ImapSettings
from pymailcore.runtime.channel_binding import exported_by
from pymailcore.runtime.tls import TlsContexts, TlsMaterial
from pymailcore.sasl.settings import SaslSettings


async def ask(client: ImapClient, line: bytes) -> bytes:
    """Send a line; give the next response that is tagged or a challenge."""
    await client.send(line + b"\r\n")
    while (response := await client.line()).startswith(b"* "):
        pass
    return response


async def log_in(
    client: ImapClient,
    password: str,
    mechanism: str = "SCRAM-SHA-256",
    *,
    flag: str = "n",
    binding: bytes = b"",
) -> bytes:
    machine = ScramClient(mechanism, USER, password, flag=flag, binding=binding)
    begin = b"a AUTHENTICATE " + mechanism.encode()
    return await scram(lambda line: ask(client, line), machine, begin, b"+ ")


async def over_tls(world: ImapWorld, context: ssl.SSLContext | None = None) -> ImapClient:
    """Connect with TLS from the first octet."""
    plain = await trio.open_tcp_stream("127.0.0.1", await world.listen("implicit", plaintext_login=False))
    stream = trio.SSLStream(plain, context or unverified_tls(), server_hostname="x", https_compatible=True)
    client = ImapClient(stream)
    client.greeting = await client.line()
    return client


async def test_scram_logs_in(world: ImapWorld) -> None:
    """RFC 5802 section 5, RFC 4959 section 3."""
    async with await world.connect() as client:
        assert (await log_in(client, PASSWORD)).startswith(b"a OK [CAPABILITY IMAP4rev1 ")
        await client.ok("SELECT INBOX")
    assert world.directory.mechanisms == ["SCRAM-SHA-256"]


async def test_a_wrong_password_is_told_twice(world: ImapWorld) -> None:
    """RFC 5802 section 7: `e=`; after it a cancelled exchange is a failed login and no fault."""
    async with await world.connect() as client:
        assert await log_in(client, "wrong") == b"a NO [AUTHENTICATIONFAILED] Wrong name or password"
        assert (await client.command("SELECT INBOX")).status == "BAD"
        assert (await log_in(client, PASSWORD)).startswith(b"a OK")


async def test_the_third_failure_ends_the_connection(world: ImapWorld) -> None:
    world.settings = ImapSettings(failed_logins=2)
    async with await world.connect() as client:
        await log_in(client, "wrong")
        assert await log_in(client, "wrong") == b"a NO [AUTHENTICATIONFAILED] Wrong name or password"
        assert await client.line() == b"* BYE Too many failed logins"
        assert await client.at_end()


@pytest.mark.parametrize("line", [b"*", b"AAAA"])
async def test_a_client_that_does_not_trust_us_is_not_logged_in(world: ImapWorld, line: bytes) -> None:
    """RFC 5802 section 5: the client checks the server's proof."""
    async with await world.connect() as client:
        machine = ScramClient("SCRAM-SHA-256", USER, PASSWORD)
        first = base64.b64encode(machine.first())
        challenge = await ask(client, b"a AUTHENTICATE SCRAM-SHA-256 " + first)
        final = machine.final(base64.b64decode(challenge[2:]))
        proof = await ask(client, base64.b64encode(final))
        assert machine.trusts(base64.b64decode(proof[2:]))
        assert not (await ask(client, line)).startswith(b"a OK")
        assert (await client.command("SELECT INBOX")).status == "BAD"


async def test_plus_binds_the_login_to_the_connection(world: ImapWorld) -> None:
    """RFC 5802 section 6, RFC 9266 section 2."""
    async with await over_tls(world) as client:
        assert b" AUTH=SCRAM-SHA-256-PLUS AUTH=SCRAM-SHA-256 " in client.greeting
        assert isinstance(client.stream, trio.SSLStream)
        data = exported_by(client.stream)
        assert data is not None
        for binding, expected in ((bytes(32), b"a NO"), (data, b"a OK")):
            answer = await log_in(
                client, PASSWORD, "SCRAM-SHA-256-PLUS", flag="p=tls-exporter", binding=binding
            )
            assert answer.startswith(expected)


async def test_plus_works_after_starttls(world: ImapWorld) -> None:
    """RFC 3501 section 6.2.1: what is offered is asked for anew."""
    async with await world.connect("starttls", plaintext_login=False) as client:
        assert b"AUTH=" not in client.greeting
        await client.ok("STARTTLS")
        await client.start_tls()
        assert b" AUTH=SCRAM-SHA-256-PLUS " in (await client.ok("CAPABILITY"))[0]
        assert (await log_in(client, PASSWORD, flag="y")).startswith(b"a NO")
        assert (await log_in(client, PASSWORD)).startswith(b"a OK")


@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2"])
async def test_a_token_logs_in_and_a_wrong_one_is_explained(world: ImapWorld, mechanism: str) -> None:
    """RFC 7628 sections 3.2.2, 3.2.3 and 4.3."""
    form = "n,a={},\x01auth=Bearer {}\x01\x01" if mechanism[0] == "O" else "user={}\x01auth=Bearer {}\x01\x01"
    begin = f"a AUTHENTICATE {mechanism} ".encode()
    async with await world.connect() as client:
        challenge = await ask(client, begin + base64.b64encode(form.format(USER, "wrong").encode()))
        assert b'"status"' in base64.b64decode(challenge[2:])
        assert (await ask(client, b"AQ==")).startswith(b"a NO [AUTHENTICATIONFAILED]")
        assert (await ask(client, begin + base64.b64encode(form.format(USER, TOKEN).encode()))).startswith(
            b"a OK"
        )


async def test_a_certificate_logs_in(world: ImapWorld, tls: TlsContexts, tmp_path: Path) -> None:
    """RFC 4422 appendix A; without a certificate EXTERNAL is not offered."""
    authority, pair = client_pair(tmp_path)
    material: TlsMaterial = tls._material
    world.tls = TlsContexts(material._replace(client_authorities=authority.read_bytes()))
    world.client_certificates = "optional"
    der = ssl.PEM_cert_to_DER_cert(pair.read_text().partition("-----BEGIN PRIVATE")[0])
    world.directory.certificate = der
    context = unverified_tls()
    context.load_cert_chain(pair)
    async with await over_tls(world, context) as client:
        assert b" AUTH=EXTERNAL " in client.greeting
        assert (await ask(client, b"a AUTHENTICATE EXTERNAL =")).startswith(b"a OK")
    async with await over_tls(world) as client:
        assert b"EXTERNAL" not in client.greeting
        assert (await ask(client, b"a AUTHENTICATE EXTERNAL =")).startswith(b"a NO")


async def test_without_plain_and_login_no_password_is_taken_in_clear(world: ImapWorld) -> None:
    """RFC 3501 section 6.2.3: LOGINDISABLED."""
    world.sasl = SaslSettings(mechanisms=("SCRAM-SHA-256",))
    async with await world.connect() as client:
        assert b"ENABLE AUTH=SCRAM-SHA-256 LOGINDISABLED]" in client.greeting
        assert (await client.command(f'LOGIN {USER} "{PASSWORD}"')).code == "PRIVACYREQUIRED"
        assert (await client.command("AUTHENTICATE PLAIN AAAA")).code == "CANNOT"
        assert (await log_in(client, PASSWORD)).startswith(b"a OK")


async def test_limits_come_before_the_exchange(world: ImapWorld) -> None:
    """RFC 5530 section 3 (UNAVAILABLE)."""
    world.directory.throttled = True
    async with await world.connect() as client:
        assert (await log_in(client, PASSWORD)).startswith(b"a NO [UNAVAILABLE]")


async def test_a_secret_for_reading_reads_and_changes_nothing(world: ImapWorld) -> None:
    """RFC 3501 section 6.3.1 (READ-ONLY), RFC 5530 section 3 (NOPERM)."""
    await world.deliver(b"Subject: x\r\n\r\ntext\r\n")
    async with await world.connect() as client:
        assert (await log_in(client, READ_ONLY_PASSWORD)).startswith(b"a OK")
        assert (await client.command("SELECT INBOX")).code == "READ-ONLY"
        assert b"text" in (await client.ok("FETCH 1 BODY[]"))[0]
        assert await client.ok("FETCH 1 FLAGS") == [b"1 FETCH (FLAGS ())"]
        for line in (
            "STORE 1 +FLAGS (\\Seen)",
            "COPY 1 Drafts",
            "MOVE 1 Drafts",
            "EXPUNGE",
            "CREATE new",
            "DELETE Drafts",
            "RENAME Drafts other",
            "SUBSCRIBE Drafts",
            "APPEND INBOX {3+}\r\nx\r\n",
        ):
            assert (await client.command(line)).code == "NOPERM", line
        await client.ok("CLOSE")


def test_every_command_is_for_reading_or_is_not() -> None:
    """A new command is refused to secrets for reading until somebody has thought about it."""
    changing = {
        c.Append,
        c.Copy,
        c.Create,
        c.Delete,
        c.Expunge,
        c.Rename,
        c.Replace,
        c.SetMetadata,
        c.StoreFlags,
        c.Subscribe,
    }
    assert set(HANDLERS) | {c.Idle} == READING | changing
