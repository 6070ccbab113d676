"""What ends a sign-in ends every session that was opened with it, of all protocols (security notes, A6).

A whole server, real sockets: six kinds of sessions are open when the account is suspended, or gets another
password, or its tenant is suspended; each must have ended five seconds later. A session of somebody else
stays.
"""

import base64
import contextlib
import http.client
import imaplib
import selectors
import smtplib
import socket
import time
from collections.abc import Awaitable, Callable, Iterator

import pytest

from pymailcore.app.core import Core
from pymailcore.base.address import Address
from pymailcore.directory.accounts import Changed
from pymailcore.directory.actors import SYSTEM
from pymailcore.testing.server import MailServer

PASSWORD = "correct horse battery"
DEADLINE_SECONDS = 5.0
ANNA = Address("anna", "example.test")

pytestmark = pytest.mark.slow


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        running.add_account("anna", PASSWORD)
        running.add_account("ben", PASSWORD)
        yield running


def imap(server: MailServer, name: str) -> imaplib.IMAP4:
    client = imaplib.IMAP4(server.host, server.ports["imap"], timeout=20)
    client.authenticate("PLAIN", lambda _: f"\0{name}@example.test\0{PASSWORD}".encode())
    client.select("INBOX")
    return client


def idle(server: MailServer) -> socket.socket:
    client = imap(server, "anna")
    client.send(b"i1 IDLE\r\n")
    assert client.readline().startswith(b"+")
    return client.sock


def submission(server: MailServer, *, inside: bool) -> socket.socket:
    client = smtplib.SMTP(server.host, server.ports["submission"], timeout=20)
    client.login("anna@example.test", PASSWORD)
    if inside:
        assert client.mail("anna@example.test")[0] == 250
    assert client.sock is not None
    return client.sock


def event_source(server: MailServer, headers: dict[str, str]) -> socket.socket:
    client = http.client.HTTPConnection(server.host, server.ports["http"], timeout=20)
    client.request("GET", "/jmap/eventsource?types=*&closeafter=no&ping=0", headers=headers)
    answer = client.getresponse()
    assert answer.status == 200, answer.read()
    assert client.sock is not None
    return client.sock


def cookie(server: MailServer) -> str:
    async def work(core: Core) -> str:
        account = await core.directory.accounts.get(ANNA)
        return await core.directory.create_session(account.id, user_agent="test", peer="127.0.0.1")

    return f"session={server.run(work)}"


async def suspend(core: Core) -> None:
    await core.directory.accounts.set(SYSTEM, ANNA, Changed(state="suspended", reason="test"))


async def change_password(core: Core) -> None:
    account = await core.directory.accounts.get(ANNA)
    await core.directory.credentials.set_password(SYSTEM, account.id, "another horse battery")


def seconds_until_closed(open_sockets: dict[str, socket.socket]) -> dict[str, float]:
    """How long each takes until its peer has closed it or ended the stream of events; others are missing."""
    began, ended = time.monotonic(), dict[str, float]()
    with selectors.DefaultSelector() as selector:
        for name, one in open_sockets.items():
            one.setblocking(False)
            selector.register(one, selectors.EVENT_READ, name)
        while len(ended) < len(open_sockets) and time.monotonic() - began < 2 * DEADLINE_SECONDS:
            for key, _ in selector.select(0.2):
                assert isinstance(key.fileobj, socket.socket)
                try:
                    octets = key.fileobj.recv(65_536)
                except ConnectionResetError:
                    octets = b""
                if not octets or octets.endswith(b"0\r\n\r\n"):
                    ended[key.data] = time.monotonic() - began
                    selector.unregister(key.fileobj)
    return ended


@pytest.mark.parametrize("end", [suspend, change_password])
def test_all_sessions_end_within_five_seconds(
    end: Callable[[Core], Awaitable[None]], server: MailServer
) -> None:
    with contextlib.ExitStack() as closing:
        _end_them_all(end, server, closing)


def _end_them_all(
    end: Callable[[Core], Awaitable[None]], server: MailServer, closing: contextlib.ExitStack
) -> None:
    basic = base64.b64encode(f"anna@example.test:{PASSWORD}".encode()).decode()
    stays = imap(server, "ben")
    open_sockets = {
        "IMAP in IDLE": idle(server),
        "IMAP that says nothing": imap(server, "anna").sock,
        "submission that says nothing": submission(server, inside=False),
        "submission in a transaction": submission(server, inside=True),
        "events with a password": event_source(server, {"Authorization": f"Basic {basic}"}),
        "events with a cookie": event_source(server, {"Cookie": cookie(server)}),
    }
    for one in (*open_sockets.values(), stays.sock):
        closing.callback(one.close)
    server.run(end)
    ended = seconds_until_closed(open_sockets)
    assert set(ended) == set(open_sockets)
    assert max(ended.values()) <= DEADLINE_SECONDS, ended
    assert stays.noop()[0] == "OK"
