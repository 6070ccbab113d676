"""The Quart app: the built web UI, rendered message bodies; signing in and errors are beside it.

Standards: RFC 9110 section 15, Content Security Policy Level 3.

All pages of this app but the web UI work without script.
"""

from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Final, cast
from urllib.parse import quote

from quart import Response, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from pymailcore.admin.registry import Administration
from pymailcore.base import ids
from pymailcore.base.errors import Forbidden, NotFound, TemporaryFailure
from pymailcore.base.ids import EmailId
from pymailcore.base.reach import act_for
from pymailcore.directory.directory import Directory
from pymailcore.jmap.asgi import App
from pymailcore.jmap.http import base_url
from pymailcore.message.structure import unpack
from pymailcore.runtime.threads import compute
from pymailcore.store.store import Store
from pymailcore.web import view
from pymailcore.web.access import SECURITY, Access
from pymailcore.web.answers import APP_POLICY, current_request, message, redirect, secured
from pymailcore.web.authentication import DirectoryAuthenticator
from pymailcore.web.errors import Detour, ErrorPages, FromElsewhere, Missing
from pymailcore.web.second_step import SecondStep
from pymailcore.web.security import Security, day, when
from pymailcore.web.security_app_passwords import SecurityAppPasswords
from pymailcore.web.security_factors import SecurityFactors
from pymailcore.web.settings import HttpSettings
from pymailcore.web.signing import SignIn
from pymailcore.web.static_files import INDEX, StaticFile, StaticFiles

STATIC_FOLDER: Final = Path(__file__).parent / "static"
_TEMPLATES: Final = Path(__file__).parent / "templates"
_THREAD_OCTETS: Final = 32_768  # cleaning takes about 0.4 ms a kilobyte


