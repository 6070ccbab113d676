"""Whatever way a message came in, nothing is smuggled out with it (S2 of docs/develop/threats.md).

A whole server over its real store; the receiver keeps every octet of the wire and knows no code of ours.
"""

import imaplib
import re
import smtplib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.support.raw_sink import raw_sink
from tests.support.sending_scene import ANNA, PASSWORD, Scene, scene_with
from tests.support.waiting import block_until

from pymailcore.base.address import Address
from pymailcore.directory.actors import SYSTEM

pytestmark = pytest.mark.slow

FAR = "ben@far.test"

# The nine sequences that SMTP-Smuggling-Tools sends out, and some more; each with a transaction behind it.
SEQUENCES = (
    b"\n.\n",
    b"\n.\r",
    b"\r.\n",
    b"\r.\r",
    b"\n.\r\n",
    b"\r.\r\n",
    b"\r\n.\r\r\n",
    b"\r\r\n.\r\r\n",
    b"\r\n\0.\r\n",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\r\n.\0\r\n",
    b"\r\n.\r\n",
)
FORGED = b"MAIL FROM:<forged@example.test>\r\nRCPT TO:<ben@far.test>\r\nDATA\r\nSubject: forged\r\n\r\nforged"


def message(number: int, body: bytes) -> bytes:
    """A message of anna's."""
    head = f"From: <{ANNA}>\r\nTo: <{FAR}>\r\nSubject: honest {number}\r\nMIME-Version: 1.0\r\n\r\n"
    return head.encode() + body


def hostile(number: int) -> bytes:
    """All sequences in one message, and its last line without an end."""
    return message(number, b"".join(b"honest" + sequence + FORGED for sequence in SEQUENCES) + b"\r.")


def by_submission(scene: Scene, octets: bytes) -> None:
    """DATA, where whatever is no line end is refused, so what is sent has only NUL and dots."""
    with scene.signed_in() as client:
        client.mail(ANNA)
        client.rcpt(FAR)
        client.docmd("DATA")
        client.send(
            re.sub(rb"\r?\n\.", b"\r\n..", re.sub(rb"\r(?!\n)|(?<!\r)\n", b"", octets)) + b"\r\n.\r\n"
        )
        code, text = client.getreply()
        assert code == 250, text


def by_mended_data(scene: Scene, octets: bytes) -> None:
    """DATA where the listener mends line ends: all but the one true end of mail data, dots as they are."""
    with scene.signed_in() as client:
        client.mail(ANNA)
        client.rcpt(FAR)
        client.docmd("DATA")
        client.send(octets.replace(b"\r\n.", b"\r\n..") + b"\r\n.\r\n")
        code, text = client.getreply()
        assert code == 250, text
        assert client.docmd("NOOP")[0] == 250  # nothing of the message was a command


def by_mended_chunks(scene: Scene, octets: bytes) -> None:
    """BDAT where the listener mends line ends, cut wherever it falls."""
    with scene.signed_in() as client:
        client.mail(ANNA)
        client.rcpt(FAR)
        for start in range(0, len(octets), 7):
            piece = octets[start : start + 7]
            last = b" LAST" if start + 7 >= len(octets) else b""
            client.send(b"BDAT %d%s\r\n" % (len(piece), last) + piece)
            code, text = client.getreply()
            assert code == 250, text
        assert client.docmd("NOOP")[0] == 250


def by_binary_chunks(scene: Scene, octets: bytes) -> None:
    """BDAT with BODY=BINARYMIME, where every octet is taken."""
    with scene.signed_in() as client:
        client.mail(ANNA, ["BODY=BINARYMIME"])
        client.rcpt(FAR)
        for start in range(0, len(octets), 100):
            piece = octets[start : start + 100]
            last = b" LAST" if start + 100 >= len(octets) else b""
            client.send(b"BDAT %d%s\r\n" % (len(piece), last) + piece)
            code, text = client.getreply()
            assert code == 250, text


def by_append(scene: Scene, octets: bytes) -> None:
    """IMAP APPEND, then EmailSubmission; an APPEND of IMAP4rev1 has no NUL."""
    octets = octets.replace(b"\0", b"")
    with imaplib.IMAP4("127.0.0.1", scene.server.ports["imap"]) as client:
        client.login(ANNA, PASSWORD)
        # imaplib itself would mend the line ends
        tag = client._new_tag()
        client.send(tag + b" APPEND Drafts {%d}\r\n" % len(octets))
        assert client.readline().startswith(b"+")
        client.send(octets + b"\r\n")
        while not (line := client.readline()).startswith(tag):
            pass
        assert line.split()[1] == b"OK", line
        client.select("Drafts", readonly=True)
        _, data = client.fetch("*", "(BODY.PEEK[])")
        assert isinstance(data[0], tuple)
        assert data[0][1] == octets
    account = scene.account()
    ((_, found, _),) = scene.jmap(
        ["Email/query", {"accountId": account, "filter": {"inMailbox": scene.mailbox("drafts")}}, "0"]
    )
    scene.send(found["ids"][0], FAR)
    scene.jmap(["Email/set", {"accountId": account, "destroy": found["ids"]}, "0"])


