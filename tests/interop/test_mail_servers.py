"""Mail to and from servers of others: Postfix, Exim, OpenSMTPD, Dovecot. And a second one of ours."""

import imaplib
import smtplib
import time
from collections.abc import Callable, Iterator

import pytest
from tests.support import mails
from tests.support.family import PASSWORD, unverified_tls
from tests.support.street import GONE, NAMES, OTHER, Street, neighbours, our_own, own, submit
from tests.support.waiting import block_until

pytestmark = pytest.mark.slow

ANNA = "anna@example.test"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """Our two servers."""
    with our_own(tmp_path_factory.mktemp("street") / "family") as street:
        yield street


@pytest.fixture(scope="module")
def street(ours: Street) -> Iterator[Street]:
    """Ours and all the others."""
    with neighbours(ours):
        yield ours


def until(what: Callable[[], bool]) -> None:
    block_until(what, seconds=30, pause_seconds=0.05)


def arrived(mailbox: Callable[[], list[bytes]], text: str) -> bytes:
    """Wait for the message with a text; give it."""
    found: list[bytes] = []

    def here() -> bool:
        found[:] = [octets for octets in mailbox() if text.encode() in octets]
        return bool(found)

    until(here)
    assert len(found) == 1
    return found[0]


BODIES = {
    "small": ".\r\n..\r\n.x\r\n\r\nGrüße aus Köln, von uns allen\r\n".encode(),
    "large": b"".join(b"%07d " % n + b"." * 60 + b"\r\n" for n in range(6_000)),
}


@pytest.mark.needs_root
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", list(BODIES))
def test_what_we_send_arrives_whole(street: Street, name: str, kind: str) -> None:
    """RFC 5321 section 4.5.2, RFC 6152 section 2, RFC 3030 section 2, RFC 2033 section 4.2, RFC 3207."""
    subject = f"Subject: To {name}: {kind}\r\n"
    submit(street.family, own(subject[9:-2], BODIES[kind]), f"user@{name}.test", mail=("BODY=8BITMIME",))
    taken = arrived(street.peers[name].mails, subject)
    assert taken.endswith(b"\r\n\r\n" + BODIES[kind])
    assert b"by mx.test" in taken
    if name == "postfix":
        assert b"using TLSv1.3" in taken.partition(b"by mx.test")[0]


@pytest.mark.needs_root
@pytest.mark.parametrize("name", ["exim", "opensmtpd", "postfix"])
@pytest.mark.parametrize("kind", list(BODIES))
def test_what_they_send_arrives_whole(street: Street, name: str, kind: str) -> None:
    """RFC 5321 section 3.6.3."""
    subject = f"From {name}: {kind}"
    head = mails.plain(subject).partition(b"\r\n\r\n")[0].replace(b"7bit", b"8bit")
    with smtplib.SMTP("127.0.0.1", street.ports[name], "client.test") as client:
        octets = head + b"\r\n\r\n" + BODIES[kind]
        client.sendmail(f"user@{name}.test", [ANNA], octets, ["BODY=8BITMIME"])
    found = arrived(street.inbox, f"Subject: {subject}\r\n")
    assert found.endswith(b"\r\n\r\n" + BODIES[kind])


# Delivery reports


@pytest.mark.needs_root
def test_postfix_reports_what_we_asked_it_to(street: Street) -> None:
    """RFC 3461 sections 4.1 to 4.4: NOTIFY, ORCPT and ENVID go on with the message, and come back."""
    wishes = ("RET=HDRS", "ENVID=one+3Dtwo"), ("NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;some+2Bone@x.test")
    submit(street.family, own("With a report"), "user@postfix.test", mail=wishes[0], rcpt=wishes[1])
    report = arrived(street.inbox, "Original-Envelope-Id: one=two")
    assert b"Action: delivered" in report
    assert b"Reporting-MTA: dns; postfix.postfix.test" in report
    assert b"Original-Recipient: rfc822;some+one@x.test" in report.replace(b"rfc822; ", b"rfc822;")
    assert b"multipart/report" in report


@pytest.mark.needs_root
def test_we_report_what_postfix_asked_us_to(street: Street) -> None:
    """RFC 3461 sections 4.1 to 4.4 and 6.2.3, RFC 3464; what comes back is kept by Postfix."""
    with smtplib.SMTP("127.0.0.1", street.ports["postfix"], "client.test") as client:
        wishes = ["NOTIFY=SUCCESS", "ORCPT=rfc822;anna+2Bx@old.test"]
        client.sendmail(
            "user@postfix.test", [ANNA], mails.plain("Reported"), ["RET=HDRS", "ENVID=theirs"], wishes
        )
    report = arrived(street.peers["postfix"].mails, "Original-Envelope-Id: theirs")
    assert b"Action: delivered" in report
    assert b"Reporting-MTA: dns; mx.test" in report
    assert b"Original-Recipient: rfc822;anna+x@old.test" in report


