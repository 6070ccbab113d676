"""The Quart app: signing in and out, the built web UI, rendered message bodies, error pages.

Standards: RFC 6265bis section 4.1 (Set-Cookie), RFC 9110 section 15, Content Security Policy Level 3.

All pages of this app but the web UI work without script. Signing in always makes a new session, so a token
that somebody planted before is worth nothing after.
"""

import re
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Final, cast
from urllib.parse import quote

import trio
from quart import Response, render_template, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from pymailcore.base import ids
from pymailcore.base.errors import Forbidden, NotFound, TemporaryFailure
from pymailcore.base.ids import EmailId
from pymailcore.jmap.asgi import App, Header, HttpRequest
from pymailcore.jmap.http import base_url
from pymailcore.message.structure import unpack
from pymailcore.runtime.logs import get_logger
from pymailcore.runtime.threads import run_in_thread
from pymailcore.store.store import Store
from pymailcore.web import view
from pymailcore.web.authentication import (
    PROTOCOL,
    DirectoryAuthenticator,
    SessionDirectory,
    cookie_name,
    is_same_origin,
    session_token,
)
from pymailcore.web.settings import HttpSettings
from pymailcore.web.static_files import INDEX, StaticFile, StaticFiles

STATIC_FOLDER: Final = Path(__file__).parent / "static"
_TEMPLATES: Final = Path(__file__).parent / "templates"
_THREAD_OCTETS: Final = 32_768  # cleaning takes about 0.4 ms a kilobyte
_DAY_SECONDS: Final = 86_400

# webui notes, section 5.6, rule 1.
APP_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src-elem 'self'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; frame-src 'self'; worker-src 'self'; "
    "manifest-src 'self'; font-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types vue dompurify"
)
PAGE_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_PERMISSIONS: Final = (
    "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), "
    "microphone=(), midi=(), payment=(), usb=()"
)
_NEXT: Final = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]{0,2000}\Z")

log = get_logger()


