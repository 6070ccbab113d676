"""S19 of docs/develop/threats.md: fifty at once, by all ways into an account, keep to its quota."""

import contextlib
import imaplib
import smtplib
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.engines import ENGINES
from tests.support.postgres import cluster
from tests.support.raw_sink import raw_sink
from tests.support.sending_scene import ANNA, PASSWORD, Scene, scene_with

from pymailcore.app.core import Core
from pymailcore.store.types import Quota
from pymailcore.store.verifying.counts import verify_counts

pytestmark = pytest.mark.slow

ROOM, SENDERS = 12, 50
MANY = "[jmap]\nmax_concurrent_requests = 64\nmax_concurrent_upload = 64\n"
BODY = b"From: <carla@remote.test>\r\nTo: <anna@example.test>\r\nSubject: %d\r\n\r\n" + b"x" * 76 + b"\r\n"


@pytest.fixture(scope="module", params=ENGINES)
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    """A server with anna's account, on each engine of the store."""
    with contextlib.ExitStack() as stack:
        on_postgresql = request.param == "postgresql"
        metadata = stack.enter_context(cluster().database()) if on_postgresql else ""
        yield stack.enter_context(scene_with(stack.enter_context(raw_sink()), MANY, metadata=metadata))


def by_mx(scene: Scene, number: int) -> bool:
    """Mail of a stranger: 250, or 452 for the while; a size that is a lie helps nobody."""
    with smtplib.SMTP("127.0.0.1", scene.server.ports["smtp"], "client.test") as client:
        client.ehlo()
        assert client.mail("carla@remote.test", ["SIZE=1"])[0] == 250
        code, _ = client.rcpt(ANNA)
        if code == 250:
            code, _ = client.data(BODY % number)
        assert code in {250, 452}, code
        return code == 250


def by_append(scene: Scene, number: int) -> bool:
    """IMAP APPEND: OK, or NO [OVERQUOTA]."""
    with imaplib.IMAP4("127.0.0.1", scene.server.ports["imap"]) as client:
        client.login(ANNA, PASSWORD)
        kind, data = client.append("Archive", "", "", BODY % number)
        assert kind == "OK" or b"OVERQUOTA" in data[0], data
        return kind == "OK"


def by_copy(scene: Scene, number: int) -> bool:
    """IMAP COPY files the same Email in one Mailbox more, and takes no room."""
    with imaplib.IMAP4("127.0.0.1", scene.server.ports["imap"]) as client:
        client.login(ANNA, PASSWORD)
        client.select("Trash")
        kind, data = client.copy("1", "Junk" if number % 2 else "Archive")
        assert kind == "OK" or b"OVERQUOTA" in data[0], data
        return kind == "OK"


def made_or_over(name: str, done: dict[str, Any]) -> bool:
    """Whether a method of JMAP made an Email; anything but overQuota, or too much at once, is a fault."""
    if name == "error":
        assert done["type"] == "limit", done
        return False
    if done.get("created"):
        return True
    assert done["notCreated"]["k"]["type"] == "overQuota", done
    return False


def by_import(scene: Scene, number: int) -> bool:
    """An upload, and Email/import: done, or overQuota."""
    blob = scene.upload(BODY % number)  # is not counted until it is an Email
    email = {"blobId": blob, "mailboxIds": {scene.mailbox("archive"): True}}
    ((name, done, _),) = scene.jmap(
        ["Email/import", {"accountId": scene.account(), "emails": {"k": email}}, "0"]
    )
    return made_or_over(name, done)


def by_creating(scene: Scene, number: int) -> bool:
    """Email/set create: done, or overQuota."""
    properties = {
        "mailboxIds": {scene.mailbox("drafts"): True},
        "subject": str(number),
        "textBody": [{"partId": "1"}],
        "bodyValues": {"1": {"value": "x" * 70}},
    }
    ((name, done, _),) = scene.jmap(
        ["Email/set", {"accountId": scene.account(), "create": {"k": properties}}, "0"]
    )
    return made_or_over(name, done)


WAYS = (by_mx, by_append, by_copy, by_import, by_creating)


def test_fifty_at_once_go_no_further_than_the_quota(scene: Scene) -> None:
    """RFC 9208 section 5: charged in the transaction that files; what counts is what is there."""
    (account,) = scene.rows("SELECT id FROM accounts")[0]
    assert by_append(scene, 0)
    with imaplib.IMAP4("127.0.0.1", scene.server.ports["imap"]) as client:
        client.login(ANNA, PASSWORD)
        client.append("Trash", "", "", BODY % 1)

    async def limit(core: Core) -> Quota:
        _, used = await core.store.quotas.of_account(account)
        await core.store.quotas.set_account(account, Quota(emails=(used.emails or 0) + ROOM))
        return used

    before = scene.server.run(limit)
    done: list[str] = []
    faults: list[BaseException] = []
    gate = threading.Barrier(SENDERS)

    def one(number: int) -> None:
        way = WAYS[number % len(WAYS)]
        try:
            gate.wait(20)
            if way(scene, number):
                done.append(way.__name__)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []

    async def used_now(core: Core) -> Quota:
        _, used = await core.store.quotas.of_account(account)
        return used

    after = scene.server.run(used_now)
    assert before.emails is not None
    assert after.emails == before.emails + ROOM
    assert scene.rows(f"SELECT count(*) FROM emails WHERE account = {account}") == [(after.emails,)]  # noqa: S608
    taken = Counter(done)
    assert sum(taken.values()) - taken["by_copy"] == ROOM, taken
    assert scene.server.run(counted_anew) == []


async def counted_anew(core: Core) -> list[str]:
    """Where what the store has counted is not what is there."""
    return list(await core.store.database.read(verify_counts))
