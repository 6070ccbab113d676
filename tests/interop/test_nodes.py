"""Several nodes over one database and one bucket: what one has accepted or changed the other has at once."""

import base64
import contextlib
import imaplib
import itertools
import os
import random
import smtplib
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.interop.test_jmap_calls import Client
from tests.interop.test_kill import names_in_inbox
from tests.support import mails
from tests.support.family import PASSWORD
from tests.support.nodes import LEASE_SECONDS, Idle, Node, Nodes, two_nodes, until
from tests.support.street import own, submit

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

AT_ONCE_SECONDS = 2.5
"""Below the five seconds after which a node looks by itself, on a machine that does much else."""

LARGE = base64.encodebytes(random.Random(7).randbytes(300_000)).replace(b"\n", b"\r\n")  # noqa: S311


def send(node: Node, octets: bytes, *, to: str = "anna") -> None:
    with smtplib.SMTP("127.0.0.1", node.family.ports["smtp"], "client.test", timeout=20) as client:
        client.sendmail("out@remote.test", [node.family.address(to)], octets)


def logged_in(node: Node) -> imaplib.IMAP4:
    client = imaplib.IMAP4("127.0.0.1", node.family.ports["imap"])
    client.login(node.family.address("anna"), PASSWORD)
    return client


def can_log_in(node: Node, name: str, password: str = PASSWORD) -> bool:
    with imaplib.IMAP4("127.0.0.1", node.family.ports["imap"]) as client:
        try:
            client.login(node.family.address(name), password)
        except imaplib.IMAP4.error:
            return False
        return True


def accepts(node: Node, name: str) -> bool:
    with smtplib.SMTP("127.0.0.1", node.family.ports["smtp"], "client.test", timeout=20) as client:
        client.ehlo()
        client.mail("out@remote.test")
        return client.rcpt(node.family.address(name))[0] == 250


def mail_is_seen_at_once(nodes: Nodes) -> None:
    """Mail comes in on A; an idling client of B is told, and JMAP on B has it when A has said 250."""
    idle = Idle(nodes.b)
    send(nodes.a, mails.plain("first"))
    jmap = Client(nodes.b.family, "anna")
    (found,) = jmap.call(("Email/query", {"filter": {"subject": "first"}}))
    assert len(found["ids"]) == 1
    assert idle.heard(rb"^\* 1 EXISTS") < AT_ONCE_SECONDS
    idle.close()


def flags_are_seen_at_once(nodes: Nodes) -> None:
    """Flags are set on B by IMAP and JMAP; an idling client of A is told."""
    idle = Idle(nodes.a)
    there = logged_in(nodes.b)
    there.select("INBOX")
    there.store("1", "+FLAGS", r"(\Flagged)")
    assert idle.heard(rb"^\* 1 FETCH .*\\Flagged") < AT_ONCE_SECONDS
    jmap = Client(nodes.b.family, "anna")
    (found,) = jmap.call(("Email/query", {}))
    (changed,) = jmap.call(("Email/set", {"update": {found["ids"][0]: {"keywords/$answered": True}}}))
    assert changed["updated"]
    assert idle.heard(rb"^\* 1 FETCH .*\\Answered") < AT_ONCE_SECONDS
    idle.close()
    there.logout()


def a_large_mail_is_whole(nodes: Nodes) -> None:
    """What is above 256 KiB lies in the bucket, and nowhere on the node that accepted it."""
    octets = b"Subject: large\r\n\r\n" + LARGE
    send(nodes.a, octets)
    here = logged_in(nodes.b)
    here.select("INBOX", readonly=True)
    _, data = here.fetch("2", "(BODY.PEEK[])")
    here.logout()
    assert isinstance(data[0], tuple)
    assert data[0][1].endswith(octets)
    assert nodes.sql("SELECT count(*) FROM blobs WHERE pack < 0 AND size_octets > 262144") == "1"
    for node in (nodes.a, nodes.b):
        assert not list((node.family.folder / "data").rglob("*.pack"))


def accounts_are_known_at_once(nodes: Nodes) -> None:
    """B remembers for an hour that there is no ben, unless it is told that this is out of date."""
    assert not can_log_in(nodes.b, "ben")
    nodes.a.family.add_account("ben")
    until(lambda: can_log_in(nodes.b, "ben"), AT_ONCE_SECONDS)


def changes_of_accounts_are_known_at_once(nodes: Nodes) -> None:
    """The same for an alias and a password."""
    assert not accepts(nodes.b, "sales")
    accounts_are_known_at_once(nodes)
    run = nodes.a.family.run
    run("alias", "add", nodes.a.family.address("sales"), nodes.a.family.address("ben"))
    until(lambda: accepts(nodes.b, "sales"), AT_ONCE_SECONDS)
    run("account", "set", nodes.a.family.address("ben"), "--password-stdin", text="another one, longer")
    until(lambda: not can_log_in(nodes.b, "ben"), AT_ONCE_SECONDS)
    assert can_log_in(nodes.b, "ben", "another one, longer")


class Browser(urllib.request.HTTPRedirectHandler):
    """Signs in on one node, and shows its cookie on all."""

    def __init__(self) -> None:
        self._opener = urllib.request.build_opener(self)
        self.cookie = ""

    def redirect_request(self, *_: object) -> None:
        """Go nowhere else."""

    def ask(self, node: Node, path: str, **form: str) -> int:
        """Make a request; gives its status."""
        base = f"http://127.0.0.1:{node.family.ports['http']}"
        data = urllib.parse.urlencode(form).encode() if form else None
        headers = {"Origin": base, "Cookie": self.cookie}
        request = urllib.request.Request(base + path, data, headers)  # noqa: S310 - loopback
        try:
            answer = self._opener.open(request, timeout=20)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            cookie = answer.headers.get("Set-Cookie", "").partition(";")[0]
            self.cookie = cookie if cookie.partition("=")[2].strip('"') else self.cookie
            return int(answer.status)