def by_import(scene: Scene, octets: bytes) -> None:
    """An upload, Email/import, EmailSubmission."""
    email = {"blobId": scene.upload(octets), "mailboxIds": {scene.mailbox("archive"): True}}
    ((_, done, _),) = scene.jmap(
        ["Email/import", {"accountId": scene.account(), "emails": {"k": email}}, "0"]
    )
    assert done["created"], done
    scene.send(done["created"]["k"]["id"], FAR)


def by_creating(scene: Scene, octets: bytes) -> None:
    """Email/set with the text as a body value, EmailSubmission."""
    properties: dict[str, Any] = {
        "mailboxIds": {scene.mailbox("drafts"): True},
        "from": [{"name": "Anna\r\nBcc: x@far.test", "email": ANNA}],
        "to": [{"name": None, "email": FAR}],
        "subject": "honest\r\n.\r\nMAIL FROM:<>",
        "textBody": [{"partId": "1", "type": "text/plain"}],
        "bodyValues": {"1": {"value": octets.partition(b"\r\n\r\n")[2].decode()}},
    }
    ((_, done, _),) = scene.jmap(
        ["Email/set", {"accountId": scene.account(), "create": {"k": properties}}, "0"]
    )
    if "k" in (done.get("notCreated") or {}):  # what no header field can hold may be refused
        del properties["from"][0]["name"]
        properties["subject"] = "honest"
        ((_, done, _),) = scene.jmap(
            ["Email/set", {"accountId": scene.account(), "create": {"k": properties}}, "0"]
        )
    scene.send(done["created"]["k"]["id"], FAR)


def by_forwarding(scene: Scene, octets: bytes) -> None:
    """A stranger's mail to an alias that leads elsewhere, in chunks."""
    with smtplib.SMTP("127.0.0.1", scene.server.ports["smtp"], "client.test") as client:
        client.ehlo()
        client.mail("carla@remote.test", ["BODY=BINARYMIME"])
        assert client.rcpt("away@example.test")[0] == 250
        client.send(b"BDAT %d LAST\r\n" % len(octets) + octets)
        code, text = client.getreply()
        assert code == 250, text


WAYS: dict[str, Callable[[Scene, bytes], None]] = {
    "submission": by_submission,
    "mended": by_mended_data,
    "mended chunks": by_mended_chunks,
    "binary chunks": by_binary_chunks,
    "APPEND": by_append,
    "import": by_import,
    "Email/set": by_creating,
    "forwarding": by_forwarding,
}
HOSTS = {
    "bare": (),
    "eight bits": ("8BITMIME", "PIPELINING", "SMTPUTF8"),
    "chunks": ("8BITMIME", "PIPELINING", "CHUNKING"),
}


@pytest.fixture(scope="module", params=list(HOSTS))
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    """One server for each kind of receiving host."""
    with raw_sink(*HOSTS[request.param]) as sink, scene_with(sink, repair_line_ends=True) as scene:
        away, far = Address("away", "example.test"), Address("ben", "far.test")
        scene.server.run(lambda core: core.directory.addresses.add(SYSTEM, away, far))
        yield scene


@pytest.mark.parametrize("way", list(WAYS))
def test_what_leaves_is_one_message_of_whole_lines(scene: Scene, way: str) -> None:
    """RFC 5321 sections 2.3.8 and 4.5.2: no CR, LF or NUL of its own on the wire, and one transaction."""
    sink = scene.sink
    before, seen = len(sink.all_octets), len(sink.messages)
    commands = len(sink.commands)
    WAYS[way](scene, hostile(1))
    block_until(lambda: len(sink.messages) > seen, seconds=20)
    said = sink.commands[commands:]
    assert [line[:10] for line in said].count(b"MAIL FROM:") == 1
    assert not any(b"forged" in line for line in said)
    wire = sink.all_octets[before:]
    assert re.search(rb"\r(?!\n)|(?<!\r)\n|\0", wire) is None
    (taken,) = sink.messages[seen:]
    assert b"forged" in taken or b"base64" in taken.lower()
    if not any(line.startswith(b"BDAT") for line in said):
        assert b"\r\n.\r\n" not in taken
        assert re.search(rb"\r\n\.(?!\.)", taken) is None
