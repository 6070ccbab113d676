"""JMAP over HTTP: session, API, upload, download, event source, as one ASGI callable.

Standards: RFC 8620 sections 2, 3.1, 6.1, 6.2, 7.3; RFC 9110 sections 11.6.1, 15.5.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from urllib.parse import quote

import trio

from pymailcore.base import ids
from pymailcore.base.errors import (
    Forbidden,
    InsufficientStorage,
    MailError,
    NotFound,
    OverQuota,
    TemporaryFailure,
    TooLarge,
)
from pymailcore.base.ids import BlobId
from pymailcore.base.reach import acting_for
from pymailcore.directory.types import Principal
from pymailcore.jmap import asgi, dispatch
from pymailcore.jmap.asgi import CHUNK_OCTETS, Disconnected, Header, HttpRequest, Receive, Scope, Send
from pymailcore.jmap.downloads import OCTET_STREAM, download_headers, is_media_type
from pymailcore.jmap.eventsource import EventStream, Wishes
from pymailcore.jmap.limits import Gate
from pymailcore.jmap.methods.context import Context
from pymailcore.jmap.protocol import problems
from pymailcore.jmap.protocol.capabilities import KNOWN
from pymailcore.jmap.protocol.problems import RequestProblem
from pymailcore.jmap.protocol.request import Request, parse_request
from pymailcore.jmap.protocol.values import is_id
from pymailcore.jmap.services import PROTOCOL, Authenticator, Hub, Services
from pymailcore.jmap.session import session_object, session_state
from pymailcore.runtime.command_turns import command_turns
from pymailcore.runtime.logs import get_logger
from pymailcore.runtime.threads import compute

MAX_CREATED_IDS: Final = 1_000
_THREAD_OCTETS: Final = 262_144  # requests above are decoded off the loop
_NOT_NOW: Final = (503, "Not now; try again soon.", b"5")
_FULL: Final = (507, "There is no room to keep that now.", b"60")
_CHALLENGE: Final = b"www-authenticate"
_BASIC: Final = (_CHALLENGE, b'Basic realm="mail", charset="UTF-8"')
_BEARER: Final = (_CHALLENGE, b'Bearer realm="mail"')
_BAD_TOKEN: Final = (_CHALLENGE, b'Bearer realm="mail", error="invalid_token"')  # RFC 6750 section 3.1
# A browser shows a password box of its own for Basic; the web UI has a page for it.
_BROWSER: Final = (_CHALLENGE, b'Session realm="mail"')
_HOST: Final = re.compile(r"(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?\Z")

log = get_logger()

Route = Callable[[HttpRequest, Send, Principal], Awaitable[None]]


class JmapHttp:
    """The ASGI callable for `/.well-known/jmap` and everything under `/jmap/`.

    Args:
        draining: set when the server stops; open event sources then end.
    """

    def __init__(
        self,
        services: Services,
        authenticator: Authenticator,
        hub: Hub,
        *,
        draining: trio.Event,
    ) -> None:
        settings = services.settings
        self._services = services
        self._settings = settings
        self._authenticator = authenticator
        self._hub = hub
        self._draining = draining
        self._requests = Gate("maxConcurrentRequests", settings.max_concurrent_requests)
        self._uploads = Gate("maxConcurrentUpload", settings.max_concurrent_upload)
        self._event_sources = Gate("maxEventSources", settings.max_event_sources)
        self._fixed: dict[str, tuple[frozenset[str], Route]] = {
            "/.well-known/jmap": (_READ, self._session),
            "/jmap/session": (_READ, self._session),
            "/jmap/api": (_POST, self._api),
            "/jmap/eventsource": (_GET, self._eventsource),
        }
        self._under: dict[str, tuple[frozenset[str], Route]] = {
            "upload": (_POST, self._upload),
            "download": (_READ, self._download),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever the peer sends, this does not raise."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1000})
            return
        request = HttpRequest(scope, receive)
        try:
            await self._answer(request, send)
        except RequestProblem as problem:
            await asgi.answer_problem(send, problem, headers=_headers_of(problem))
        except Disconnected:
            log.debug("client left before it had its answer")
        except NotFound:
            await asgi.answer_problem(send, problems.plain(404, "There is no such thing here."))
        except OverQuota:
            await asgi.answer_problem(send, problems.plain(413, "A limit of the account is reached."))
        except TooLarge:
            await asgi.answer_problem(send, problems.plain(413, "Too large."))
        except TemporaryFailure as trouble:
            log.warning("cannot serve now", path=request.path[:64], error=repr(trouble))
            full = isinstance(trouble, InsufficientStorage)
            status, said, wait = _FULL if full else _NOT_NOW
            await asgi.answer_problem(send, problems.plain(status, said), headers=[(b"retry-after", wait)])
        except MailError as error:
            log.warning("refused", path=request.path[:64], error=repr(error))
            await asgi.answer_problem(send, problems.plain(400, "Refused."))

    async def _answer(self, request: HttpRequest, send: Send) -> None:
        allowed, route = self._route(request)
        if request.method not in allowed:
            await asgi.answer_problem(
                send,
                problems.plain(405, "This method is not for this address."),
                headers=[(b"allow", ", ".join(sorted(allowed)).encode())],
            )
            return
        principal = await self._principal(request, send)
        if principal is not None:
            with acting_for(principal.tenant, principal.account):
                async with command_turns().turn():
                    await route(request, send, principal)

    def _route(self, request: HttpRequest) -> tuple[frozenset[str], Route]:
        fixed = self._fixed.get(request.path)
        if fixed is not None:
            return fixed
        parts = request.path.split("/", 3)
        if len(parts) == 4 and parts[1] == "jmap" and parts[2] in self._under:
            return self._under[parts[2]]
        raise problems.plain(404, "There is nothing at this address.")

    async def _principal(self, request: HttpRequest, send: Send) -> Principal | None:
        """Find out who asks; answers 401 or 429 itself and gives None."""
        detail = "Sign in first."
        try:
            principal = await self._authenticator.authenticate(request)
            if principal is not None:
                return principal
        except Forbidden:
            detail = "The credentials are not right, or the request came from another origin."
        except TemporaryFailure:
            problem = problems.plain(429, "Too many attempts, or signing in is not possible now.")
            await asgi.answer_problem(send, problem, headers=[(b"retry-after", b"60")])
            return None
        await asgi.answer_problem(send, problems.plain(401, detail), headers=_challenges(request))
        return None

    # --- routes ---------------------------------------------------------------------------------

    async def _session(self, request: HttpRequest, send: Send, principal: Principal) -> None:
        """RFC 8620 section 2; `/.well-known/jmap` gives the object itself (section 2.2)."""
        base = base_url(request)
        if base is None and not self._settings.public_url:
            raise problems.plain(400, "The Host field cannot be read.")
        await asgi.answer_json(
            send, session_object(principal, self._settings, self._services.sending, base or "")
        )

    async def _api(self, request: HttpRequest, send: Send, principal: Principal) -> None:
        """RFC 8620 section 3.1."""
        if request.header(b"content-type").partition(";")[0].strip().lower() != "application/json":
            raise RequestProblem(415, problems.JMAP_ERROR + "notJSON", "The type must be application/json.")
        limit = self._settings.max_request_octets
        with self._requests.enter(principal.account):
            octets = await request.body(
                limit, problems.over_limit("maxSizeRequest", f"at most {limit} octets", status=413)
            )
            if len(octets) > _THREAD_OCTETS:
                parsed = await compute(self._parse, octets)
            else:
                parsed = self._parse(octets)
            context = Context(
                principal=principal, services=self._services, peer=request.peer, gone=request.disconnected
            )
            document = await dispatch.run(
                parsed,
                context,
                session_state=session_state(principal, self._settings, self._services.sending),
                on_fault=_report,
            )
        await asgi.answer_json(send, document)

    def _parse(self, octets: bytes) -> Request:
        return parse_request(
            octets,
            known=KNOWN,
            max_calls=self._settings.max_calls_in_request,
            max_created_ids=MAX_CREATED_IDS,
        )

    async def _upload(self, request: HttpRequest, send: Send, principal: Principal) -> None:
        """RFC 8620 section 6.1."""
        account = request.path.split("/")[3:]
        if account not in ([_account(principal)], [_account(principal), ""]):
            self._note(request, principal, "upload", account)
            raise NotFound("account")
        if principal.read_only:
            raise problems.plain(403, "This sign-in may only read.")
        media_type = request.header(b"content-type").partition(";")[0].strip().lower()
        limit = self._settings.max_upload_octets
        with self._uploads.enter(principal.account):
            octets = await request.body(
                limit, problems.over_limit("maxSizeUpload", f"at most {limit} octets", status=413)
            )
            blob = await self._services.store.upload(
                principal.account, octets, now_ms=self._services.now_ms()
            )
        document = {
            "accountId": _account(principal),
            "blobId": blob,
            "type": media_type if is_media_type(media_type) else OCTET_STREAM,
            "size": len(octets),
        }
        await asgi.answer_json(send, document, status=201)

    async def _download(self, request: HttpRequest, send: Send, principal: Principal) -> None:
        """RFC 8620 section 6.2."""
        parts = request.path.split("/", 5)[3:]
        if len(parts) != 3 or parts[0] != _account(principal) or not is_id(parts[1]):
            self._note(request, principal, "download", parts[:2])
            raise NotFound("account or blob")
        _, blob, name = parts
        try:
            octets = await self._services.store.blob(principal.account, BlobId(blob))
        except NotFound:
            self._note(request, principal, "download", [blob])
            raise
        headers = download_headers(name, request.query.get("type", ""), blob)
        if request.header(b"if-none-match") == f'"{blob}"':
            await asgi.answer(send, 304, headers[2:], b"")
            return
        await _send_octets(send, headers, octets)

    def _note(self, request: HttpRequest, principal: Principal, method: str, given: Sequence[str]) -> None:
        """Take note of ids that led to nothing."""
        self._services.directory.note_ids(principal, method, given, peer=request.peer)

    async def _eventsource(self, request: HttpRequest, send: Send, principal: Principal) -> None:
        """RFC 8620 section 7.3."""
        wishes = Wishes(request.query, self._settings)
        ended = trio.Event()
        here = self._services.directory.here(
            principal,
            ended.set,
            protocol=PROTOCOL,
            peer=request.peer,
            client=request.header(b"user-agent"),
        )
        with self._event_sources.enter(principal.account), here:
            stream = EventStream(
                store=self._services.store,
                hub=self._hub,
                principal=principal,
                wishes=wishes,
                draining=self._draining,
                ended=ended,
                still_valid=lambda: self._authenticator.still_valid(request),
            )
            await stream.serve(request, send)


_READ: Final = frozenset({"GET", "HEAD"})
_GET: Final = frozenset({"GET"})
_POST: Final = frozenset({"POST"})


def _challenges(request: HttpRequest) -> list[tuple[bytes, bytes]]:
    """What a request without good credentials is told (RFC 9110 section 11.6.1)."""
    if request.header(b"sec-fetch-mode"):
        return [_BROWSER]
    given = request.header(b"authorization").partition(" ")[0].lower()
    return [_BASIC, _BAD_TOKEN if given == "bearer" else _BEARER]


def base_url(request: HttpRequest) -> str | None:
    """Scheme and authority that the client used; None when its Host field has not the form of one."""
    host = request.header(b"host")
    if not _HOST.match(host):
        return None
    return f"{'https' if request.https else 'http'}://{quote(host, safe='[]:.-')}"


def _account(principal: Principal) -> str:
    return ids.encode_id(ids.ACCOUNT, principal.account)


def _headers_of(problem: RequestProblem) -> list[Header]:
    return [(b"retry-after", b"1")] if problem.status == 429 else []


def _report(method: str, fault: Exception) -> None:
    log.error("fault in a method", method=method, exc_info=fault)


async def _send_octets(send: Send, headers: list[Header], octets: bytes) -> None:
    """Send in pieces, so that a slow reader holds one of them and not a copy of all."""
    length = (b"content-length", b"%d" % len(octets))
    await send({"type": "http.response.start", "status": 200, "headers": [*headers, length]})
    for start in range(0, len(octets), CHUNK_OCTETS):
        piece = octets[start : start + CHUNK_OCTETS]
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