class Pages:
    """The pages, bound to what they need."""

    def __init__(
        self,
        *,
        store: Store,
        directory: Directory,
        administration: Administration,
        settings: HttpSettings,
        static_folder: Path = STATIC_FOLDER,
    ) -> None:
        self._store = store
        self._directory = directory
        self._settings = settings
        self.sign_in = SignIn(directory, settings)
        self._authenticator = DirectoryAuthenticator(directory)
        self._static = StaticFiles(static_folder)
        self.second_step = SecondStep(directory, self.sign_in)
        access = Access(directory, administration)
        self.security = Security(directory, access)
        self.factors = SecurityFactors(directory, access)
        self.app_passwords = SecurityAppPasswords(access)
        self._page_css = (_TEMPLATES / "page.css").read_bytes()
        self._passkey_js = (_TEMPLATES / "passkey.js").read_bytes()

    # --- the web UI -------------------------------------------------------------------------------

    async def index(self, path: str = "") -> Response:  # noqa: ARG002 - the router of the UI reads it
        """The web UI; who is not signed in goes to the page for it first."""
        asked = current_request()
        if not await self.sign_in.is_signed_in(asked):
            return redirect("/login?next=" + quote(request.full_path.rstrip("?")[:1000], safe="/"))
        self._static.refresh()
        file = self._static.get(INDEX)
        if file is None:
            return await message(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "The web UI is not built",
                "Mail works with any IMAP or JMAP program. To build the web UI, run this in the source tree:",
                command="make web",
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
            raise Missing
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
        return _kept(self._page_css, "text/css; charset=utf-8")

    async def passkey_js(self) -> Response:
        """The script of the pages on which a passkey can be used."""
        return _kept(self._passkey_js, "text/javascript; charset=utf-8")

    # --- message bodies -----------------------------------------------------------------------------

    async def view(self, account_id: str, email_id: str) -> Response:
        """A message's body as a document for a frame (see `view`)."""
        asked = current_request()
        principal = await self._authenticator.authenticate(asked)
        if principal is None:
            return redirect("/login")
        number = ids.decode_id(ids.EMAIL, email_id)
        base = base_url(asked)
        act_for(principal.tenant, principal.account)
        mine = account_id == ids.encode_id(ids.ACCOUNT, principal.account)
        if not mine or number is None or base is None:
            self._directory.note_ids(principal, "view", [account_id, email_id], peer=asked.peer)
            raise Missing
        rows = await self._store.emails(principal.account, [number], facts=False, parts=True)
        if not rows or rows[0].parts is None:
            self._directory.note_ids(principal, "view", [email_id], peer=asked.peer)
            raise Missing
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
        document = await compute(work) if large else work()
        if document is None:
            raise Missing
        response = Response(document, content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = view.content_policy(base + downloads)
        response.headers["Cache-Control"] = "private, no-cache"
        return response


def _kept(octets: bytes, content_type: str) -> Response:
    response = Response(octets, content_type=content_type)
    response.headers["Cache-Control"] = "public, max-age=3600"
    return response


def _add_account_pages(app: QuartTrio, pages: Pages) -> None:
    """The pages of one's own account: where, for GET, for POST."""
    security, factors, passwords = pages.security, pages.factors, pages.app_passwords
    for path, shown, sent in (
        ("/login/second", pages.second_step.second_page, pages.second_step.second),
        ("/login/passkey", pages.second_step.passkey_page, pages.second_step.passkey),
        (SECURITY, security.overview, None),
        (f"{SECURITY}/password", security.password_page, security.password),
        (f"{SECURITY}/confirm", security.confirm_page, security.confirm),
        (f"{SECURITY}/sessions/end", None, security.end_session),
        (f"{SECURITY}/sessions/end-others", None, security.end_others),
        (f"{SECURITY}/authenticator", factors.app_page, factors.begin_app),
        (f"{SECURITY}/authenticator/confirm", None, factors.confirm_app),
        (f"{SECURITY}/passkey", factors.passkey_page, factors.add_passkey),
        (f"{SECURITY}/recovery-codes", factors.codes_page, factors.new_codes),
        (f"{SECURITY}/factors/<factor>/remove", factors.remove_page, factors.remove),
        (f"{SECURITY}/app-password", passwords.new_page, passwords.add),
        (f"{SECURITY}/app-passwords/<secret>/remove", passwords.remove_page, passwords.remove),
    ):
        for method, serve in (("GET", shown), ("POST", sent)):
            if serve is not None:
                app.add_url_rule(path, f"{method} {path}", serve, methods=[method])


def build_app(pages: Pages, settings: HttpSettings) -> App:
    """Make the Quart app. It keeps no state of its own and needs no start-up."""
    app = QuartTrio("pymailcore.web", static_folder=None, template_folder=str(_TEMPLATES))
    app.config["MAX_CONTENT_LENGTH"] = settings.max_form_octets
    app.config["BODY_TIMEOUT"] = settings.form_seconds
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.add_url_rule("/login", "login_page", pages.sign_in.login_page, methods=["GET"])
    app.add_url_rule("/login", "login", pages.sign_in.login, methods=["POST"])
    app.add_url_rule("/logout", "logout", pages.sign_in.logout, methods=["POST"])
    app.add_url_rule("/", "index", pages.index, methods=["GET"])
    app.add_url_rule("/mail/", "mail", pages.index, methods=["GET"])
    app.add_url_rule("/mail/<path:path>", "mail_path", pages.index, methods=["GET"])
    app.add_url_rule("/page.css", "page_css", pages.page_css, methods=["GET"])
    app.add_url_rule("/passkey.js", "passkey_js", pages.passkey_js, methods=["GET"])
    _add_account_pages(app, pages)
    app.add_url_rule("/view/<account_id>/<email_id>", "view", pages.view, methods=["GET"])
    app.add_url_rule("/<path:path>", "static_file", pages.static_file, methods=["GET"])
    app.add_template_filter(when)
    app.add_template_filter(day)
    errors = ErrorPages()
    app.register_error_handler(Detour, errors.detour)
    app.register_error_handler(FromElsewhere, errors.from_elsewhere)
    app.register_error_handler(HTTPException, errors.refused)
    app.register_error_handler(Missing, errors.missing)
    app.register_error_handler(NotFound, errors.missing)
    app.register_error_handler(Forbidden, errors.forbidden)
    app.register_error_handler(TemporaryFailure, errors.unavailable)
    app.register_error_handler(Exception, errors.fault)
    app.after_request(secured)
    return cast(App, app)