@pytest.mark.needs_root
def test_for_a_host_without_reports_we_say_that_we_relayed(street: Street) -> None:
    """RFC 3461 section 5.2.2: this Exim makes none."""
    submit(
        street.family,
        own("Relayed"),
        "user@exim.test",
        mail=("ENVID=relayed",),
        rcpt=("NOTIFY=SUCCESS", "ORCPT=rfc822;a@b.test"),
    )
    report = arrived(street.inbox, "Original-Envelope-Id: relayed")
    assert b"Action: relayed" in report
    arrived(street.peers["exim"].mails, "Subject: Relayed\r\n")


# LMTP to us


@pytest.mark.parametrize("unix", [True, False], ids=["unix", "tcp"])
def test_smtplib_hands_over(unix: bool, ours: Street) -> None:
    """RFC 2033 section 4.2; one recipient is here and one is not."""
    path, port = ours.lmtp
    subject = f"Handed over {'inside' if unix else 'by net'}"
    client = smtplib.LMTP(str(path)) if unix else smtplib.LMTP("127.0.0.1", port)
    with client:
        assert client.ehlo()[0] == 250
        assert {"pipelining", "size", "chunking", "dsn", "8bitmime"} <= set(client.esmtp_features)
        refused = client.sendmail("carla@remote.test", [ANNA, "nobody@example.test"], mails.plain(subject))
    assert refused == {"nobody@example.test": (550, b"5.1.1 No such recipient here")}
    octets = arrived(ours.inbox, subject)
    assert b" with LMTP id " in octets
    assert octets.endswith(mails.plain(subject))


@pytest.mark.needs_root
def test_postfix_hands_over(street: Street) -> None:
    """RFC 2033, with Postfix's lmtp(8) through the Unix socket."""
    with smtplib.SMTP("127.0.0.1", street.ports["postfix"]) as client:
        client.sendmail("carla@remote.test", ["ben@example.test"], mails.plain("From Postfix"))
    octets = arrived(lambda: street.inbox("ben"), "Subject: From Postfix")
    assert b" with LMTP id " in octets
    assert octets.startswith(b"Return-Path: <carla@remote.test>\r\n")


# A second server of ours, and nobody


def test_mail_for_another_domain_is_relayed(ours: Street) -> None:
    """RFC 5321 section 3.6.3; the message arrives whole and the queue is empty afterwards."""
    message = own("Over the fence")
    submit(ours.family, message, f"ben@{OTHER}")
    with imaplib.IMAP4("127.0.0.1", ours.other.ports["imap"]) as client:
        client.login(f"ben@{OTHER}", PASSWORD)
        until(lambda: client.select("INBOX")[1] != [b"0"])
        _, data = client.fetch("1", "(BODY.PEEK[])")
    assert isinstance(data[0], tuple)
    assert data[0][1].endswith(message.partition(b"MIME-Version")[2])
    assert data[0][1].startswith(
        b"Return-Path: <anna@example.test>\r\nDelivered-To: ben@other.test\r\nReceived: "
    )
    until(lambda: ours.waiting() == [])


def test_a_refused_recipient_comes_back_as_a_report(ours: Street) -> None:
    """RFC 3464; RFC 5321 section 6.1: the sender learns what became of the message."""
    submit(ours.family, own("Wrong name"), f"nobody@{OTHER}")
    text = arrived(ours.inbox, "Final-Recipient: rfc822; nobody@other.test")
    assert b"Status: 5.1.1" in text
    assert text.startswith(b"Return-Path: <>\r\n")


def test_mail_for_who_cannot_be_reached_waits_and_survives_kill_9(ours: Street) -> None:
    """RFC 5321 sections 4.2.5 and 4.5.4.1: it waits, says why, and is on disk before the 250."""
    submit(ours.family, own("Nobody home"), f"x@{GONE}")
    until(lambda: any(row["tries"] for row in ours.waiting()))
    (row,) = ours.waiting()
    assert row["recipient"] == f"x@{GONE}"
    assert isinstance(row["next_try"], str)
    assert row["last_reply"]
    submit(ours.family, own("Kept"), f"y@{GONE}")
    ours.family.kill()
    ours.family.start()
    rows = ours.waiting()
    assert sorted(str(row["recipient"]) for row in rows) == [f"x@{GONE}", f"y@{GONE}"]
    for row in rows:
        ours.command("queue", "drop", str(row["id"]))
    assert ours.waiting() == []


# Extensions that not all of them have


