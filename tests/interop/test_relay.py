"""Mail for other domains: the durable queue, a second instance of ourselves, a Debian Postfix."""

import imaplib
import json
import smtplib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support import mails, postfix
from tests.support.family import PASSWORD, Family, free_port, unverified_tls

pytestmark = pytest.mark.slow


def submit(family: Family, octets: bytes, *recipients: str) -> None:
    with smtplib.SMTP_SSL(
        "127.0.0.1", family.ports["submissions"], "client.test", context=unverified_tls()
    ) as client:
        client.login(family.address("anna"), PASSWORD)
        client.sendmail(family.address("anna"), list(recipients), octets)


def own(subject: str) -> bytes:
    return mails.plain(subject).replace(b"carla@remote.test", b"anna@example.test")


def until(what: Callable[[], bool], seconds: float = 20.0) -> None:
    """Ask again until it is so."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)


def waiting(family: Family) -> list[dict[str, object]]:
    return list(json.loads(family.run("queue", "list", "--json")))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Family, Family]]:
    """Two instances; the first has routes to the second and to a port where nobody listens."""
    with Family(
        tmp_path_factory.mktemp("other"), domain="other.test", processes=1, hostname="mx.other.test"
    ) as other:
        routes = "".join(
            f'\n[[route]]\ndomain = "{domain}"\nhost = "127.0.0.1"\nport = {port}\n'
            for domain, port in (("other.test", other.ports["smtp"]), ("gone.test", free_port()))
        )
        with Family(tmp_path_factory.mktemp("first"), processes=1, extra=routes) as first:
            yield first, other


def test_mail_for_another_domain_is_relayed(pair: tuple[Family, Family]) -> None:
    """RFC 5321 section 3.6.3; the message arrives whole and the queue is empty afterwards."""
    first, other = pair
    message = own("Over the fence")
    submit(first, message, "ben@other.test")
    client = imaplib.IMAP4("127.0.0.1", other.ports["imap"])
    client.login("ben@other.test", PASSWORD)
    until(lambda: client.select("INBOX")[1] != [b"0"])
    _, data = client.fetch("1", "(BODY.PEEK[])")
    assert isinstance(data[0], tuple)
    assert data[0][1].endswith(message.partition(b"MIME-Version")[2])
    assert data[0][1].startswith(b"Return-Path: <anna@example.test>\r\nReceived: ")
    client.logout()
    until(lambda: waiting(first) == [])


def test_an_unreachable_host_leaves_mail_queued_with_a_next_try(pair: tuple[Family, Family]) -> None:
    """RFC 5321 section 4.5.4.1: it waits, and says until when and why."""
    first, _ = pair
    submit(first, own("Nobody home"), "x@gone.test")
    until(lambda: any(row["tries"] for row in waiting(first)))
    (row,) = waiting(first)
    assert row["recipient"] == "x@gone.test"
    assert isinstance(row["next_try"], str)
    assert row["last_reply"]
    first.run("queue", "drop", str(row["id"]))
    assert waiting(first) == []


def test_a_refused_recipient_comes_back_as_a_report(pair: tuple[Family, Family]) -> None:
    """RFC 3464; RFC 5321 section 6.1: the sender learns what became of the message."""
    first, _ = pair
    submit(first, own("Wrong name"), "nobody@other.test")
    client = imaplib.IMAP4("127.0.0.1", first.ports["imap"])
    client.login("anna@example.test", PASSWORD)
    client.select("INBOX")

    def report() -> bool:
        client.noop()
        return client.search(None, "TEXT", '"multipart/report"')[1] != [b""]

    until(report)
    (numbers,) = client.search(None, "TEXT", '"multipart/report"')[1]
    _, data = client.fetch(numbers.split()[-1].decode(), "(BODY.PEEK[])")
    assert isinstance(data[0], tuple)
    text = data[0][1]
    assert b"Final-Recipient: rfc822; nobody@other.test" in text
    assert b"Status: 5.1.1" in text
    assert text.startswith(b"Return-Path: <>\r\n")
    client.logout()


@pytest.mark.needs_root
def test_a_debian_postfix_takes_our_mail(tmp_path: Path) -> None:
    """A counterpart that nobody here wrote, with STARTTLS as it offers it."""
    with (
        postfix.running(tmp_path / "postfix", domain="post.test") as (port, maildir),
        Family(
            tmp_path / "first",
            processes=1,
            extra=f'\n[[route]]\ndomain = "post.test"\nhost = "127.0.0.1"\nport = {port}\n',
        ) as first,
    ):
        message = own("To Postfix")
        submit(first, message, "user@post.test")
        until(lambda: any((maildir / "new").glob("*")))
        (path,) = (maildir / "new").glob("*")
        stored = path.read_bytes().replace(b"\n", b"\r\n")
        assert b"by mx.test" in stored
        assert stored.endswith(message.partition(b"MIME-Version")[2])
        until(lambda: waiting(first) == [])


def test_the_queue_survives_kill_9(tmp_path: Path) -> None:
    """What was taken for another domain is on disk before the 250, and is tried again after a restart."""
    listener = free_port()
    route = f'\n[[route]]\ndomain = "later.test"\nhost = "127.0.0.1"\nport = {listener}\n'
    family = Family(tmp_path / "first", processes=1, extra=route)
    family.start()
    submit(family, own("Kept"), "x@later.test")
    family.kill()
    with family:
        rows = waiting(family)
        assert [row["recipient"] for row in rows] == ["x@later.test"]