def sessions_hold_on_all_nodes(nodes: Nodes) -> None:
    """A browser that is sent to another node stays signed in, and out once it has signed out."""
    browser = Browser()
    assert browser.ask(nodes.b, "/jmap/session") == 401
    assert browser.ask(nodes.a, "/login", address=nodes.a.family.address("anna"), password=PASSWORD) == 303
    assert browser.ask(nodes.b, "/jmap/session") == 200
    assert browser.ask(nodes.a, "/logout", now="1") == 303
    until(lambda: browser.ask(nodes.b, "/jmap/session") == 401, AT_ONCE_SECONDS)


class Load:
    """Senders who deliver to a node until it is gone, and note what was answered with 250."""

    def __init__(self, node: Node, run: str, senders: int) -> None:
        self._node = node
        self._run = run
        self._lock = threading.Lock()
        self.acknowledged: set[str] = set()
        self.unanswered: set[str] = set()
        self._threads = [threading.Thread(target=self._send, args=(n,)) for n in range(senders)]
        for thread in self._threads:
            thread.start()

    def _send(self, sender: int) -> None:
        port = self._node.family.ports["smtp"]
        with (
            contextlib.suppress(OSError, smtplib.SMTPException),
            smtplib.SMTP("127.0.0.1", port, "load.test", timeout=20) as client,
        ):
            for number in itertools.count():
                name = f"{self._run}s{sender}n{number}x"
                with self._lock:
                    self.unanswered.add(name)
                large = LARGE + name.encode() if number % 20 == 5 else b""
                client.sendmail(
                    "load@remote.test", [self._node.family.address("anna")], mails.plain(name) + large
                )
                with self._lock:
                    self.unanswered.discard(name)
                    self.acknowledged.add(name)

    def join(self) -> None:
        """Wait until all have lost their connections."""
        for thread in self._threads:
            thread.join(30)


def a_node_is_killed(nodes: Nodes, victim: Node, run: str, wanted: int) -> None:
    """Kill -9 of everything of a node under load: all that it has acknowledged is there on the other.

    The victim has mail for another domain on its way when it dies, and the other one brings it there.
    """
    survivor = nodes.b if victim is nodes.a else nodes.a
    victim.sink.silent, survivor.sink.silent = True, False
    victim.sink.connected.clear()
    outgoing: list[str] = []
    while not victim.sink.connected.wait(0.2):  # until the victim takes one before the other does
        outgoing.append(f"{run}out{len(outgoing)}x")
        submit(victim.family, own(outgoing[-1]), "somebody@elsewhere.test")
    load = Load(victim, run, 4)
    until(lambda: len(load.acknowledged) >= wanted)
    victim.family.kill()
    load.join()
    found = names_in_inbox(survivor.family)
    assert load.acknowledged <= found.keys(), sorted(load.acknowledged - found.keys())[:5]
    assert not [name for name, count in found.items() if count > 1]
    assert {name for name in found if name.startswith(run)} <= load.acknowledged | load.unanswered
    until(lambda: nodes.sql("SELECT count(*) FROM queue_recipients") == "0", LEASE_SECONDS + 15)
    taken = sorted(name for name in outgoing for octets in survivor.sink.taken if name.encode() in octets)
    assert taken == sorted(outgoing)


@pytest.fixture
def nodes(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Nodes]:
    with two_nodes(tmp_path, processes=request.param) as running:
        yield running


@pytest.mark.parametrize("nodes", [(1, 1)], indirect=True)
def test_two_nodes_are_one_server(nodes: Nodes) -> None:
    mail_is_seen_at_once(nodes)
    flags_are_seen_at_once(nodes)
    a_large_mail_is_whole(nodes)
    accounts_are_known_at_once(nodes)
    sessions_hold_on_all_nodes(nodes)
    a_node_is_killed(nodes, nodes.a, "r0", 20)


@pytest.mark.long
@pytest.mark.parametrize("nodes", [(2, 2)], indirect=True)
def test_nodes_take_over_from_each_other_again_and_again(nodes: Nodes) -> None:
    """Whole families: the node that keeps house is killed each time, and started again."""
    mail_is_seen_at_once(nodes)
    flags_are_seen_at_once(nodes)
    a_large_mail_is_whole(nodes)
    changes_of_accounts_are_known_at_once(nodes)
    sessions_hold_on_all_nodes(nodes)
    waits: list[float] = []
    for round_number in range(int(os.environ.get("PYMAILCORE_NODE_KILLS", "6"))):
        until(lambda: bool(nodes.housekeepers()))
        victim = nodes.housekeepers()[0]
        survivor = nodes.b if victim is nodes.a else nodes.a
        a_node_is_killed(nodes, victim, f"r{round_number}", 50 + 40 * round_number)
        waits.append(until(lambda node=survivor: nodes.housekeepers()[0] is node))  # type: ignore[misc]
        victim.family.start()
        assert names_in_inbox(victim.family) == names_in_inbox(survivor.family)
    assert nodes.a.family.run("verify", "--messages").startswith("no faults")
    print(f"house taken over after {', '.join(f'{wait:.1f}' for wait in waits)} s")  # noqa: T201 - for -s
