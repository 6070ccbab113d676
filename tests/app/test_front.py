"""Every listener of the front worker, and what a reload changes."""

import base64
import dataclasses
import http.client
import imaplib
import json
import smtplib
import ssl
from collections.abc import Iterator

import pytest
import trio
from tests.support.dns_zone import serving

from pymailcore.app.core import Core
from pymailcore.app.front import FrontApp
from pymailcore.config.plugins import PluginTable
from pymailcore.runtime.logs import get_logger
from pymailcore.runtime.serve import Connection
from pymailcore.smtp.hooks import Client, Refuse, hook
from pymailcore.smtp.hooks.plugins import Plugin, Plugins
from pymailcore.smtp.hooks.settings import PluginSettings
from pymailcore.testing import MailServer

pytestmark = pytest.mark.slow

PASSWORD = "correct horse battery"
ANNA = "anna@example.test"


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        running.add_account(ANNA, PASSWORD)
        yield running


def trusting(server: MailServer) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=server.certificate.decode())


@pytest.mark.parametrize("name", ["smtp", "submission"])
def test_smtp_and_submission_with_starttls(server: MailServer, name: str) -> None:
    """RFC 3207 section 4."""
    with smtplib.SMTP("localhost", server.ports[name]) as client:
        client.starttls(context=trusting(server))
        client.ehlo()
        assert ("auth" in client.esmtp_features) is (name == "submission")


def test_submission_with_implicit_tls(server: MailServer) -> None:
    """RFC 8314 section 3.3."""
    with smtplib.SMTP_SSL("localhost", server.ports["submissions"], context=trusting(server)) as client:
        client.login(ANNA, PASSWORD)
        client.sendmail(ANNA, [ANNA], f"From: {ANNA}\r\nSubject: own\r\n\r\nx\r\n")


def test_imap_with_starttls_and_implicit_tls(server: MailServer) -> None:
    """RFC 9051 section 6.2.1; RFC 8314 section 3.2."""
    with imaplib.IMAP4("localhost", server.ports["imap"]) as client:
        client.starttls(trusting(server))
        assert client.login(ANNA, PASSWORD)[0] == "OK"
    with imaplib.IMAP4_SSL("localhost", server.ports["imaps"], ssl_context=trusting(server)) as client:
        assert client.login(ANNA, PASSWORD)[0] == "OK"


def jmap_session(connection: http.client.HTTPConnection) -> dict[str, object]:
    token = base64.b64encode(f"{ANNA}:{PASSWORD}".encode()).decode()
    connection.request("GET", "/.well-known/jmap", headers={"Authorization": f"Basic {token}"})
    answer = connection.getresponse()
    assert answer.status == 200
    session: dict[str, object] = json.loads(answer.read())
    connection.close()
    return session


def test_http_in_clear_and_in_tls(server: MailServer) -> None:
    """RFC 8620 section 2."""
    plain = http.client.HTTPConnection("localhost", server.ports["http"])
    encrypted = http.client.HTTPSConnection("localhost", server.ports["https"], context=trusting(server))
    for connection in (plain, encrypted):
        assert jmap_session(connection)["username"] == ANNA


def test_a_reload_changes_what_begins_afterwards() -> None:
    with MailServer() as server, smtplib.SMTP(server.host, server.ports["smtp"]) as before:
        before.ehlo()

        async def reload(core: Core) -> None:
            smtp = dataclasses.replace(core.configuration.smtp, max_message_octets=12_345)
            configuration = dataclasses.replace(core.configuration, smtp=smtp)
            assert server._single is not None
            for app in server._single._apps:
                app.reload(configuration)

        server.run(reload)
        before.ehlo()
        assert before.esmtp_features["size"] != "12345", "what is open keeps what it has"
        with smtplib.SMTP(server.host, server.ports["smtp"]) as after:
            after.ehlo()
            assert after.esmtp_features["size"] == "12345"


def test_a_core_that_is_given_is_the_one_that_is_used(server: MailServer) -> None:
    assert server._single is not None
    assert isinstance(server._single._apps[0], FrontApp)
    assert server._single._apps[0]._core is server._single.core


