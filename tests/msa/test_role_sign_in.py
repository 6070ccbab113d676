"""Signing in for submission: real sockets, TLS and all mechanisms."""

import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio
from tests.msa.test_role import TIM, TOKEN, FakeAccounts, FakeSubmission
from tests.support.certificates import client_pair
from tests.support.party_spy import parties_of, reaches_of
from tests.support.sasl import ScramClient, scram
from tests.support.smtp import FakeConnection

from pymailcore.base.budget import MailDataBudget
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.base.parties import Party
from pymailcore.base.reach import Reach
from pymailcore.msa.role import MsaRole
from pymailcore.runtime.certificates import load_material
from pymailcore.runtime.channel_binding import end_point_of, exported_by
from pymailcore.runtime.metrics import Metrics
from pymailcore.runtime.settings import TlsSettings
from pymailcore.runtime.tls import ClientCertificates, TlsContexts, TlsMaterial
from pymailcore.sasl.settings import KNOWN, SaslSettings
from pymailcore.smtp.server import SmtpServer
from pymailcore.smtp.settings import SmtpSettings


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> TlsMaterial:
    folder = tmp_path_factory.mktemp("tls")
    authority, _ = client_pair(folder)
    settings = TlsSettings(client_authorities=authority)
    return load_material(settings, folder, "mx.example")


@dataclass
class Client:
    """A client that speaks line by line."""

    stream: trio.SSLStream[trio.SocketStream]
    buffer: bytearray = field(default_factory=bytearray)

    async def ask(self, line: bytes) -> bytes:
        """Send a line; give the last line of the reply."""
        await self.stream.send_all(line + b"\r\n")
        return await self.read()

    async def read(self) -> bytes:
        """Read one reply; give its last line."""
        while True:
            line, found, rest = bytes(self.buffer).partition(b"\r\n")
            if found:
                self.buffer[:] = rest
                if line[3:4] != b"-":
                    return line
            else:
                octets = await self.stream.receive_some()
                assert octets, "the server has closed the connection"
                self.buffer += octets

    async def scram(self, mechanism: str, password: str, **options: object) -> bytes:
        """Log in as Tim."""
        client = ScramClient(mechanism, TIM, password, **options)  # type: ignore[arg-type] # as given
        return await scram(self.ask, client, b"AUTH " + mechanism.encode(), b"334 ")


@asynccontextmanager
async def connected(
    material: TlsMaterial,
    accounts: FakeAccounts,
    *,
    sasl: SaslSettings = SaslSettings(),  # noqa: B008 - it is frozen
    client_certificates: ClientCertificates = "no",
    pair: Path | None = None,
    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
) -> AsyncIterator[tuple[Client, str]]:
    """A client that has said EHLO inside TLS, and what AUTH offers."""
    server = SmtpServer(
        role=MsaRole(FakeSubmission(), accounts, SmtpSettings(), metrics=Metrics()),
        settings=SmtpSettings(),
        hostname="mx.example",
        budget=MailDataBudget(10_000_000),
        metrics=Metrics(),
        tls="implicit",
        contexts=TlsContexts(material).for_logins(client_certificates),
        sasl=sasl,
    )

    async def serve(stream: trio.SocketStream) -> None:
        await server.serve_connection(FakeConnection(stream))

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.maximum_version = version
        if pair is not None:
            context.load_cert_chain(pair)
        plain = await trio.open_tcp_stream(*listener.socket.getsockname())
        stream = trio.SSLStream(plain, context, server_hostname="mx.example", https_compatible=True)
        async with plain:
            with trio.fail_after(20):
                client = Client(stream)
                await client.read()
                await stream.send_all(b"EHLO client.example\r\n")
                while b"\n250 " not in client.buffer:
                    client.buffer += await stream.receive_some()
                offered = bytes(client.buffer).partition(b"AUTH ")[2].partition(b"\r\n")[0].decode()
                client.buffer.clear()
                yield client, offered
        nursery.cancel_scope.cancel()