KAETHE = "käthe@example.test"
UTF8 = (  # RFC 6532: addresses and texts as UTF-8, also in structured fields
    "From: Käthe <käthe@example.test>\r\nTo: <grüße@{0}.test>\r\n"
    "Subject: Grüße an {0}: 漢字 🐟\r\n\r\nschön\r\n"
)


@pytest.fixture(scope="module")
def kaethe(street: Street) -> str:
    """An address of anna's with a letter that is not of ASCII."""
    street.command("alias", "add", KAETHE, ANNA)
    return KAETHE


def submit_as(street: Street, sender: str, octets: bytes, to: str, mail: tuple[str, ...]) -> None:
    """Send as anna with another reverse-path."""
    port = street.family.ports["submissions"]
    with smtplib.SMTP_SSL("127.0.0.1", port, "client.test", context=unverified_tls()) as client:
        client.login(ANNA, PASSWORD)
        client.ehlo()
        for line in (f"MAIL FROM:<{sender}> {' '.join(mail)}", f"RCPT TO:<{to}>"):
            client.send(line.encode() + b"\r\n")
            code, text = client.getreply()
            assert code == 250, text
        assert client.data(octets)[0] == 250


@pytest.mark.needs_root
@pytest.mark.parametrize("name", ["exim", "postfix"])
def test_international_mail_goes_there_and_back(street: Street, kaethe: str, name: str) -> None:
    """RFC 6531 sections 3.1 and 3.2: addresses and header fields of UTF-8 in both directions, whole."""
    peer, text = f"grüße@{name}.test", UTF8.format(name).encode()
    submit_as(street, kaethe, text, peer, ("SMTPUTF8", "BODY=8BITMIME"))
    taken = arrived(street.peers[name].mails, f"Subject: Grüße an {name}: 漢字 🐟\r\n")
    for line in text.partition(b"\r\n\r\n")[0].split(b"\r\n"):
        assert line in taken
    assert taken.endswith(b"\r\n\r\n" + "schön\r\n".encode())
    back = (
        f"From: <{peer}>\r\nTo: <{kaethe}>\r\nSubject: Zurück von {name}\r\n"
        f"Date: Sun, 22 Nov 2026 10:00:00 +0100\r\nMessage-ID: <back@{name}.test>\r\n\r\nschön\r\n"
    ).encode()
    with smtplib.SMTP("127.0.0.1", street.ports[name], "client.test") as client:
        client.ehlo()
        client.send(f"MAIL FROM:<{peer}> SMTPUTF8 BODY=8BITMIME\r\nRCPT TO:<{kaethe}>\r\n".encode())
        assert [client.getreply()[0] for _ in range(2)] == [250, 250]
        assert client.data(back)[0] == 250
    found = arrived(street.inbox, f"Subject: Zurück von {name}\r\n")
    assert found.startswith(f"Return-Path: <{peer}>\r\nDelivered-To: {kaethe}\r\n".encode())
    assert b" with UTF8SMTP" in found.partition(b"id ")[0]
    assert found.endswith(back)


@pytest.mark.needs_root
def test_a_host_without_smtputf8_is_not_troubled(street: Street, kaethe: str) -> None:
    """RFC 6531 section 3.5: OpenSMTPD does not offer it; the sender hears of it, and nothing is sent."""
    submit_as(street, kaethe, UTF8.format("opensmtpd").encode(), "user@opensmtpd.test", ("SMTPUTF8",))
    report = arrived(street.inbox, "Final-Recipient: rfc822; user@opensmtpd.test")
    assert b"Action: failed" in report
    assert b"Status: 5.6.7" in report
    assert not any("Grüße an opensmtpd".encode() in taken for taken in street.peers["opensmtpd"].mails())


@pytest.mark.needs_root
@pytest.mark.parametrize("name", ["exim", "opensmtpd", "postfix"])
def test_times_and_priority_stay_with_us_where_the_next_host_has_no_such_thing(
    street: Street, name: str
) -> None:
    """RFC 2852, RFC 4865, RFC 6710: none of them offers one; they get plain mail, and we keep the times."""
    with smtplib.SMTP("127.0.0.1", street.ports[name], "client.test") as client:
        client.ehlo()
        assert not {"deliverby", "mt-priority", "futurerelease"} & set(client.esmtp_features)
    subject = f"In time to {name}"
    began = time.time()
    wishes = ("BY=3600;NT", "MT-PRIORITY=4", "HOLDFOR=1", f"ENVID=timed.{name}")
    submit(street.family, own(subject), f"user@{name}.test", mail=wishes)
    arrived(street.peers[name].mails, f"Subject: {subject}\r\n")
    assert time.time() - began >= 1.0
    report = arrived(street.inbox, f"Original-Envelope-Id: timed.{name}\r\n")
    assert f"Final-Recipient: rfc822; user@{name}.test\r\nAction: relayed".encode() in report
