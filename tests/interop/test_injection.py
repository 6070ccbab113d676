"""Hostile texts in every place of an envelope and as every name (S17, S18 of docs/develop/threats.md).

A whole server over its real store, by its ports. What comes of a text is a refusal, or the text again.
"""

import contextlib
import functools
import imaplib
import itertools
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
from pymailcore.base.errors import InvalidValue, NotFound
from pymailcore.directory.actors import SYSTEM

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


@pytest.fixture(scope="module", params=[False, True], ids=["strict", "mending"])
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    """A server with a route to a host that refuses everybody, so that each message comes back as a report.

    Where submission mends line ends, only those of mail data are meant.
    """
    with raw_sink() as sink, raw_sink("DSN", "SMTPUTF8", "8BITMIME", "PIPELINING") as refusing:
        refusing.refusal = b"550 5.1.1 nobody\r\n"
        settings = "[smtp]\nhard_errors_count = 1000\nsoft_errors_count = 1000\n"
        settings += "[submission]\nmessages_per_hour = 100000\nfirst_recipients_per_hour = 100000\n"
        settings += route("dead.test", refusing.port)
        with scene_with(sink, settings, repair_line_ends=request.param) as scene:
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


@pytest.fixture(scope="module")
def office() -> Iterator[Scene]:
    """A server whose users may ask who the members of a group are."""
    settings = '[smtp]\nexpn = "signed-in"\nvrfy = "signed-in"\nerror_delay_seconds = 0\n'
    settings += "junk_commands_count = 1000\nhard_errors_count = 1000\n"
    with (
        raw_sink("SMTPUTF8", "8BITMIME", "PIPELINING") as sink,
        scene_with(sink, settings) as scene,
    ):
        yield scene


TEXTS = (*BREAKS, "\u2029".encode(), b'"', b"\\", b"<x>", b"\t", b"%s{0}$(x)")
CARLA = "carla@remote.test"
NAMED_PLACES = ("full name", "account", "group", "member", "alias", "target of an alias", "forward")


def named(text: str, domain: str = "example.test") -> Address:
    """An address as administrators write it, with quotes where it needs them."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    found = Address.parse(f"{text}@{domain}") or Address.parse(f'"{quoted}"@{domain}')
    if found is None:
        raise InvalidValue("no address")
    return found


async def name_somebody(core: Core, place: str, text: str, number: int) -> Address:
    """Put a text into the directory; gives to whom mail is sent then."""
    directory, anna = core.directory, named("anna")
    plain = Address(f"to{number}", "example.test")
    match place:
        case "full name":
            await directory.accounts.add(SYSTEM, plain, full_name=text)
        case "account":
            await directory.accounts.add(SYSTEM, named(text), full_name="x")
            await directory.forwards.set(SYSTEM, named(text), Address(f"kept{number}", "far.test"))
            return named(text)
        case "group":
            await directory.groups.add(SYSTEM, named(text))
            await directory.groups.add_member(SYSTEM, named(text), anna)
            return named(text)
        case "member":
            await directory.groups.add(SYSTEM, plain)
            await directory.groups.add_member(SYSTEM, plain, named(text, "far.test"))
        case "alias":
            await directory.addresses.add(SYSTEM, named(text), anna)
            return named(text)
        case "target of an alias":
            await directory.addresses.add(SYSTEM, plain, named(text, "far.test"))
        case "forward":
            await directory.accounts.add(SYSTEM, plain)
            await directory.forwards.set(SYSTEM, plain, named(text, "far.test"))
    return plain


def test_no_name_in_the_directory_makes_a_header_field_or_a_command(office: Scene) -> None:
    """S17, S18: it is refused where it is set, or it stays a name, in mail, on the wire and in replies."""
    told, taken, refused = [], 0, 0
    with (
        smtplib.SMTP("127.0.0.1", office.server.ports["smtp"], "client.test") as mx,
        office.signed_in() as msa,
    ):
        mx.ehlo()
        for number, (place, text) in enumerate(itertools.product(NAMED_PLACES, TEXTS)):
            name = f"{place[0]}{text.decode()}Injected: yes"
            put = functools.partial(name_somebody, place=place, text=name, number=number)
            try:
                to = office.server.run(put)
            except InvalidValue:
                refused += 1
                continue
            taken += 1
            mx.mail(CARLA, ["SMTPUTF8"])
            mx.send(f"RCPT TO:<{to}>\r\n".encode())
            assert mx.getreply()[0] == 250, to
            assert mx.data(f"From: <{CARLA}>\r\nSubject: plain\r\n\r\ntext\r\n".encode())[0] == 250
            for verb in (b"EXPN", b"VRFY"):
                msa.send(b"%s <%s> SMTPUTF8\r\n" % (verb, str(to).encode()))
                told.append(msa.getreply()[1])
            if place == "full name":
                send_with_name_of(office, to)
    assert taken > 40
    assert refused > 60
    office.until_sent()
    assert all(re.fullmatch(rb"[ -~\x80-\xff]*", line) for text in told for line in text.split(b"\n"))
    for line in office.sink.commands:
        assert re.match(rb"(EHLO|MAIL FROM:|RCPT TO:|DATA|QUIT|RSET)", line), line
        assert line.decode().isprintable(), line
    with imaplib.IMAP4("127.0.0.1", office.server.ports["imap"]) as client:
        client.login(ANNA, PASSWORD)
        client.select("INBOX", readonly=True)
        _, data = client.fetch("1:*", "(BODY.PEEK[])")
    kept = [entry[1] for entry in data if isinstance(entry, tuple)]
    assert len(kept) > 15
    assert len(office.sink.messages) > 15
    fields = {name for octets in (*kept, *office.sink.messages) for name in names_of(octets)}
    assert fields <= KNOWN_FIELDS, fields - KNOWN_FIELDS


KNOWN_FIELDS = {
    "return-path", "delivered-to", "received", "from", "to", "subject", "date", "message-id", "sender",
    "mime-version", "content-type", "content-transfer-encoding",
}  # fmt: skip


def send_with_name_of(scene: Scene, address: Address) -> None:
    """What a mail program does: the name of an Identity becomes that in From."""

    async def identity(core: Core) -> str:
        owner = await core.directory.accounts.get(address)
        return (await core.directory.identities(owner.id))[0].name

    account, name = scene.account(), scene.server.run(identity)
    assert name.endswith("Injected: yes")
    assert name.isprintable()
    properties = {
        "mailboxIds": {scene.mailbox("drafts"): True},
        "from": [{"name": name, "email": ANNA}],
        "to": [{"name": name, "email": "ben@far.test"}],
        "subject": "plain",
        "textBody": [{"partId": "1"}],
        "bodyValues": {"1": {"value": "text"}},
    }
    ((_, done, _),) = scene.jmap(["Email/set", {"accountId": account, "create": {"k": properties}}, "0"])
    scene.send(done["created"]["k"]["id"], "ben@far.test")