async def test_scram_logs_in_and_names_the_mechanism(material: TlsMaterial) -> None:
    """RFC 5802 section 5, RFC 4954 section 4."""
    accounts = FakeAccounts()
    async with connected(material, accounts) as (client, offered):
        assert offered == "SCRAM-SHA-256-PLUS SCRAM-SHA-256 OAUTHBEARER XOAUTH2 PLAIN LOGIN"
        assert (await client.scram("SCRAM-SHA-256", "tanstaaf")).startswith(b"235 2.7.0 ")
        assert (await client.ask(b"MAIL FROM:<tim@host.example>")).startswith(b"250 ")
    assert accounts.mechanisms == ["SCRAM-SHA-256"]


async def test_a_wrong_password_is_told_twice(material: TlsMaterial) -> None:
    """RFC 5802 section 7: `e=`, then the reply; the client may cancel."""
    async with connected(material, FakeAccounts()) as (client, _):
        assert (await client.scram("SCRAM-SHA-256", "wrong")).startswith(b"535 5.7.8 ")
        assert (await client.ask(b"MAIL FROM:<tim@host.example>")).startswith(b"530 ")
        assert (await client.scram("SCRAM-SHA-256", "tanstaaf")).startswith(b"235 ")


@pytest.mark.parametrize("kind", ["tls-exporter", "tls-server-end-point"])
@pytest.mark.parametrize("same", [True, False])
async def test_plus_binds_the_login_to_the_connection(material: TlsMaterial, kind: str, same: bool) -> None:
    """RFC 5802 section 6, RFC 9266 section 2, RFC 5929 section 4; somebody between has other data."""
    async with connected(material, FakeAccounts()) as (client, _):
        data = exported_by(client.stream) if kind == "tls-exporter" else end_point_of(material.certificate)
        assert data is not None
        data = data if same else bytes(len(data))
        answer = await client.scram("SCRAM-SHA-256-PLUS", "tanstaaf", flag=f"p={kind}", binding=data)
        assert answer.startswith(b"235 " if same else b"535 ")


async def test_a_removed_plus_is_noticed(material: TlsMaterial) -> None:
    """RFC 5802 section 6."""
    async with connected(material, FakeAccounts()) as (client, _):
        assert (await client.scram("SCRAM-SHA-256", "tanstaaf", flag="y")).startswith(b"535 ")


async def test_tls_1_2_is_bound_by_the_certificate_only(material: TlsMaterial) -> None:
    """RFC 9266 section 4.2: tls-exporter wants more of TLS 1.2 than Python can tell."""
    version = ssl.TLSVersion.TLSv1_2
    async with connected(material, FakeAccounts(), version=version) as (client, offered):
        assert "SCRAM-SHA-256-PLUS" in offered
        answer = await client.scram("SCRAM-SHA-256-PLUS", "tanstaaf", flag="p=tls-exporter", binding=b"x")
        assert answer.startswith(b"535 ")
        data = end_point_of(material.certificate) or b""
        flag = "p=tls-server-end-point"
        answer = await client.scram("SCRAM-SHA-256-PLUS", "tanstaaf", flag=flag, binding=data)
        assert answer.startswith(b"235 ")


async def test_the_operator_says_what_is_offered(material: TlsMaterial) -> None:
    """RFC 4954 section 3."""
    settings = SaslSettings(mechanisms=("LOGIN", "SCRAM-SHA-1"))
    async with connected(material, FakeAccounts(), sasl=settings) as (client, offered):
        assert offered == "SCRAM-SHA-1 LOGIN"
        assert (await client.ask(b"AUTH PLAIN AAAA")).startswith(b"504 ")
        assert (await client.scram("SCRAM-SHA-1", "tanstaaf")).startswith(b"235 ")


