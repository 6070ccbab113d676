"""Nothing of another account comes out of a whole server, whatever one does there (security notes, T7).

Ben uses every protocol, the pages and the commands that give him what is his. Anna, of his domain, and Carla,
of another tenant, have only things with a canary in them, mail of the same Thread and with the same words
included. No octet that Ben gets bears one, no line that is logged meanwhile does, and no page of metrics.
The tests of `jmap` and `imap` (`test_registry_canaries`, `test_server_tenants`) ask more of these two.
"""

import base64
import contextlib
import http.client
import imaplib
import json
import smtplib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner
from tests.support.logs import captured
from tests.support.stores import EnginePlace

from pymailcore.app.core import Core
from pymailcore.base import ids
from pymailcore.base.address import Address
from pymailcore.base.envelope import PLAIN, Envelope, Terms
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.cli.main import cli
from pymailcore.directory.accounts import Changed
from pymailcore.directory.actors import SYSTEM
from pymailcore.runtime.clock import now_ms
from pymailcore.runtime.metrics import page
from pymailcore.testing.server import MailServer
from pymailcore.web.access import SECURITY

CANARY: Final = "canary"
WORD: Final = "wren"
PASSWORD: Final = "correct horse battery"
BEN: Final = Address("ben", "example.test")
ANNA: Final = Address("anna", "example.test")
CARLA: Final = Address(f"carla-{CANARY}", f"{CANARY}.example")
TEAM: Final = Address("team", "example.test")
MAIL: Final = (
    "From: {who} <{sender}>\r\nTo: x@example.net\r\nSubject: Re: minutes {who}\r\n"
    "Message-ID: <{who}-{sender}>\r\nIn-Reply-To: <minutes@example.test>\r\n\r\n{word} {who}\r\n"
)

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path, store_settings: EnginePlace) -> Iterator[MailServer]:
    """A server whose data the commands work on, too."""
    metadata = store_settings.get("metadata", "")
    cheap = "[directory]\nargon2_memory_kib = 64\nargon2_time_cost = 1\nscram_iterations_count = 64\n"
    tables = f'metadata = "{metadata}"\n' if metadata else ""
    listener = '[[listener]]\nprotocol = "imap"\nbind = "127.0.0.1:0"\n'
    (tmp_path / "pymailcore.toml").write_text(
        f'hostname = "localhost"\ndata = "data"\n{tables}{cheap}{listener}'
    )
    settings = "[smtp]\nerror_delay_seconds = 0\n"
    with MailServer(tmp_path, metadata=metadata, settings=settings) as running:
        for one in (BEN, ANNA):
            running.add_account(str(one), PASSWORD)
        running.run(fill)
        yield running


async def fill(core: Core) -> None:
    """Give the others one of each thing."""
    directory = core.directory
    tenant = await directory.tenants.add(SYSTEM, f"{CANARY}-tenant", display=f"{CANARY} {WORD}")
    await directory.domains.add(SYSTEM, CARLA.domain, tenant=tenant.id)
    await directory.accounts.add(SYSTEM, CARLA, PASSWORD)
    await directory.groups.add(SYSTEM, TEAM, posting="members")
    for name in (ANNA, CARLA):
        await directory.accounts.set(SYSTEM, name, Changed(full_name=f"{CANARY} {WORD}", reason=CANARY))
        account = await directory.accounts.get(name)
        alias, target = Address(f"{CANARY}-alias", name.domain), Address(CANARY, "elsewhere.example")
        await directory.addresses.add(SYSTEM, alias, name)
        await directory.credentials.app_passwords.add(SYSTEM, account.id, f"{CANARY} {WORD}")
        await directory.create_session(account.id, user_agent=f"{CANARY} {WORD}", peer="192.0.2.77")
        octets = MAIL.format(who=CANARY, sender=name, word=WORD).encode()
        for to, terms in ((name, PLAIN), (target, Terms(hold_until_ms=now_ms() + 3_600_000))):
            envelope = Envelope(reverse_path=name, recipients=(to,), terms=terms)
            await core.delivery.accept(envelope, octets, tenant=account.tenant, received_ms=now_ms())
    await directory.groups.add_member(SYSTEM, TEAM, Address(f"{CANARY}-alias", ANNA.domain))
    await directory.forwards.set(SYSTEM, CARLA, Address(CANARY, "elsewhere.example"))
    mine = MAIL.format(who="me", sender=BEN, word=WORD).replace("<me-ben@", "<minutes@").encode()
    envelope = Envelope(reverse_path=BEN, recipients=(BEN,))
    await core.delivery.accept(envelope, mine, tenant=DEFAULT_TENANT, received_ms=now_ms())


def smtp_of(server: MailServer, listener: str, who: Address | None) -> list[str]:
    """What SMTP tells: about the transactions, addresses, and faults of somebody."""
    told: list[object] = []
    with smtplib.SMTP(server.host, server.ports[listener], timeout=20) as client:
        told.append(client.ehlo("client.example"))
        if who is not None:
            told.append(client.login(str(who), PASSWORD))
        for reverse_path in (BEN, ANNA, "x@elsewhere.example"):
            told.append(client.mail(str(reverse_path)))
            told += [client.rcpt(to) for to in (str(BEN), str(TEAM), "nobody@example.test", "x@b.example")]
            with contextlib.suppress(smtplib.SMTPDataError):
                told.append(client.data(b"From: <ben@example.test>\r\nSubject: hi\r\n\r\nwren\r\n"))
            client.rset()
        told += [client.verify(f"<{name}>") for name in (ANNA, TEAM, WORD)]
        told += [client.docmd("EXPN", str(TEAM)), client.docmd("HELP"), client.docmd("WHAT")]
    return [str(one) for one in told]


