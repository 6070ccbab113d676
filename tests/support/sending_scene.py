"""A whole server in this process, with anna's account, whose mail for far.test goes to a sink."""

import base64
import contextlib
import json
import smtplib
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.support.raw_sink import RawSink
from tests.support.waiting import block_until

from pymailcore.app.core import Core
from pymailcore.store.types import Row
from pymailcore.testing.server import MailServer

PASSWORD = "correct horse battery"
ANNA = "anna@example.test"
USING = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail", "urn:ietf:params:jmap:submission"]


@dataclass
class Scene:
    """A server with anna's account, and where mail for far.test goes."""

    server: MailServer
    sink: RawSink

    def jmap(self, *calls: list[Any]) -> list[Any]:
        """Post method calls as anna; gives the answers."""
        body = json.dumps({"using": USING, "methodCalls": calls}).encode()
        return list(json.loads(self._http("/jmap/api", body, "application/json"))["methodResponses"])

    def _http(self, path: str, body: bytes | None = None, kind: str = "") -> bytes:
        request = urllib.request.Request(f"http://127.0.0.1:{self.server.ports['http']}{path}", data=body)
        request.add_header(
            "Authorization", "Basic " + base64.b64encode(f"{ANNA}:{PASSWORD}".encode()).decode()
        )
        if kind:
            request.add_header("Content-Type", kind)
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return bytes(answer.read())

    def account(self) -> str:
        """Anna's account id."""
        session = json.loads(self._http("/.well-known/jmap"))
        return str(session["primaryAccounts"][USING[1]])

    def upload(self, octets: bytes) -> str:
        """Give the blob id of octets."""
        answer = self._http(f"/jmap/upload/{self.account()}", octets, "message/rfc822")
        return str(json.loads(answer)["blobId"])

    def mailbox(self, role: str) -> str:
        """The id of a Mailbox with a role."""
        ((_, found, _),) = self.jmap(
            ["Mailbox/query", {"accountId": self.account(), "filter": {"role": role}}, "0"]
        )
        return str(found["ids"][0])

    def send(self, email: str, *recipients: str) -> None:
        """EmailSubmission of an Email."""
        account = self.account()
        ((_, identities, _),) = self.jmap(["Identity/get", {"accountId": account}, "0"])
        submission = {
            "emailId": email,
            "identityId": identities["list"][0]["id"],
            "envelope": {"mailFrom": {"email": ANNA}, "rcptTo": [{"email": to} for to in recipients]},
        }
        ((_, done, _),) = self.jmap(
            ["EmailSubmission/set", {"accountId": account, "create": {"k": submission}}, "0"]
        )
        assert done["created"], done

    @contextlib.contextmanager
    def signed_in(self) -> Iterator[smtplib.SMTP]:
        """A conversation with submission, behind AUTH."""
        with smtplib.SMTP("127.0.0.1", self.server.ports["submission"], "client.test") as client:
            client.ehlo()
            client.login(ANNA, PASSWORD)
            yield client

    def rows(self, sql: str) -> list[Row]:
        """Ask the server's database."""

        async def ask(core: Core) -> list[Row]:
            return await core.store.database.read(lambda tx: tx.rows(sql))

        return self.server.run(ask)

    def until_sent(self) -> None:
        """Wait until nothing waits in the queue."""
        block_until(lambda: self.rows("SELECT count(*) FROM queue_recipients") == [(0,)], seconds=20)


def route(domain: str, port: int) -> str:
    """Configuration that sends mail for a domain to a port of this machine."""
    return f'[[route]]\ndomain = "{domain}"\nhost = "127.0.0.1"\nport = {port}\n'


@contextlib.contextmanager
def scene_with(
    sink: RawSink, settings: str = "", *, metadata: str = "", repair_line_ends: bool = False
) -> Iterator[Scene]:
    """Run a server whose mail for far.test goes to the sink, with its tables in SQLite or PostgreSQL."""
    settings += route("far.test", sink.port)
    with MailServer(metadata=metadata, settings=settings, repair_line_ends=repair_line_ends) as server:
        server.add_account("anna", PASSWORD)
        yield Scene(server, sink)
