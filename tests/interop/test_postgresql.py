"""The whole server on PostgreSQL: mail goes in by SMTP and is read by IMAP and JMAP."""

import base64
import imaplib
import json
import smtplib
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.family import PASSWORD, Family
from tests.support.postgres import cluster

pytestmark = pytest.mark.slow

LARGE = b"Subject: large\r\n\r\n" + b"text " * 100_000 + b"\r\n"


@pytest.fixture
def metadata() -> Iterator[str]:
    with cluster().database() as url:
        yield url


def send(family: Family, octets: bytes) -> None:
    with smtplib.SMTP("127.0.0.1", family.ports["smtp"], "client.test", timeout=20) as client:
        client.sendmail("out@remote.test", [family.address("anna")], octets)


def read(family: Family) -> list[bytes]:
    client = imaplib.IMAP4("127.0.0.1", family.ports["imap"])
    client.login(family.address("anna"), PASSWORD)
    client.select("INBOX")
    _, data = client.fetch("1:*", "(BODY.PEEK[])")
    client.logout()
    return [piece[1] for piece in data if isinstance(piece, tuple)]


def subjects(family: Family) -> list[str]:
    login = base64.b64encode(f"{family.address('anna')}:{PASSWORD}".encode()).decode()
    base = f"http://127.0.0.1:{family.ports['http']}"

    def call(path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        request = urllib.request.Request(  # noqa: S310 - http
            base + path,
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Basic {login}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return json.load(answer)

    session = call("/jmap/session")
    account = session["primaryAccounts"]["urn:ietf:params:jmap:mail"]
    answer = call(
        "/jmap/api",
        {
            "using": ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"],
            "methodCalls": [
                ["Email/query", {"accountId": account, "sort": [{"property": "receivedAt"}]}, "q"],
                [
                    "Email/get",
                    {
                        "accountId": account,
                        "#ids": {"resultOf": "q", "name": "Email/query", "path": "/ids"},
                        "properties": ["subject"],
                    },
                    "g",
                ],
            ],
        },
    )
    return [email["subject"] for email in answer["methodResponses"][1][1]["list"]]


def test_mail_comes_in_and_is_read_and_stays_over_a_restart(tmp_path: Path, metadata: str) -> None:
    family = Family(tmp_path / "node", metadata=metadata)
    with family:
        send(family, b"Subject: small\r\n\r\nhello\r\n")
        send(family, LARGE)
        small, large = read(family)
        assert small.endswith(b"Subject: small\r\n\r\nhello\r\n")
        assert large.endswith(LARGE)
        assert subjects(family) == ["small", "large"]
    assert not list((tmp_path / "node" / "data").glob("store.sqlite*"))
    with family:
        assert subjects(family) == ["small", "large"]
        assert family.run("verify", "--messages").startswith("no faults")
