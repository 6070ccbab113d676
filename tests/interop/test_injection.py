"""Hostile texts in every place of an envelope and as every name (S17, S18 of docs/develop/threats.md).

A whole server over its real store, by its ports. What comes of a text is a refusal, or the text again.
"""

import contextlib
import functools
import imaplib
import json
import re
import smtplib
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.raw_sink import raw_sink
from tests.support.sending_scene import ANNA, PASSWORD, Scene, route, scene_with

from pymailcore.app.core import Core
from pymailcore.base.address import Address
from pymailcore.base.errors import NotFound

pytestmark = pytest.mark.slow

MESSAGE = b"From: <anna@example.test>\r\nTo: <x@dead.test>\r\nSubject: plain\r\n\r\ntext\r\n"
# What ends a line, or may be taken for what does, as octets and in the encodings that fields of SMTP have.
BREAKS = (
    b"\r",
    b"\n",
    b"\0",
    b"\x0b",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"\xe2\x80\xae",
    b"\x1b[2J",
    b"+0D+0A",
    b"+0a",
    b"\\x{0D}\\x{A}",
    b"\\x{2028}",
    b"%0d%0a",
    b"=?utf-8?q?=0D=0A?=",
)
INJECTED = b"Injected:+20yes"
# Where a text is put: %s is it.
PLACES = {
    "EHLO": (b"EHLO a%s.test", b"MAIL FROM:<anna@example.test>", b"RCPT TO:<x@dead.test>"),
    "local part": (b"EHLO c.test", b"MAIL FROM:<anna@example.test> SMTPUTF8", b"RCPT TO:<x%s@dead.test>"),
    "quoted": (b"EHLO c.test", b"MAIL FROM:<anna@example.test> SMTPUTF8", b'RCPT TO:<"x%s"@dead.test>'),
    "domain": (b"EHLO c.test", b"MAIL FROM:<anna@example.test> SMTPUTF8", b"RCPT TO:<x@dead%s.test>"),
    "sender": (b"EHLO c.test", b'MAIL FROM:<"anna%s"@example.test> SMTPUTF8', b"RCPT TO:<x@dead.test>"),
    "route": (b"EHLO c.test", b"MAIL FROM:<@a%s:anna@example.test>", b"RCPT TO:<@b%s:x@dead.test>"),
    "ENVID": (b"EHLO c.test", b"MAIL FROM:<anna@example.test> ENVID=a%s", b"RCPT TO:<x@dead.test>"),
    "RET": (b"EHLO c.test", b"MAIL FROM:<anna@example.test> RET=HDRS%s", b"RCPT TO:<x@dead.test>"),
    "AUTH": (b"EHLO c.test", b"MAIL FROM:<anna@example.test> AUTH=a%s", b"RCPT TO:<x@dead.test>"),
    "BODY": (b"EHLO c.test", b"MAIL FROM:<anna@example.test> BODY=7BIT%s", b"RCPT TO:<x@dead.test>"),
    "SIZE": (b"EHLO c.test", b"MAIL FROM:<anna@example.test> SIZE=9%s", b"RCPT TO:<x@dead.test>"),
    "BY": (b"EHLO c.test", b"MAIL FROM:<anna@example.test> BY=900;R%s", b"RCPT TO:<x@dead.test>"),
    "HOLDFOR": (b"EHLO c.test", b"MAIL FROM:<anna@example.test> HOLDFOR=1%s", b"RCPT TO:<x@dead.test>"),
    "MT-PRIORITY": (
        b"EHLO c.test",
        b"MAIL FROM:<anna@example.test> MT-PRIORITY=1%s",
        b"RCPT TO:<x@dead.test>",
    ),
    "a keyword": (b"EHLO c.test", b"MAIL FROM:<anna@example.test> X%s=1", b"RCPT TO:<x@dead.test>"),
    "NOTIFY": (b"EHLO c.test", b"MAIL FROM:<anna@example.test>", b"RCPT TO:<x@dead.test> NOTIFY=FAILURE%s"),
    "ORCPT": (b"EHLO c.test", b"MAIL FROM:<anna@example.test>", b"RCPT TO:<x@dead.test> ORCPT=rfc822;x%s"),
    "ORCPT utf-8": (
        b"EHLO c.test",
        b"MAIL FROM:<anna@example.test> SMTPUTF8",
        b"RCPT TO:<x@dead.test> ORCPT=utf-8;x%s",
    ),
    "type of ORCPT": (b"EHLO c.test", b"MAIL FROM:<anna@example.test>", b"RCPT TO:<x@dead.test> ORCPT=r%s;x"),
}


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    """A server with a route to a host that refuses everybody, so that each message comes back as a report."""
    with raw_sink() as sink, raw_sink("DSN", "SMTPUTF8", "8BITMIME", "PIPELINING") as refusing:
        refusing.refusal = b"550 5.1.1 nobody\r\n"
        settings = "[smtp]\nhard_errors_count = 1000\nsoft_errors_count = 1000\n"
        settings += "[submission]\nmessages_per_hour = 100000\nfirst_recipients_per_hour = 100000\n"
        with scene_with(sink, settings + route("dead.test", refusing.port)) as scene:
            yield scene