def test_a_reload_with_a_plug_in_that_is_not_there_keeps_the_old_ones() -> None:
    """All else of the new configuration is in force."""
    with MailServer() as server:

        async def reload(core: Core) -> None:
            assert server._single is not None
            front = server._single._apps[0]
            assert isinstance(front, FrontApp)
            before = front._plugins
            assert [plugin.name for plugin in before.plugins] == ["ratelimit", "greylist"]
            odd = PluginTable(name="odd", common=PluginSettings())
            smtp = dataclasses.replace(core.configuration.smtp, max_message_octets=12_345)
            front.reload(dataclasses.replace(core.configuration, smtp=smtp, plugins=(odd,)))
            assert front._plugins is before
            front.reload(dataclasses.replace(core.configuration, plugins=()))
            assert front._plugins.plugins == ()

        server.run(reload)
        with smtplib.SMTP(server.host, server.ports["smtp"]) as after:
            after.ehlo()
            assert after.esmtp_features["size"] == "12345"


def test_a_plug_in_is_told_who_has_logged_in_and_may_refuse() -> None:
    """The real role has taken the login; it knows nobody afterwards."""
    asked: list[tuple[str, bool]] = []

    class Guard:
        @hook
        async def auth(self, client: Client) -> Refuse:
            asked.append((client.login, client.account > 0))
            return Refuse("Not from there", "5.7.8")

    with MailServer() as server:
        server.add_account(ANNA, PASSWORD)

        async def guard(core: Core) -> None:
            assert server._single is not None
            front = server._single._apps[0]
            assert isinstance(front, FrontApp)
            plugin = Plugin(name="guard", implementation=Guard(), listeners=frozenset({"submission"}))
            front._plugins = Plugins([plugin], core.metrics)
            front._make_handlers(core)

        server.run(guard)
        with smtplib.SMTP_SSL("localhost", server.ports["submissions"], context=trusting(server)) as client:
            with pytest.raises(smtplib.SMTPAuthenticationError, match="Not from there"):
                client.login(ANNA, PASSWORD)
            assert client.mail(ANNA)[0] == 530
    assert set(asked) == {(ANNA, True)}


async def speak(front: FrontApp) -> None:
    """Bring a message to the first listener, from 192.0.2.1."""
    ours, theirs = [trio.SocketStream(one) for one in trio.socket.socketpair()]
    connection = Connection(ours, "192.0.2.1", 4711, "127.0.0.1", 25, "c1", get_logger())
    mail = "From: <a@sender.test>\r\nReceived-SPF: fail (forged)\r\n\r\nx\r\n.\r\nQUIT\r\n"
    said = b""
    async with ours, theirs, trio.open_nursery() as nursery:
        nursery.start_soon(front._handle, 0, connection)
        for code, text in (
            (b"220", f"EHLO c.test\r\nMAIL FROM:<a@sender.test>\r\nRCPT TO:<{ANNA}>\r\nDATA\r\n"),
            (b"354", mail),
            (b"221", ""),
        ):
            while b"\n" + code not in b"\n" + said:
                said += await theirs.receive_some()
            await theirs.send_all(text.encode())
        nursery.cancel_scope.cancel()
    assert b"\r\n250 2.0.0" in said


async def test_what_the_dns_says_of_a_sender_is_asked_and_written_down() -> None:
    """RFC 7208 section 9.1; what the peer itself has put into the message stands below our Received."""
    zone = {
        ("sender.test", "TXT"): ['"v=spf1 ip4:192.0.2.0/24 -all"'],
        ("1.2.0.192.in-addr.arpa", "PTR"): ["c.test."],
        ("c.test", "A"): ["192.0.2.1"],
    }
    async with serving(zone) as dns:
        settings = f'[dns]\nnameservers = ["127.0.0.1"]\nport = {dns.port}\n[smtp]\nspf_note_seconds = 30\n'

        def bring() -> str:
            with MailServer(settings=settings) as server:
                server.add_account(ANNA, PASSWORD)
                assert server._single is not None
                front = server._single._apps[0]
                assert isinstance(front, FrontApp)
                server.run(lambda _core: speak(front))
                with imaplib.IMAP4_SSL(
                    "localhost", server.ports["imaps"], ssl_context=trusting(server)
                ) as reader:
                    reader.login(ANNA, PASSWORD)
                    reader.select()
                    found = reader.fetch("1", "BODY[HEADER]")[1][0]
            assert isinstance(found, tuple)
            return found[1].decode()

        header = await trio.to_thread.run_sync(bring)
    fields = [header.index(text) for text in ("Received-SPF: pass", "\r\nReceived: ", "Received-SPF: fail")]
    assert fields == sorted(fields)
    assert dns.asked["sender.test", "TXT"] == 1
