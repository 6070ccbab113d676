"""Mail handed to us by LMTP: by Postfix through a Unix socket, by smtplib through that and by TCP."""

import imaplib
import smtplib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import mails, postfix
from tests.support.family import PASSWORD, Family, free_port

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def doors() -> Iterator[tuple[Family, Path, int]]:
    """Our server with LMTP on a Unix socket and on a port; the path of a socket must be short."""
    with tempfile.TemporaryDirectory(prefix="lmtp-") as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o755)
        path = folder / "lmtp"
        listeners = "".join(
            f'\n[[listener]]\nprotocol = "lmtp"\nbind = "{bind}"\ntls = "none"\n'
            for bind in (f"unix:{path}", f"127.0.0.1:{port}")
        )
        with Family(folder / "family", processes=2, extra=listeners) as family:
            yield family, path, port


def arrived(family: Family, subject: str) -> bytes:
    """Wait for a mail of Anna's; give its octets."""
    deadline = time.monotonic() + 30
    client = imaplib.IMAP4("127.0.0.1", family.ports["imap"])
    client.login(family.address("anna"), PASSWORD)
    while True:
        client.select("INBOX")
        _, found = client.search(None, "SUBJECT", f'"{subject}"')
        if found[0]:
            _, fetched = client.fetch(found[0].split()[0].decode(), "(BODY.PEEK[])")
            client.logout()
            assert isinstance(fetched[0], tuple)
            return bytes(fetched[0][1])
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


@pytest.mark.parametrize("unix", [True, False], ids=["unix", "tcp"])
def test_smtplib_hands_over(unix: bool, doors: tuple[Family, Path, int]) -> None:
    """RFC 2033 section 4.2; one recipient is here and one is not."""
    family, path, port = doors
    subject = f"Handed over {'inside' if unix else 'by net'}"
    client = smtplib.LMTP(str(path)) if unix else smtplib.LMTP("127.0.0.1", port)
    with client:
        assert client.ehlo()[0] == 250
        assert {"pipelining", "size", "chunking", "dsn", "8bitmime"} <= set(client.esmtp_features)
        refused = client.sendmail(
            "carla@remote.test", [family.address("anna"), family.address("nobody")], mails.plain(subject)
        )
    assert refused == {family.address("nobody"): (550, b"5.1.1 No such recipient here")}
    octets = arrived(family, subject)
    assert b" with LMTP id " in octets
    assert mails.plain(subject) in octets


@pytest.mark.needs_root
def test_postfix_hands_over(doors: tuple[Family, Path, int], tmp_path: Path) -> None:
    """RFC 2033, with Postfix's lmtp(8) through the Unix socket."""
    family, path, _port = doors
    with postfix.running(tmp_path / "postfix", domain="postfix.test", lmtp=path) as (port, _box):
        with smtplib.SMTP("127.0.0.1", port) as client:
            client.sendmail("carla@remote.test", [family.address("anna")], mails.plain("From Postfix"))
        octets = arrived(family, "From Postfix")
    assert b" with LMTP id " in octets
    assert octets.startswith(b"Return-Path: <carla@remote.test>\r\n")
