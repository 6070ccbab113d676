"""The server that other people's tests embed, used as they use it."""

import imaplib
import smtplib
import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from pymailcore.app.core import Core
from pymailcore.base.address import Address
from pymailcore.testing import MailServer

pytestmark = pytest.mark.slow

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        running.add_account("anna", PASSWORD)
        yield running


def mail(subject: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "ben@example.net"
    message["To"] = "anna@example.test"
    message["Subject"] = subject
    message.set_content("Hello.")
    return message


def test_mail_comes_in_by_smtp_and_is_read_by_imap(server: MailServer) -> None:
    with smtplib.SMTP(server.host, server.ports["smtp"]) as client:
        assert client.send_message(mail("first")) == {}
    with imaplib.IMAP4(server.host, server.ports["imap"]) as reader:
        reader.login(f"anna@{server.domain}", PASSWORD)
        reader.select("INBOX", readonly=True)
        kind, found = reader.fetch("1", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    assert kind == "OK"
    assert isinstance(found[0], tuple)
    assert b"Subject: first" in found[0][1]


def test_its_certificate_can_be_trusted(server: MailServer) -> None:
    context = ssl.create_default_context(cadata=server.certificate.decode())
    with smtplib.SMTP_SSL("localhost", server.ports["submissions"], context=context) as client:
        client.login(f"anna@{server.domain}", PASSWORD)
        assert client.noop()[0] == 250
    with imaplib.IMAP4_SSL("localhost", server.ports["imaps"], ssl_context=context) as reader:
        assert reader.noop()[0] == "OK"


def test_its_own_objects_can_be_asked(server: MailServer) -> None:
    async def name(core: Core) -> str:
        return (await core.directory.accounts.get(Address("anna", "example.test"))).name

    assert server.run(name) == "anna@example.test"


def test_a_folder_is_kept_and_used_again(tmp_path: Path) -> None:
    with MailServer(tmp_path) as server:
        server.add_account("anna", PASSWORD)
    with MailServer(tmp_path) as server, imaplib.IMAP4(server.host, server.ports["imap"]) as reader:
        assert reader.login("anna@example.test", PASSWORD)[0] == "OK"


def test_what_keeps_it_from_starting_is_raised(tmp_path: Path) -> None:
    with MailServer(tmp_path), pytest.raises(Exception, match="in use by a server that runs already"):
        MailServer(tmp_path).start()
