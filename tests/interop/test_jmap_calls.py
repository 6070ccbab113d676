"""JMAP with plain HTTP calls against a running family."""

import base64
import json
import threading
import urllib.request
from http.client import HTTPResponse
from typing import Any

import pytest
from tests.support import mails
from tests.support.family import PASSWORD, Family

pytestmark = pytest.mark.slow
USING = [f"urn:ietf:params:jmap:{name}" for name in ("core", "mail", "submission")]


class Client:
    """A JMAP client of twenty lines: Basic authentication, one account."""

    def __init__(self, family: Family, name: str) -> None:
        self.base = f"http://127.0.0.1:{family.ports['http']}"
        self.login = base64.b64encode(f"{family.address(name)}:{PASSWORD}".encode()).decode()
        self.session = json.loads(self.http("/.well-known/jmap"))
        self.account = self.session["primaryAccounts"][USING[1]]

    def open(self, path: str, octets: bytes | None = None, kind: str = "application/json") -> HTTPResponse:
        url = path if path.startswith("http") else self.base + path
        headers = {"Authorization": f"Basic {self.login}", "Content-Type": kind}
        answer = urllib.request.urlopen(urllib.request.Request(url, octets, headers), timeout=20)  # noqa: S310 - loopback
        assert isinstance(answer, HTTPResponse)
        return answer

    def http(self, path: str, octets: bytes | None = None, kind: str = "application/json") -> bytes:
        with self.open(path, octets, kind) as response:
            return bytes(response.read())

    def call(self, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
        """Make method calls numbered 0, 1, …; the arguments of their answers."""
        wire = [
            [name, {"accountId": self.account, **arguments}, str(n)]
            for n, (name, arguments) in enumerate(calls)
        ]
        answer = json.loads(
            self.http(self.session["apiUrl"], json.dumps({"using": USING, "methodCalls": wire}).encode())
        )
        for name, arguments, _ in answer["methodResponses"]:
            assert name != "error", arguments
        return [arguments for _, arguments, _ in answer["methodResponses"]]

    def role(self, role: str) -> str:
        (got,) = self.call(("Mailbox/get", {"ids": None}))
        return next(str(mailbox["id"]) for mailbox in got["list"] if mailbox["role"] == role)

    def expand(self, url: str, **values: str) -> str:
        for name, value in {"accountId": self.account, **values}.items():
            url = url.replace("{" + name + "}", value)
        return url

    def put(self, octets: bytes, mailbox: str) -> str:
        """Upload and import one message; its Email id."""
        uploaded = json.loads(self.http(self.expand(self.session["uploadUrl"]), octets, "message/rfc822"))
        assert uploaded["size"] == len(octets)
        (imported,) = self.call(
            ("Email/import", {"emails": {"a": {"blobId": uploaded["blobId"], "mailboxIds": {mailbox: True}}}})
        )
        return str(imported["created"]["a"]["id"])


@pytest.fixture
def anna(family: Family) -> Client:
    return Client(family, "anna")


def test_the_inbox_in_one_request(anna: Client) -> None:
    """RFC 8620 section 3.7 result references; RFC 8621 section 4.4."""
    inbox = anna.role("inbox")
    email = anna.put(mails.picture(), inbox)
    query, emails, threads = anna.call(
        (
            "Email/query",
            {
                "filter": {"inMailbox": inbox},
                "sort": [{"property": "receivedAt", "isAscending": False}],
                "limit": 10,
                "calculateTotal": True,
            },
        ),
        (
            "Email/get",
            {
                "#ids": {"resultOf": "0", "name": "Email/query", "path": "/ids"},
                "properties": [
                    "threadId",
                    "subject",
                    "from",
                    "preview",
                    "keywords",
                    "bodyValues",
                    "textBody",
                    "blobId",
                ],
                "fetchTextBodyValues": True,
            },
        ),
        ("Thread/get", {"#ids": {"resultOf": "1", "name": "Email/get", "path": "/list/*/threadId"}}),
    )
    assert query["ids"][0] == email
    assert query["total"] >= 1
    first = emails["list"][0]
    assert first["subject"] == "Grüße aus Köln"
    assert first["from"] == [{"name": "Jörg", "email": "joerg@remote.test"}]
    assert "Text für Leser" in first["bodyValues"][first["textBody"][0]["partId"]]["value"]
    assert email in threads["list"][0]["emailIds"]


def test_upload_and_download_give_the_same_octets(anna: Client) -> None:
    """RFC 8620 sections 6.1 and 6.2."""
    sent = mails.attachment(300_000)
    email = anna.put(sent, anna.role("archive"))
    (got,) = anna.call(("Email/get", {"ids": [email], "properties": ["blobId", "attachments", "size"]}))
    found = got["list"][0]
    assert found["size"] == len(sent)
    url = anna.expand(
        anna.session["downloadUrl"], blobId=found["blobId"], name="m.eml", type="message%2Frfc822"
    )
    assert anna.http(url) == sent
    part = found["attachments"][0]
    url = anna.expand(
        anna.session["downloadUrl"], blobId=part["blobId"], name="p.pdf", type="application%2Fpdf"
    )
    assert len(anna.http(url)) == part["size"] == 300_000


def test_email_set_changes_keywords_and_mailboxes_and_destroys(anna: Client) -> None:
    """RFC 8621 section 4.6."""
    inbox, trash = anna.role("inbox"), anna.role("trash")
    email = anna.put(mails.plain("To be changed"), inbox)
    anna.call(("Email/set", {"update": {email: {"keywords/$seen": True, "mailboxIds": {trash: True}}}}))
    (got,) = anna.call(("Email/get", {"ids": [email], "properties": ["keywords", "mailboxIds"]}))
    assert got["list"][0]["keywords"] == {"$seen": True}
    assert got["list"][0]["mailboxIds"] == {trash: True}
    (answer,) = anna.call(("Email/set", {"destroy": [email]}))
    assert answer["destroyed"] == [email]
    (got,) = anna.call(("Email/get", {"ids": [email]}))
    assert got["notFound"] == [email]


def test_a_submission_arrives_and_the_event_source_says_so(family: Family, anna: Client) -> None:
    """RFC 8621 section 7; RFC 8620 section 7.3."""
    ben = Client(family, "ben")
    before = ben.call(("Email/get", {"ids": []}))[0]["state"]
    url = ben.expand(ben.session["eventSourceUrl"], types="*", closeafter="state", ping="0")
    events: list[bytes] = []
    opened = threading.Event()

    def listen() -> None:
        with ben.open(url) as stream:
            opened.set()
            events.append(stream.read())

    listener = threading.Thread(target=listen)
    listener.start()
    assert opened.wait(10)
    drafts, sent = anna.role("drafts"), anna.role("sent")
    (identities,) = anna.call(("Identity/get", {"ids": None}))
    create = {
        "mailboxIds": {drafts: True},
        "keywords": {"$draft": True, "$seen": True},
        "from": [{"name": "Anna", "email": family.address("anna")}],
        "to": [{"email": family.address("ben")}],
        "subject": "Über JMAP",
        "textBody": [{"partId": "t", "type": "text/plain"}],
        "bodyValues": {"t": {"value": "Schön, dass es geht."}},
    }
    answers = anna.call(
        ("Email/set", {"create": {"draft": create}}),
        (
            "EmailSubmission/set",
            {
                "create": {"send": {"emailId": "#draft", "identityId": identities["list"][0]["id"]}},
                "onSuccessUpdateEmail": {
                    "#send": {
                        f"mailboxIds/{drafts}": None,
                        f"mailboxIds/{sent}": True,
                        "keywords/$draft": None,
                    }
                },
            },
        ),
    )
    assert "send" in answers[1]["created"]
    listener.join(10)
    assert b"event: state" in events[0]
    (changes,) = ben.call(("Email/changes", {"sinceState": before}))
    (got,) = ben.call(("Email/get", {"ids": changes["created"], "properties": ["subject", "from"]}))
    assert [email["subject"] for email in got["list"]] == ["Über JMAP"]
    (own,) = anna.call(
        ("Email/get", {"ids": [answers[0]["created"]["draft"]["id"]], "properties": ["mailboxIds"]})
    )
    assert own["list"][0]["mailboxIds"] == {sent: True}