class Pages:
    """The pages, bound to what they need.

    Args:
        parse_limiter: threads for the cleaning of large messages.
    """

    def __init__(
        self,
        *,
        store: Store,
        directory: SessionDirectory,
        settings: HttpSettings,
        parse_limiter: trio.CapacityLimiter | None = None,
        static_folder: Path = STATIC_FOLDER,
    ) -> None:
        self._store = store
        self._directory = directory
        self._settings = settings
        self._authenticator = DirectoryAuthenticator(directory)
        self._parse_limiter = parse_limiter or trio.CapacityLimiter(2)
        self._static = StaticFiles(static_folder)
        self._page_css = (_TEMPLATES / "page.css").read_bytes()

    # --- signing in and out ----------------------------------------------------------------------

    async def login_page(self) -> Response:
        """The page to sign in; who is signed in already goes on."""
        asked = _request()
        target = local_path(request.args.get("next", ""))
        if await self._signed_in(asked):
            return _redirect(target)
        return await self._login(target=target)

    async def login(self) -> Response:
        """Check name and password, begin a session, go on."""
        asked = _request()
        if not is_same_origin(asked):
            return await _message(
                HTTPStatus.FORBIDDEN,
                "Not signed in",
                "This form was not sent from the sign-in page of this server.",
                link="/login",
                link_text="To the sign-in page",
            )
        form = await request.form
        target = local_path(form.get("next", ""))
        address, password = form.get("address", "").strip(), form.get("password", "")
        again = partial(self._login, target=target, address=address[:320])
        if not asked.may_carry_secrets:
            return await again(HTTPStatus.FORBIDDEN, "Signing in needs an encrypted connection (https).")
        try:
            principal = await self._directory.authenticate(
                address, password, peer=asked.peer, protocol=PROTOCOL
            )
        except Forbidden:
            return await again(HTTPStatus.UNAUTHORIZED, "Address or password is wrong.")
        except TemporaryFailure:
            return await again(
                HTTPStatus.TOO_MANY_REQUESTS, "Too many attempts. Wait a few minutes, then try again."
            )
        previous = session_token(asked)
        if previous:
            await self._directory.end_session(previous)
        token = await self._directory.create_session(
            principal.account, user_agent=asked.header(b"user-agent")[:200], peer=asked.peer
        )
        response = _redirect(target)
        days = self._settings.stay_signed_in_days if form.get("stay") else 0
        self._set_cookie(response, token, asked.https, max_age=days * _DAY_SECONDS or None)
        log.info("signed in", account=principal.account, peer=asked.peer)
        return response

    async def logout(self) -> Response:
        """End the session on the server and in the browser."""
        asked = _request()
        if not is_same_origin(asked):
            return await _message(
                HTTPStatus.FORBIDDEN, "Not signed out", "The request came from another site."
            )
        token = session_token(asked)
        if token:
            await self._directory.end_session(token)
        response = _redirect("/login")
        self._set_cookie(response, "", asked.https, max_age=0)
        response.headers["Clear-Site-Data"] = '"cache", "storage"'
        return response

    def _set_cookie(self, response: Response, token: str, https: bool, *, max_age: int | None) -> None:
        response.set_cookie(
            cookie_name(https),
            token,
            max_age=max_age,
            path="/",
            secure=https,
            httponly=True,
            samesite="Lax",
        )

    async def _login(
        self, status: int = HTTPStatus.OK, error: str = "", *, target: str = "/", address: str = ""
    ) -> Response:
        host = _request().header(b"host").partition(":")[0]
        text = await render_template("login.html", next=target, error=error, address=address, host=host)
        return _page(text, status)

    async def _signed_in(self, asked: HttpRequest) -> bool:
        try:
            return await self._authenticator.authenticate(asked) is not None
        except (Forbidden, TemporaryFailure):
            return False

    # --- the web UI -------------------------------------------------------------------------------

    async def index(self, path: str = "") -> Response:  # noqa: ARG002 - the router of the UI reads it
        """The web UI; who is not signed in goes to the page for it first."""
        asked = _request()
        if not await self._signed_in(asked):
            return _redirect("/login?next=" + quote(request.full_path.rstrip("?")[:1000], safe="/"))
        self._static.refresh()
        file = self._static.get(INDEX)
        if file is None:
            return await _message(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "The web UI is not built",
                "Mail works with any IMAP or JMAP program. To build the web UI, run this in the source tree:",
                command="make webui",
            )
        response = self._file(file)
        response.headers["Content-Security-Policy"] = APP_POLICY
        return response

    async def static_file(self, path: str) -> Response:
        """One file of the build."""
        file = None if path == INDEX else self._static.get(path)
        if file is None:
            self._static.refresh()
            file = None if path == INDEX else self._static.get(path)
        if file is None:
            raise _Missing
        return self._file(file)

    def _file(self, file: StaticFile) -> Response:
        encoding, octets = file.choose(request.headers.get("Accept-Encoding", ""))
        etag = f'"{file.etag}{"-" + encoding if encoding else ""}"'
        if request.headers.get("If-None-Match") == etag:
            octets, status = b"", HTTPStatus.NOT_MODIFIED
        else:
            status = HTTPStatus.OK
        response = Response(octets, status, content_type=file.media_type)
        response.headers["ETag"] = etag
        response.headers["Vary"] = "Accept-Encoding"
        response.headers["Cache-Control"] = (
            "public, immutable, max-age=31536000" if file.immutable else "no-cache"
        )
        if encoding:
            response.headers["Content-Encoding"] = encoding
        return response

    async def page_css(self) -> Response:
        """The style sheet of the pages that need no script."""
        response = Response(self._page_css, content_type="text/css; charset=utf-8")
        response.headers["Cache-Control"] = "public, max-age=3600"
        return response

    # --- message bodies -----------------------------------------------------------------------------

    async def view(self, account_id: str, email_id: str) -> Response:
        """A message's body as a document for a frame (see `view`)."""
        asked = _request()
        principal = await self._authenticator.authenticate(asked)
        if principal is None:
            return _redirect("/login")
        number = ids.decode_id(ids.EMAIL, email_id)
        base = base_url(asked)
        if account_id != ids.encode_id(ids.ACCOUNT, principal.account) or number is None or base is None:
            raise _Missing
        rows = await self._store.emails(principal.account, [number], facts=False, parts=True)
        if not rows or rows[0].parts is None:
            raise _Missing
        wish = view.Wish(
            part=request.args.get("part", ""),
            as_text=request.args.get("as") == "text",
            theme=request.args.get("theme", ""),
        )
        octets = await self._store.message(principal.account, EmailId(number))
        downloads = f"/jmap/download/{account_id}/"
        work = partial(
            view.render,
            octets,
            unpack(rows[0].parts),
            number,
            wish,
            downloads=downloads,
            max_octets=self._settings.max_view_octets,
        )
        large = len(octets) > _THREAD_OCTETS
        document = await run_in_thread(work, limiter=self._parse_limiter) if large else work()
        if document is None:
            raise _Missing
        response = Response(document, content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = view.content_policy(base + downloads)
        response.headers["Cache-Control"] = "private, no-cache"
        return response

    # --- errors ---------------------------------------------------------------------------------------

    async def refused(self, error: HTTPException) -> Response:
        """A page for an error of HTTP."""
        status = HTTPStatus(error.code or 500)
        texts = {
            404: ("Nothing here", "There is no page at this address."),
            405: ("Not this way", "This address is not for this kind of request."),
            408: ("Too slow", "The request took too long. Try again."),
            413: ("Too large", "The request is larger than this server takes."),
        }
        title, text = texts.get(status, (status.phrase, "The request could not be served."))
        response = await _message(status, title, text, link="/", link_text="To your mail")
        allow = error.get_response().headers.get("Allow")
        if allow:
            response.headers["Allow"] = allow
        return response

    async def missing(self, error: Exception) -> Response:  # noqa: ARG002
        """A page for what is not there, or may not be seen."""
        return await _message(
            HTTPStatus.NOT_FOUND,
            "Nothing here",
            "There is no page at this address.",
            link="/",
            link_text="To your mail",
        )

    async def forbidden(self, error: Exception) -> Response:  # noqa: ARG002
        """A page for wrong credentials."""
        return await _message(
            HTTPStatus.UNAUTHORIZED,
            "Sign in first",
            "You are not signed in.",
            link="/login",
            link_text="Sign in",
        )

    async def unavailable(self, error: Exception) -> Response:
        """A page for trouble that passes."""
        log.warning("cannot serve now", error=repr(error))
        response = await _message(
            HTTPStatus.SERVICE_UNAVAILABLE, "Not now", "The server is busy. Try again in a moment."
        )
        response.headers["Retry-After"] = "5"
        return response

    async def fault(self, error: Exception) -> Response:
        """A page for a fault of our own."""
        log.error("fault in a page", exc_info=error)
        return await _message(
            HTTPStatus.INTERNAL_SERVER_ERROR, "That did not work", "The fault is ours and has been noted."
        )


class _Missing(Exception):
    """There is no such page; says nothing about why."""


def build_app(pages: Pages, settings: HttpSettings) -> App:
    """Make the Quart app. It keeps no state of its own and needs no start-up."""
    app = QuartTrio("pymailcore.web", static_folder=None, template_folder=str(_TEMPLATES))
    app.config["MAX_CONTENT_LENGTH"] = settings.max_form_octets
    app.config["BODY_TIMEOUT"] = settings.form_seconds
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.add_url_rule("/login", "login_page", pages.login_page, methods=["GET"])
    app.add_url_rule("/login", "login", pages.login, methods=["POST"])
    app.add_url_rule("/logout", "logout", pages.logout, methods=["POST"])
    app.add_url_rule("/", "index", pages.index, methods=["GET"])
    app.add_url_rule("/mail/", "mail", pages.index, methods=["GET"])
    app.add_url_rule("/mail/<path:path>", "mail_path", pages.index, methods=["GET"])
    app.add_url_rule("/page.css", "page_css", pages.page_css, methods=["GET"])
    app.add_url_rule("/view/<account_id>/<email_id>", "view", pages.view, methods=["GET"])
    app.add_url_rule("/<path:path>", "static_file", pages.static_file, methods=["GET"])
    app.register_error_handler(HTTPException, pages.refused)
    app.register_error_handler(_Missing, pages.missing)
    app.register_error_handler(NotFound, pages.missing)
    app.register_error_handler(Forbidden, pages.forbidden)
    app.register_error_handler(TemporaryFailure, pages.unavailable)
    app.register_error_handler(Exception, pages.fault)
    app.after_request(_secured)
    return cast(App, app)


def local_path(text: str) -> str:
    """Give a path on this server to go on to, or `/`; never another host."""
    return text if _NEXT.match(text) else "/"


def _request() -> HttpRequest:
    """The request as the JMAP side sees it, so that both decide alike."""
    scope = dict(request.scope)
    scope["headers"] = [
        (bytes(key).lower(), bytes(value)) for key, value in cast(Sequence[Header], scope["headers"])
    ]
    return HttpRequest(scope, _no_body)


async def _no_body() -> dict[str, object]:
    raise AssertionError("Quart reads the body")


def _redirect(path: str) -> Response:
    response = Response(b"", HTTPStatus.SEE_OTHER)
    response.headers["Location"] = path
    response.headers["Cache-Control"] = "no-store"
    return response


def _page(text: str, status: int) -> Response:
    response = Response(text, status, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = PAGE_POLICY
    response.headers["Cache-Control"] = "no-store"
    # Under no-referrer a form is sent with `Origin: null`, all that some browsers say of where it is from.
    response.headers["Referrer-Policy"] = "same-origin"
    return response


async def _message(
    status: int, title: str, text: str, *, command: str = "", link: str = "", link_text: str = ""
) -> Response:
    page = await render_template(
        "message.html", title=title, text=text, command=command, link=link, link_text=link_text
    )
    return _page(page, status)


async def _secured(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", _PERMISSIONS)
    headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    return response