def imap_of(server: MailServer, who: Address) -> list[str]:
    """What IMAP shows of all there is."""
    client = imaplib.IMAP4(server.host, server.ports["imap"], timeout=20)
    told: list[object] = [client.login(str(who), PASSWORD), client.list(), client.lsub(), client.namespace()]
    told += [client.select("INBOX"), client.fetch("1:*", "(FLAGS ENVELOPE BODYSTRUCTURE BODY.PEEK[])")]
    told += [client.search(None, key, WORD) for key in ("TEXT", "FROM", "SUBJECT", "BODY")]
    told += [client.thread("REFERENCES", "UTF-8", "ALL"), client.status("Sent", "(MESSAGES UNSEEN)")]
    told.append(client.logout())
    return [repr(one) for one in told]


def http_of(server: MailServer, who: Address) -> list[str]:
    """What JMAP, event sources and the pages show."""

    async def work(core: Core) -> tuple[str, str]:
        account = await core.directory.accounts.get(who)
        token = await core.directory.create_session(account.id, user_agent="test", peer="127.0.0.1")
        return ids.encode_id(ids.ACCOUNT, account.id), token

    account, token = server.run(work)
    basic = {"Authorization": "Basic " + base64.b64encode(f"{who}:{PASSWORD}".encode()).decode()}
    visitor = {"Cookie": f"session={token}", "User-Agent": "test"}
    told = list[str]()

    def ask(method: str, path: str, headers: dict[str, str], body: str | None = None) -> str:
        client = http.client.HTTPConnection(server.host, server.ports["http"], timeout=20)
        with contextlib.closing(client):
            client.request(method, path, body, headers)
            answer = client.getresponse()
            octets = answer.read()
            told.append(f"{answer.status} {answer.headers} {octets.decode('latin-1')}")
            return octets.decode("latin-1")

    session = json.loads(ask("GET", "/jmap/session", basic))
    gets, changes = ("Mailbox", "Identity", "EmailSubmission"), ("Thread", "Email")
    calls: list[list[object]] = [
        ["Email/query", {"accountId": account, "filter": {"text": WORD}, "calculateTotal": True}, "q"],
        [
            "Email/get",
            {
                "accountId": account,
                "#ids": {"resultOf": "q", "name": "Email/query", "path": "/ids"},
                "fetchAllBodyValues": True,
            },
            "e",
        ],
        ["Email/get", {"ids": None}, "wrong"],
    ]
    calls += [[f"{kind}/get", {"accountId": account}, kind] for kind in gets]
    calls += [[f"{kind}/changes", {"accountId": account, "sinceState": "0"}, kind] for kind in changes]
    body = json.dumps({"using": list(session["capabilities"]), "methodCalls": calls})
    found = json.loads(ask("POST", "/jmap/api", basic | {"Content-Type": "application/json"}, body))
    ask("GET", "/jmap/eventsource?types=*&closeafter=state&ping=0", basic | {"Last-Event-ID": "0.0.0.0.0"})
    (email, *_) = found["methodResponses"][0][1]["ids"]
    for path in ("/login", "/mail/", f"/view/{account}/{email}", "/nothing", f"/view/{account}/x", SECURITY):
        ask("GET", path, visitor)
    for page_ in ("password", "authenticator", "passkey", "recovery-codes", "app-password", "confirm"):
        ask("GET", f"{SECURITY}/{page_}", visitor)
    ask("POST", "/login", {"Content-Type": "application/x-www-form-urlencoded"}, f"name={who}&password=x")
    return told


def commands_of(folder: Path, who: Address) -> list[str]:
    """What the commands tell and write that are about one account."""
    told, exported = list[str](), folder / f"export-{who.localpart}"
    name, config = str(who), ["--config", str(folder / "pymailcore.toml")]
    for command in (
        ["account", "show", name, "--json"],
        ["account", "show", name],
        ["account", "export", name, str(exported)],
        ["account", "factors", name],
        ["session", "list", name, "--json"],
        ["session", "list", name, "--live"],
        ["limit", "show", name],
        ["export", "--account", name, "mbox", str(folder / f"mbox-{who.localpart}")],
        ["app-password", "list", name],
        ["account", "show", f"nobody-{name}"],
    ):
        result = CliRunner().invoke(cli, command + config)
        told.append(f"{result.output} {result.exception!r}")
        assert result.exit_code == 0 or "nobody" in command[-1], (command, told[-1])
    told += [
        path.read_text("latin-1") for path in sorted(folder.glob(f"*{who.localpart}*/**/*")) if path.is_file()
    ]
    return told


def with_canaries(told: list[object]) -> list[str]:
    return [str(one) for one in told if CANARY in str(one).lower()]


def test_no_canary_comes_out(server: MailServer, tmp_path: Path) -> None:
    """To Ben none does; to their owner they do, so that what is asked would show them."""
    with captured() as lines:
        told: dict[str, list[str]] = {
            "mx": smtp_of(server, "smtp", None),
            "submission": smtp_of(server, "submission", BEN),
            "imap": imap_of(server, BEN),
            "http": http_of(server, BEN),
            "commands": commands_of(tmp_path, BEN),
        }
    for name, answers in told.items():
        assert with_canaries([*answers]) == [], name
    assert with_canaries([*lines]) == []
    assert len(lines) > 10
    metrics = server.run(metrics_of)
    assert "pymailcore" in metrics
    assert with_canaries([metrics]) == []
    own = [imap_of(server, ANNA), http_of(server, ANNA), commands_of(tmp_path, ANNA)]
    assert [len(with_canaries([*answers])) >= 1 for answers in own] == [True] * 3


async def metrics_of(core: Core) -> str:
    return page([core.metrics.snapshot()])
