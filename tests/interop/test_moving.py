"""A server that runs goes from SQLite to PostgreSQL, encrypted, while people read; it goes on there."""

import imaplib
import re
import smtplib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from tests.interop.test_jmap_calls import Client
from tests.support.family import PASSWORD, Family
from tests.support.postgres import cluster
from tests.support.stores import counted_ids

from pymailcore.config.read import read_file
from pymailcore.store.keyfile import create_key_file
from pymailcore.store.opening import open_store

pytestmark = pytest.mark.slow

SECRET = b"a text that no disk has to show " * 200


def send(family: Family, subject: str) -> None:
    with smtplib.SMTP("127.0.0.1", family.ports["smtp"], "client.test", timeout=20) as client:
        octets = f"Subject: {subject}\r\n\r\n".encode() + SECRET + b"\r\n"
        client.sendmail("out@remote.test", [family.address("anna")], octets)


def login(family: Family) -> imaplib.IMAP4:
    client = imaplib.IMAP4("127.0.0.1", family.ports["imap"])
    client.login(family.address("anna"), PASSWORD)
    assert client.select("INBOX")[0] == "OK"
    return client


def pictures(family: Family) -> list[object]:
    """What IMAP and JMAP clients keep, and compare with what they find later."""
    client = login(family)
    _, listed = client.fetch("1:*", "(UID FLAGS INTERNALDATE)")
    _, status = client.status("INBOX", "(MESSAGES UIDNEXT UIDVALIDITY)")
    client.logout()
    jmap = Client(family, "anna")
    mailboxes, query = jmap.call(
        ("Mailbox/get", {"ids": None}),
        ("Email/query", {"sort": [{"property": "receivedAt"}]}),
    )
    (emails,) = jmap.call(
        ("Email/get", {"ids": query["ids"], "properties": ["threadId", "blobId", "keywords"]})
    )
    return [listed, status, mailboxes, query, emails]


def frozen(family: Family, check: Callable[[], None]) -> None:
    """Do something while the store is frozen, as it is while rows are copied."""

    async def run() -> None:
        settings = read_file(family.config).store
        async with (
            open_store(settings, notify=_nobody, ids=counted_ids(3), maintain=False) as store,
            store.database.freeze(),
        ):
            await trio.to_thread.run_sync(check)

    trio.run(run)


def _nobody(*_: object) -> None:
    """Nobody listens."""


def reading_goes_on_and_writing_is_put_off(family: Family) -> None:
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(family, "late")
    assert refused.value.smtp_code == 451
    assert b"try again later" in refused.value.smtp_error
    client = login(family)
    _, found = client.fetch("1", "(BODY[])")  # which would set \\Seen
    assert isinstance(found[0], tuple)
    assert SECRET in found[0][1]
    for refuse in (
        lambda: client.append("INBOX", "", "", b"Subject: x\r\n\r\nx\r\n"),
        lambda: client.store("1", "+FLAGS", "\\Flagged"),
        lambda: client.create("new"),
    ):
        answer, (text,) = refuse()
        assert answer == "NO"
        assert text.startswith(b"[UNAVAILABLE] "), text
    client.logout()
    jmap = Client(family, "anna")
    (query,) = jmap.call(("Email/query", {}))
    (email, *_) = query["ids"]
    (got,) = jmap.call(("Email/get", {"ids": [email], "properties": ["subject"]}))
    assert got["list"][0]["subject"].startswith("mail ")
    with pytest.raises(AssertionError, match="serverUnavailable"):
        jmap.call(("Email/set", {"update": {email: {"keywords/$flagged": True}}}))


def test_a_running_server_moves(tmp_path: Path) -> None:
    key = tmp_path / "master.key"
    create_key_file(key)
    family = Family(tmp_path / "node", processes=1, extra=f'[store]\nencryption_key_file = "{key}"\n\n')
    with cluster().database() as url:
        with family:
            for number in range(3):
                send(family, f"mail {number}")
            client = login(family)
            client.store("2", "+FLAGS", "(\\Seen $work)")
            client.store("3", "+FLAGS", "\\Deleted")
            client.expunge()
            client.logout()
            before = pictures(family)
            frozen(family, lambda: reading_goes_on_and_writing_is_put_off(family))
            assert pictures(family) == before
            family.run("move-engine", "--to", url, "--switch")
            reading_goes_on_and_writing_is_put_off(family)  # until it is restarted
        assert f'metadata = "{url}"' in family.config.read_text()
        with family:
            assert pictures(family) == before
            send(family, "the first of the new age")
            client = login(family)
            (uid,) = re.findall(rb"UID (\d+)", b"".join(_octets(client.fetch("3", "(UID)")[1])))
            assert int(uid) == 4  # 3 was expunged before
            _, found = client.fetch("1:3", "(BODY.PEEK[])")
            assert sum(SECRET in piece[1] for piece in found if isinstance(piece, tuple)) == 3
            client.logout()
            assert family.run("verify", "--messages").startswith("no faults")
    packs = list((tmp_path / "node" / "data" / "packs").glob("*.pack"))
    assert packs
    assert not any(SECRET[:32] in path.read_bytes() for path in packs)


def _octets(pieces: list[Any]) -> list[bytes]:
    return [piece if isinstance(piece, bytes) else b"".join(piece) for piece in pieces]
