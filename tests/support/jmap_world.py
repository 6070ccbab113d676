# ruff: noqa: ANN401, S311 - answers are JSON of any shape; the randomness of a test is repeatable
"""A store, a directory, submission, and all of HTTP over them, driven without sockets or with them."""

import base64
import itertools
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson
import trio
from tests.support.directories import CHEAP, address
from tests.support.stores import small_settings

from pymailcore.admin.registry import Administration
from pymailcore.base.envelope import Envelope
from pymailcore.base.ids import ACCOUNT, MAILBOX, IdMint, encode_id
from pymailcore.delivery.delivery import Delivery
from pymailcore.directory.actors import SYSTEM
from pymailcore.directory.directory import Directory
from pymailcore.directory.types import Account
from pymailcore.jmap.asgi import App, Event
from pymailcore.jmap.http import JmapHttp
from pymailcore.jmap.protocol.capabilities import CORE, MAIL, SUBMISSION
from pymailcore.jmap.services import Services
from pymailcore.jmap.settings import JmapSettings
from pymailcore.queue.queue import Queue
from pymailcore.queue.settings import QueueSettings
from pymailcore.runtime.hub import ChangeHub
from pymailcore.smtp.protocol.extensions import Extensions
from pymailcore.smtp.protocol.options import ServerOptions
from pymailcore.store.keywords import Keywords
from pymailcore.store.opening import open_store
from pymailcore.store.store import Store
from pymailcore.store.types import Appended, Target
from pymailcore.submission.settings import SubmissionSettings
from pymailcore.submission.submission import Submission
from pymailcore.web.app import STATIC_FOLDER, Pages, build_app
from pymailcore.web.authentication import DirectoryAuthenticator
from pymailcore.web.dispatcher import Dispatcher
from pymailcore.web.settings import HttpSettings

USING = [CORE, MAIL, SUBMISSION]
PASSWORD = "correct horse"
NOW_MS = 1_790_000_000_000
HOST = "mail.example.org"
SENDING = ServerOptions(
    hostname=HOST,
    postmaster_domain="example.org",
    encrypted=True,
    extensions=Extensions(dsn=True, requiretls=True, max_hold_seconds=86_400, deliverby=True, priority=True),
    now_ms=lambda: NOW_MS,
)


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes
    fields: list[tuple[str, str]] = field(default_factory=list)

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return orjson.loads(self.body)

    def all(self, name: str) -> list[str]:
        """All header fields of a name."""
        return [value for key, value in self.fields if key == name]


async def call_app(
    app: App,
    method: str,
    path: str,
    *,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    pieces: list[bytes] | None = None,
    query: str = "",
    scheme: str = "http",
    peer: str = "127.0.0.1",
) -> Answer:
    """Drive an ASGI callable with one request and gather its answer."""
    waiting = list(pieces) if pieces is not None else [body]
    gathered = bytearray()
    started: dict[str, Any] = {}
    given = {"host": HOST, **(headers or {})}
    path, _, inline = path.partition("?")

    async def receive() -> Event:
        await trio.lowlevel.checkpoint()
        if waiting:
            piece = waiting.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(waiting)}
        await trio.sleep_forever()
        raise AssertionError

    async def send(event: Event) -> None:
        await trio.lowlevel.checkpoint()
        if event["type"] == "http.response.start":
            started.update(event)
        else:
            gathered.extend(event.get("body", b""))  # type: ignore[arg-type]

    scope = {
        "type": "http",
        "http_version": "1.1",
        "asgi": {"spec_version": "2.1", "version": "3.0"},
        "method": method,
        "scheme": scheme,
        "path": path,
        "raw_path": path.encode(),
        "query_string": (query or inline).encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in given.items()],
        "client": (peer, 40_000),
        "server": (HOST, 443),
        "state": {},
        "extensions": {},
    }
    await app(scope, receive, send)
    joined: dict[str, str] = {}
    fields = [(name.decode().lower(), value.decode("latin-1")) for name, value in started["headers"]]
    for name, text in fields:
        joined[name] = f"{joined[name]}, {text}" if name in joined else text
    return Answer(started["status"], joined, bytes(gathered), fields)


def basic(name: str, password: str = PASSWORD) -> dict[str, str]:
    """A header with Basic credentials."""
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


