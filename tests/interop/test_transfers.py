"""Import, export and move-engine beside a running family of processes."""

import imaplib
import mailbox
import smtplib
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.support.family import PASSWORD, Family
from tests.support.postgres import cluster

from pymailcore.cli.main import cli
from pymailcore.cli.move_engine import switched

ADDRESS = "anna@example.test"


def imap(family: Family) -> imaplib.IMAP4:
    client = imaplib.IMAP4("127.0.0.1", family.ports["imap"], timeout=20)
    client.login(ADDRESS, PASSWORD)
    return client


def run(family: Family, *arguments: str | Path) -> str:
    """Run a command in this process, beside those of the server."""
    result = CliRunner().invoke(cli, ["--config", str(family.config), *map(str, arguments)])
    assert result.exit_code == 0, result.exception
    return result.stdout


def send(family: Family, subject: str) -> None:
    with smtplib.SMTP("127.0.0.1", family.ports["smtp"], timeout=30) as client:
        client.sendmail("x@elsewhere.test", [ADDRESS], f"Subject: {subject}\r\n\r\nhello\r\n")


def test_the_server_goes_on_through_an_import_and_a_move(tmp_path: Path) -> None:
    """A session sees what comes in; while a store is moved it reads, and mail is put off (RFC 5321, 451)."""
    box = mailbox.Maildir(tmp_path / "md")
    for number in range(20):
        box.add(f"Subject: old {number}\n\ntext\n".encode())
    with cluster().database() as url, Family(tmp_path / "mail", processes=1) as family:
        client = imap(family)
        client.select("INBOX")
        send(family, "before")
        assert "imported 20 messages" in run(
            family, "import", "--account", ADDRESS, "maildir", tmp_path / "md"
        )
        client.noop()
        assert client.response("EXISTS")[1][-1] == b"21"
        assert "read 21 messages there" in run(family, "move-engine", "--to", url)
        with pytest.raises(smtplib.SMTPDataError) as refused:
            send(family, "put off")
        assert refused.value.smtp_code == 451
        assert client.search(None, "ALL")[1][0].split()[-1] == b"21"
        assert client.store("1", "+FLAGS", r"(\Seen)")[0] == "NO"
        client.logout()
        family.stop()
        family.config.write_text(switched(family.config.read_text(), {"metadata": url}))
        family.start()
        send(family, "after")
        client = imap(family)
        assert client.select("INBOX")[1] == [b"22"]
        client.logout()
