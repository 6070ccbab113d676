"""Programs that nobody here wrote: smtplib, imaplib, curl and mbsync against a running family."""

import imaplib
import re
import smtplib
import subprocess
import threading
import time
from pathlib import Path

import pytest
from tests.support import mails
from tests.support.family import PASSWORD, Family, unverified_tls
from tests.support.mbsync import mbsync_settings

pytestmark = pytest.mark.slow


def deliver(family: Family, octets: bytes, *recipients: str) -> None:
    with smtplib.SMTP("127.0.0.1", family.ports["smtp"], "client.remote.test") as client:
        client.sendmail(
            "carla@remote.test", [family.address(name) for name in recipients], octets, ["BODY=8BITMIME"]
        )


def imap(family: Family, name: str) -> imaplib.IMAP4_SSL:
    client = imaplib.IMAP4_SSL("127.0.0.1", family.ports["imaps"], ssl_context=unverified_tls())
    client.login(family.address(name), PASSWORD)
    return client


def newest(client: imaplib.IMAP4_SSL, mailbox: str = "INBOX") -> bytes:
    _, (count,) = client.select(mailbox)
    assert count
    _, data = client.fetch(count.decode(), "(BODY.PEEK[])")
    part = data[0]
    assert isinstance(part, tuple)
    return part[1]


def trace_of(stored: bytes, sent: bytes) -> bytes:
    """What the server prepended; fails unless the rest is byte for byte what was sent."""
    assert stored.endswith(sent)
    return stored[: len(stored) - len(sent)]


@pytest.mark.parametrize(
    ("make", "recipients"),
    [(mails.plain, ["anna"]), (mails.picture, ["anna", "ben"]), (mails.attachment, ["anna", "ben"])],
)
def test_a_real_message_comes_out_as_it_went_in(family: Family, make: object, recipients: list[str]) -> None:
    """RFC 5321 section 4.4: trace fields are put before the message, nothing else changes."""
    assert callable(make)
    sent = make()
    deliver(family, sent, *recipients)
    for name in recipients:
        client = imap(family, name)
        trace = trace_of(newest(client), sent)
        client.logout()
        only = f"Delivered-To: {family.address(name)}\r\n" if len(recipients) == 1 else ""
        assert trace.startswith(f"Return-Path: <carla@remote.test>\r\n{only}Received: ".encode())
        assert trace.endswith(b"\r\n")


def test_no_authentication_before_tls(family: Family) -> None:
    """RFC 8314 section 3.3: AUTH is neither offered nor taken in the clear."""
    with smtplib.SMTP("127.0.0.1", family.ports["submission"], "client.test") as client:
        client.ehlo()
        assert not client.has_extn("auth")
        assert client.docmd("AUTH", "PLAIN AGFubmEAcGFzcw==")[0] in {503, 530, 538}
        client.starttls(context=unverified_tls())
        client.ehlo()
        assert client.has_extn("auth")