def test_no_text_in_an_envelope_makes_a_header_field_or_a_line_of_a_report(scene: Scene) -> None:
    """S17: refused after decoding, or encoded; the message and the report on it have the fields they have."""
    taken = refused = 0
    for place, (hello, mail, recipient) in PLACES.items():
        with smtplib.SMTP("127.0.0.1", scene.server.ports["submission"], "client.test") as client:
            client.ehlo()
            client.login(ANNA, PASSWORD)
            for number, text in enumerate((b"", *BREAKS)):
                value = text + INJECTED if text else b""
                lines = [line.replace(b"%s", value) for line in (hello, mail, recipient)]
                client.docmd("RSET")
                codes = []
                for line in lines:
                    client.send(line + b"\r\n")
                    codes += [client.getreply()[0] for _ in (line + b"\r\n").split(b"\n")[1:]]
                # A line that ends with LF alone is refused; the conversation is in sync.
                assert client.docmd("NOOP")[0] == 250, (place, text)
                if max(codes) >= 500:
                    refused += 1
                    assert number or place in {"a keyword", "type of ORCPT"}, (place, codes)
                    continue
                taken += 1
                assert client.data(MESSAGE)[0] == 250
    assert refused > 150
    assert taken > 30
    scene.until_sent()
    with imaplib.IMAP4("127.0.0.1", scene.server.ports["imap"]) as client:
        client.login(ANNA, PASSWORD)
        client.select("INBOX", readonly=True)
        _, data = client.fetch("1:*", "(BODY.PEEK[])")
        reports = [entry[1] for entry in data if isinstance(entry, tuple)]
    assert len(reports) > 30
    shapes = {tuple(names_of(report)) for report in reports}
    assert not any("injected" in shape for shape in shapes)
    assert len(shapes) <= 3, shapes


def names_of(report: bytes) -> list[str]:
    """The names of all lines that are fields, in a report and in the parts of it."""
    names = re.findall(rb"(?m)^([!-9;-~]+):", report)
    assert b"\0" not in report
    assert re.search(rb"\r(?!\n)|(?<!\r)\n", report) is None
    return sorted({name.decode().lower() for name in names} - {"original-envelope-id", "original-recipient"})


HOSTILE = (
    "' OR '1'='1",
    "'; DROP TABLE emails; --",
    '" UNION SELECT password FROM logins --',
    "\\'); DELETE FROM accounts; --",
    "*)(uid=*))(|(uid=*",
    "(a+)+$",
    "[[:alpha:]",
    "%s%n%x{0}{{7*7}}${jndi:ldap://x/y}",
    "$(reboot)`id`",
    "../../../../etc/passwd",
    "..",
    "C:\\con",
    "<script>alert(1)</script>",
    "a\u202eb\u200bc",
    "a\tb level=info user=root",
    "\U0001f4a9 ﷺ ß İ",
    "NULL",
    "x" * 300,
    "-1",
    "%",
    "_",
)


def test_hostile_names_are_names(scene: Scene) -> None:
    """S18: as Mailbox, keyword, subject, file name, filter and search, they come back as they were."""
    account = scene.account()
    tables = scene.rows("SELECT name FROM sqlite_master ORDER BY name")
    blob = scene.upload(b"octets")
    for text in HOSTILE:
        calls: list[list[Any]] = [
            ["Mailbox/set", {"accountId": account, "create": {"k": {"name": text}}}, "0"],
            ["Email/set", {"accountId": account, "create": {"k": email(scene, text, blob)}}, "1"],
            *(
                ["Email/query", {"accountId": account, "filter": {name: text}}, name]
                for name in ("text", "subject", "from", "body")
            ),
            ["Email/query", {"accountId": account, "filter": {"header": ["Subject", text]}}, "header"],
            ["Email/query", {"accountId": account, "filter": {"hasKeyword": text}}, "keyword"],
            ["Mailbox/query", {"accountId": account, "filter": {"name": text}}, "mailbox"],
            ["Email/get", {"accountId": account, "ids": [text[:200]]}, "ids"],
            [text[:100], {"accountId": account}, "method"],
            ["Email/query", {"accountId": text}, "account"],
            ["Email/query", {"accountId": account, "sort": [{"property": text}]}, "sort"],
        ]
        answers = scene.jmap(*calls)
        assert len(answers) == len(calls)
        assert "serverFail" not in json.dumps(answers), (text, answers)
        made = answers[1][1]
        assert made.get("created"), (text, made)
        shown = {
            "accountId": account,
            "ids": [made["created"]["k"]["id"]],
            "properties": ["subject", "attachments"],
        }
        ((_, got, _),) = scene.jmap(["Email/get", shown, "0"])
        assert got["list"][0]["subject"] == text
        assert got["list"][0]["attachments"][0]["name"] == text.strip()
        if mailbox := answers[0][1].get("created"):
            ((_, got, _),) = scene.jmap(
                ["Mailbox/get", {"accountId": account, "ids": [mailbox["k"]["id"]]}, "0"]
            )
            assert got["list"][0]["name"] == text
    assert scene.rows("SELECT name FROM sqlite_master ORDER BY name") == tables


def email(scene: Scene, text: str, blob: str) -> dict[str, object]:
    """A draft with a text as its subject and as the name of an attachment."""
    return {
        "mailboxIds": {scene.mailbox("drafts"): True},
        "subject": text,
        "textBody": [{"partId": "1"}],
        "bodyValues": {"1": {"value": text}},
        "attachments": [{"blobId": blob, "type": "application/octet-stream", "name": text}],
    }


def test_hostile_names_are_nobody(scene: Scene) -> None:
    """S18: as the name of a user and as an address, asked for where it goes into a statement."""

    async def known(core: Core, text: str) -> bool:
        with contextlib.suppress(NotFound):
            await core.directory.route(Address(text, "example.test"))
            return True
        return await core.directory.is_local_domain(text)

    for text in HOSTILE:
        assert not scene.server.run(functools.partial(known, text=text)), text
