"""Mail to and from servers that nobody here wrote: Postfix, Exim, OpenSMTPD, and Dovecot by LMTP."""

import contextlib
import imaplib
import smtplib
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support import mail_peers, mails, postfix
from tests.support.family import PASSWORD, Family, unverified_tls
from tests.support.mail_peers import Peer

pytestmark = [pytest.mark.slow, pytest.mark.needs_root]

NAMES = ("exim", "opensmtpd", "dovecot", "postfix")


@dataclass
class Street:
    """Our server and its neighbours: mail for `<name>.test` goes to them, what they relay comes to us."""

    family: Family
    peers: dict[str, Peer]


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """All of them."""
    folder = tmp_path_factory.mktemp("street")
    family = Family(folder / "family", processes=1)
    with contextlib.ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        place.chmod(0o755)
        peers = {
            name: stack.enter_context(
                mail_peers.running(name, place / name, domain=f"{name}.test", relay_port=family.ports["smtp"])
            )
            for name in NAMES
            if name != "postfix"
        }
        port, box = stack.enter_context(
            postfix.running(place / "postfix", domain="postfix.test", relay_port=family.ports["smtp"])
        )
        peers["postfix"] = Peer(port, box, place / "none")
        routes = "".join(
            f'\n[[route]]\ndomain = "{name}.test"\nhost = "127.0.0.1"\nport = {peer.port}\n'
            for name, peer in peers.items()
            if name != "dovecot"
        )
        routes += (
            '\n[[route]]\ndomain = "dovecot.test"\nprotocol = "lmtp"\n'
            f'host = "unix:{peers["dovecot"].lmtp}"\n'
        )
        with family.config.open("a", encoding="utf-8") as config:
            config.write(routes)
        stack.enter_context(family)
        yield Street(family, peers)


def submit(family: Family, octets: bytes, *recipients: str) -> None:
    with smtplib.SMTP_SSL(
        "127.0.0.1", family.ports["submissions"], "client.test", context=unverified_tls()
    ) as client:
        client.login(family.address("anna"), PASSWORD)
        client.sendmail(family.address("anna"), list(recipients), octets, ["BODY=8BITMIME"])


def inbox(family: Family) -> list[bytes]:
    """What anna has got."""
    with imaplib.IMAP4("127.0.0.1", family.ports["imap"]) as client:
        client.login(family.address("anna"), PASSWORD)
        client.select("INBOX", readonly=True)
        _, data = client.fetch("1:*", "(BODY.PEEK[])")
        return [entry[1] for entry in data if isinstance(entry, tuple)]


def until(what: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)


def own(subject: str, body: bytes) -> bytes:
    head = mails.plain(subject).replace(b"carla@remote.test", b"anna@example.test").partition(b"\r\n\r\n")[0]
    return head.replace(b"7bit", b"8bit") + b"\r\n\r\n" + body


BODIES = {
    "small": ".\r\n..\r\n.x\r\n\r\nGrüße aus Köln, von uns allen\r\n".encode(),
    "large": b"".join(b"%07d " % n + b"." * 60 + b"\r\n" for n in range(6_000)),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", list(BODIES))
def test_what_we_send_arrives_whole(street: Street, name: str, kind: str) -> None:
    """RFC 5321 section 4.5.2, RFC 6152 section 2, RFC 3030 section 2, RFC 2033 section 4.2."""
    subject = f"To {name}: {kind}"
    submit(street.family, own(subject, BODIES[kind]), f"user@{name}.test")
    line = f"\r\nSubject: {subject}\r\n".encode()
    until(lambda: any(line in octets for octets in street.peers[name].mails()))
    (taken,) = [octets for octets in street.peers[name].mails() if line in octets]
    assert taken.endswith(b"\r\n\r\n" + BODIES[kind])
    assert b"by mx.test" in taken


@pytest.mark.parametrize("name", ["exim", "opensmtpd", "postfix"])
@pytest.mark.parametrize("kind", list(BODIES))
def test_what_they_send_arrives_whole(street: Street, name: str, kind: str) -> None:
    """RFC 5321 section 3.6.3."""
    subject = f"From {name}: {kind}"
    head = mails.plain(subject).partition(b"\r\n\r\n")[0].replace(b"7bit", b"8bit")
    octets = head + b"\r\n\r\n" + BODIES[kind]
    with smtplib.SMTP("127.0.0.1", street.peers[name].port, "client.test") as client:
        client.sendmail(f"user@{name}.test", ["anna@example.test"], octets, ["BODY=8BITMIME"])
    found: list[bytes] = []

    def here() -> bool:
        found[:] = [got for got in inbox(street.family) if f"Subject: {subject}\r\n".encode() in got]
        return bool(found)

    until(here)
    assert found[0].endswith(b"\r\n\r\n" + BODIES[kind])