def test_curl_reads_a_mailbox(family: Family) -> None:
    """Curl imaps:// lists, searches and fetches."""
    deliver(family, mails.plain("For curl"), "anna")
    base = f"imaps://127.0.0.1:{family.ports['imaps']}/"
    login = ["--insecure", "--silent", "--show-error", "--user", f"{family.address('anna')}:{PASSWORD}"]

    def curl(*arguments: str) -> str:
        done = subprocess.run(["curl", *login, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "INBOX" in curl(base)
    found = curl(base + "INBOX?SUBJECT%20%22For%20curl%22")
    number = found.split()[-1]
    assert "Subject: For curl" in curl(f"{base}INBOX;MAILINDEX={number}")


def without_tuid(octets: bytes) -> bytes:
    """A message without the field that mbsync adds to what it carries, and with LF line ends."""
    return re.sub(rb"X-TUID: .*\n", b"", octets.replace(b"\r\n", b"\n"))


def test_mbsync_mirrors_an_account(family: Family, tmp_path: Path) -> None:
    """Isync pulls every Mailbox, byte for byte, and pushes what is new and what was seen."""
    sent = mails.plain("For mbsync")
    deliver(family, sent, "ben")
    (tmp_path / "mail").mkdir()
    settings = tmp_path / "mbsyncrc"
    tls = f"SSLType IMAPS\nCertificateFile {family.folder / 'cert.pem'}"
    told = mbsync_settings(family.ports["imaps"], family.address("ben"), PASSWORD, tmp_path / "mail", tls)
    settings.write_text(told, "utf-8")
    certificate = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{family.ports['imaps']}"],
        input=b"",
        capture_output=True,
        check=False,
    ).stdout
    begin, end = certificate.index(b"-----BEGIN"), certificate.index(b"-----END CERTIFICATE-----\n") + 26
    (family.folder / "cert.pem").write_bytes(certificate[begin:end])

    def mbsync() -> None:
        done = subprocess.run(
            ["mbsync", "-c", str(settings), "-a"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    mbsync()
    inbox = [without_tuid(path.read_bytes()) for path in (tmp_path / "mail" / "Inbox").glob("[nc]*/*")]
    assert any(octets.endswith(sent.replace(b"\r\n", b"\n")) for octets in inbox)
    assert {"Sent", "Drafts", "Trash", "Junk", "Archive"} <= {
        path.name for path in (tmp_path / "mail").iterdir()
    }
    note = mails.plain("Pushed by mbsync").replace(b"\r\n", b"\n")
    (tmp_path / "mail" / "Archive" / "new" / "1.note").write_bytes(note)
    mbsync()
    client = imap(family, "ben")
    assert without_tuid(newest(client, "Archive")) == note
    client.logout()


def test_imaplib_works_a_mailbox(family: Family) -> None:
    """RFC 3501 section 6: LIST, SELECT, FETCH, STORE, APPEND, COPY, SEARCH, EXPUNGE."""
    client = imap(family, "anna")
    assert client.create("Work")[0] == "OK"
    assert any(b"Work" in line for line in client.list()[1] if isinstance(line, bytes))
    first = mails.picture("Für Anna")
    kind, data = client.append("Work", r"(\Seen)", "", first)
    assert kind == "OK", data
    assert b"APPENDUID" in data[0]
    assert client.append("Work", "", "", mails.plain("Second"))[0] == "OK"
    assert client.select("Work")[1] == [b"2"]
    assert newest(client, "Work") == mails.plain("Second")
    _, rows = client.fetch("1", "(FLAGS ENVELOPE BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    text = b"".join(piece if isinstance(piece, bytes) else b"".join(piece) for piece in rows if piece)
    assert b"\\Seen" in text
    assert b'"alternative"' in text.lower()
    assert client.uid("SEARCH", "UNSEEN")[1] == [b"2"]
    assert client.uid("SEARCH", "SUBJECT", "Second")[1] == [b"2"]
    assert client.store("2", "+FLAGS", r"(\Seen \Deleted)")[0] == "OK"
    assert client.copy("1", "Archive")[0] == "OK"
    assert client.expunge()[1] == [b"2"]
    assert client.select("Work")[1] == [b"1"]
    client.close()
    assert client.delete("Work")[0] == "OK"
    client.logout()


def test_idle_tells_of_new_mail_within_100_ms(family: Family) -> None:
    """RFC 2177: the notice comes by itself; the other front worker may have taken the mail."""
    client = imap(family, "anna")
    client.select("INBOX")
    client.send(b"i1 IDLE\r\n")
    assert client.readline().startswith(b"+")
    arrived: list[float] = []

    def wait() -> None:
        while b"EXISTS" not in client.readline():
            pass
        arrived.append(time.perf_counter())

    delays = []
    for turn in range(5):
        waiter = threading.Thread(target=wait)
        waiter.start()
        deliver(family, mails.plain(f"Idle {turn}"), "anna")
        accepted = time.perf_counter()
        waiter.join(10)
        delays.append(arrived[-1] - accepted)
    client.send(b"DONE\r\n")
    while not client.readline().startswith(b"i1 OK"):
        pass
    client.logout()
    assert sorted(delays)[2] < 0.1, delays