@dataclass
class JmapWorld:
    """Two accounts of one domain; `anna` is the one that asks unless said otherwise."""

    store: Store
    directory: Directory
    hub: ChangeHub
    services: Services
    jmap: JmapHttp
    app: Dispatcher
    draining: trio.Event
    anna: Account
    ben: Account
    mailboxes: dict[str, str] = field(default_factory=dict)

    @property
    def account_id(self) -> str:
        """Anna's account."""
        return encode_id(ACCOUNT, self.anna.id)

    async def request(self, method: str, path: str, **options: Any) -> Answer:
        """One HTTP request as Anna."""
        headers = {**basic(self.anna.name), **options.pop("headers", {})}
        return await call_app(self.app, method, path, headers=headers, **options)

    async def api(
        self, *calls: list[Any], using: list[str] | None = None, user: str = "", **members: Any
    ) -> Any:
        """Post a JMAP request; gives the whole Response object."""
        document = {"using": using or USING, "methodCalls": list(calls), **members}
        headers = {"content-type": "application/json", **basic(user or self.anna.name)}
        answer = await call_app(self.app, "POST", "/jmap/api", headers=headers, body=orjson.dumps(document))
        assert answer.status == 200, (answer.status, answer.body)
        return answer.json

    async def call(self, name: str, user: str = "", **arguments: Any) -> Any:
        """One method call; gives the arguments of its answer, which must not be an error."""
        answered, result = await self.outcome(name, user=user, **arguments)
        assert answered == name, result
        return result

    async def outcome(self, name: str, user: str = "", **arguments: Any) -> tuple[str, Any]:
        """One method call; gives the name and the arguments of its answer."""
        if not name.startswith(("PushSubscription", "Core")):
            arguments.setdefault("accountId", self.account_id)
        document = await self.api([name, arguments, "0"], user=user)
        answered, result, call_id = document["methodResponses"][0]
        assert call_id == "0"
        return answered, result

    async def error(self, name: str, **arguments: Any) -> str:
        """One method call that must fail; gives the type of the error."""
        answered, result = await self.outcome(name, **arguments)
        assert answered == "error", result
        return str(result["type"])

    async def deliver(
        self,
        octets: bytes,
        mailbox: str = "inbox",
        *,
        keywords: Keywords = Keywords(),  # noqa: B008
        account: Account | None = None,
        received_ms: int = NOW_MS,
    ) -> Appended:
        """File one message into the Mailbox with a role."""
        prepared = await self.store.prepare(octets)
        owner = account or self.anna
        (filed,) = await self.store.deliver(
            prepared, [Target(owner.id, mailbox, keywords)], tenant=owner.tenant, received_ms=received_ms
        )
        return filed

    async def upload(self, octets: bytes, media_type: str = "application/octet-stream") -> str:
        """Upload octets; gives the blob id."""
        answer = await self.request(
            "POST", f"/jmap/upload/{self.account_id}", body=octets, headers={"content-type": media_type}
        )
        assert answer.status == 201, answer.body
        return str(answer.json["blobId"])


@asynccontextmanager
async def jmap_world(
    data: Path,
    *,
    settings: JmapSettings | None = None,
    http: HttpSettings | None = None,
    static: Path | None = None,
    store_limits: Mapping[str, Any] | None = None,
    now_ms: Callable[[], int] = lambda: NOW_MS,
) -> AsyncIterator[JmapWorld]:
    """Open everything over a new store."""
    hub = ChangeHub()
    clock = itertools.count(1_710_000_000_000)
    ids = IdMint(lambda: next(clock), random.Random(1).getrandbits)
    randomness = random.Random(2)
    http = http or HttpSettings()
    store_settings = small_settings(data, **(store_limits or {}))
    async with open_store(store_settings, notify=hub.publish, ids=ids, maintain=False) as store:
        directory = Directory(store.database, store, ids, hub.publish, CHEAP, now_ms=now_ms)
        await directory.domains.add(SYSTEM, "example.org")
        anna = await directory.accounts.add(SYSTEM, address("anna@example.org"), PASSWORD)
        ben = await directory.accounts.add(SYSTEM, address("ben@example.org"), PASSWORD)
        directory.forget()
        queue = Queue(store.database, store, hub.publish, QueueSettings(), now_ms=now_ms)
        delivery = Delivery(store, directory, queue, ids)
        submission = Submission(
            directory, delivery, SubmissionSettings(), hostname=HOST, ids=ids, now_ms=now_ms
        )
        services = Services(
            store=store,
            directory=directory,
            submission=submission,
            ids=ids,
            settings=settings or JmapSettings(),
            publish=hub.publish,
            now_ms=now_ms,
            random_hex=lambda octets: randomness.randbytes(octets).hex(),
            hostname=HOST,
            sending=replace(SENDING, now_ms=now_ms),
        )
        draining = trio.Event()
        jmap = JmapHttp(services, DirectoryAuthenticator(directory), hub, draining=draining)
        folder = STATIC_FOLDER if static is None else static
        pages = Pages(
            store=store,
            directory=directory,
            administration=Administration(directory, queue, now_ms=now_ms),
            settings=http,
            static_folder=folder,
        )
        app = Dispatcher(jmap=jmap, pages=build_app(pages, http), store=store, settings=http)
        world = JmapWorld(store, directory, hub, services, jmap, app, draining, anna, ben)
        for mailbox in await store.mailboxes(anna.id):
            world.mailboxes[mailbox.role or mailbox.path] = encode_id(MAILBOX, mailbox.id)
        yield world


def an_envelope(sender: str, *recipients: str) -> Envelope:
    """An envelope."""
    return Envelope(reverse_path=address(sender), recipients=tuple(address(text) for text in recipients))
