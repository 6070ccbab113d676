"""Signing in and out.

Standards: RFC 6265bis section 4.1 (Set-Cookie).

Signing in always makes a new session, so a token that somebody planted before is worth nothing after.
"""

import re
from functools import partial
from http import HTTPStatus
from typing import Final

from quart import Response, render_template, request

from pymailcore.base.errors import Forbidden, TemporaryFailure
from pymailcore.jmap.asgi import HttpRequest
from pymailcore.runtime.logs import get_logger
from pymailcore.web.answers import current_request, message, page, redirect
from pymailcore.web.authentication import (
    PROTOCOL,
    DirectoryAuthenticator,
    SessionDirectory,
    cookie_name,
    is_same_origin,
    session_token,
)
from pymailcore.web.settings import HttpSettings

_DAY_SECONDS: Final = 86_400
_NEXT: Final = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]{0,2000}\Z")

log = get_logger()


class SignIn:
    """The pages to sign in and out."""

    def __init__(self, directory: SessionDirectory, settings: HttpSettings) -> None:
        self._directory = directory
        self._settings = settings
        self._authenticator = DirectoryAuthenticator(directory)

    async def login_page(self) -> Response:
        """The page to sign in; who is signed in already goes on."""
        asked = current_request()
        target = local_path(request.args.get("next", ""))
        if await self.is_signed_in(asked):
            return redirect(target)
        return await self._login(target=target)

    async def login(self) -> Response:
        """Check name and password, begin a session, go on."""
        asked = current_request()
        if not is_same_origin(asked):
            return await message(
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
        response = redirect(target)
        days = self._settings.stay_signed_in_days if form.get("stay") else 0
        self._set_cookie(response, token, asked.https, max_age=days * _DAY_SECONDS or None)
        log.info("signed in", account=principal.account, peer=asked.peer)
        return response

    async def logout(self) -> Response:
        """End the session on the server and in the browser."""
        asked = current_request()
        if not is_same_origin(asked):
            return await message(
                HTTPStatus.FORBIDDEN, "Not signed out", "The request came from another site."
            )
        token = session_token(asked)
        if token:
            await self._directory.end_session(token)
        response = redirect("/login")
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
        host = current_request().header(b"host").partition(":")[0]
        text = await render_template("login.html", next=target, error=error, address=address, host=host)
        return page(text, status)

    async def is_signed_in(self, asked: HttpRequest) -> bool:
        """Whether a request is that of somebody who has signed in."""
        try:
            return await self._authenticator.authenticate(asked) is not None
        except (Forbidden, TemporaryFailure):
            return False


def local_path(text: str) -> str:
    """Give a path on this server to go on to, or `/`; never another host."""
    return text if _NEXT.match(text) else "/"