@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2"])
async def test_a_token_logs_in_and_a_wrong_one_is_explained(material: TlsMaterial, mechanism: str) -> None:
    """RFC 7628 sections 3.2.2, 3.2.3 and 4.3: an error, a response without meaning, the refusal."""
    form = (
        "n,a={},\x01auth=Bearer {}\x01\x01"
        if mechanism == "OAUTHBEARER"
        else "user={}\x01auth=Bearer {}\x01\x01"
    )
    dummy = b"AQ==" if mechanism == "OAUTHBEARER" else b""

    def line(token: str) -> bytes:
        response = base64.b64encode(form.format(TIM, token).encode())
        return b"AUTH " + mechanism.encode() + b" " + response

    async with connected(material, FakeAccounts()) as (client, _):
        challenge = await client.ask(line("wrong"))
        assert b'"status"' in base64.b64decode(challenge.removeprefix(b"334 "))
        assert (await client.ask(dummy)).startswith(b"535 ")
        assert (await client.ask(line(TOKEN))).startswith(b"235 ")


@pytest.mark.parametrize("known", [True, False])
async def test_a_certificate_logs_in(material: TlsMaterial, tmp_path: Path, known: bool) -> None:
    """RFC 4422 appendix A."""
    authority, pair = client_pair(tmp_path)
    material = material._replace(client_authorities=authority.read_bytes())
    der = ssl.PEM_cert_to_DER_cert(pair.read_text().partition("-----BEGIN PRIVATE")[0])
    accounts = FakeAccounts(certificate=der if known else b"another")
    async with connected(material, accounts, client_certificates="optional", pair=pair) as (client, offered):
        assert offered.startswith("EXTERNAL ")
        assert (await client.ask(b"AUTH EXTERNAL =")).startswith(b"235 " if known else b"535 ")
    assert accounts.mechanisms == ["EXTERNAL"]


async def test_external_is_for_those_with_a_certificate(material: TlsMaterial) -> None:
    """RFC 4422 appendix A: offered when it can be used."""
    settings = SaslSettings(mechanisms=KNOWN)
    async with connected(material, FakeAccounts(), sasl=settings, client_certificates="optional") as (
        client,
        offered,
    ):
        assert "EXTERNAL" not in offered
        assert (await client.ask(b"AUTH EXTERNAL =")).startswith(b"504 ")


async def test_a_certificate_of_somebody_unknown_ends_the_handshake(
    material: TlsMaterial, tmp_path: Path
) -> None:
    """RFC 8446 section 4.4.2.4."""
    _, pair = client_pair(tmp_path)
    with pytest.raises((trio.BrokenResourceError, BaseExceptionGroup)):
        async with connected(material, FakeAccounts(), client_certificates="optional", pair=pair):
            pass


async def test_a_secret_for_reading_cannot_send(material: TlsMaterial) -> None:
    async with connected(material, FakeAccounts()) as (client, _):
        assert (await client.scram("SCRAM-SHA-256", "only for reading")).startswith(b"535 ")
        assert (await client.ask(b"MAIL FROM:<tim@host.example>")).startswith(b"530 ")


async def test_limits_come_before_the_exchange(material: TlsMaterial) -> None:
    """RFC 4954 section 6: 454 4.7.0."""
    async with connected(material, FakeAccounts(throttled=True)) as (client, _):
        assert (await client.scram("SCRAM-SHA-256", "tanstaaf")).startswith(b"454 4.7.0 ")


async def test_a_connection_works_for_who_has_signed_in(
    material: TlsMaterial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T6: what it waits for is in the turn of the account, and of its tenant."""
    accounts = FakeAccounts()
    seen = parties_of(monkeypatch, accounts, "send_standing")
    reaches = reaches_of(monkeypatch, accounts, "send_standing")
    async with connected(material, accounts) as (client, _):
        assert (await client.scram("SCRAM-SHA-256", "tanstaaf")).startswith(b"235 2.7.0 ")
        assert (await client.ask(b"MAIL FROM:<tim@host.example>")).startswith(b"250 ")
    assert seen == [Party(DEFAULT_TENANT, 1)]
    assert reaches == [Reach(DEFAULT_TENANT, 1)]
