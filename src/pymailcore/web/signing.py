"""Signing in and out.

Standards: RFC 6265bis section 4.1 (Set-Cookie).

Signing in always makes a new session, so a token that somebody planted before is worth nothing after.
"""

import re
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

import trio
from quart import Response, render_template, request

from pymailcore.base.errors import Forbidden, TemporaryFailure
from pymailcore.directory.errors import SecondFactorNeeded
from pymailcore.directory.types import Principal
from pymailcore.jmap.asgi import HttpRequest, cookies
from pymailcore.runtime.logs import get_logger
from pymailcore.sasl.steps import Credentials
from pymailcore.web.answers import current_request, message, page, redirect
from pymailcore.web.authentication import (
    DirectoryAuthenticator,
    SessionDirectory,
    cookie_name,
    is_same_origin,
    session_token,
)
from pymailcore.web.settings import HttpSettings

TOO_MANY: Final = "Too many attempts. Wait a few minutes, then try again."
_DAY_SECONDS: Final = 86_400
_STEP_COOKIE: Final = "second-step"
_MAX_TICKET: Final = 2_048
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
                Credentials(address, "", password), peer=asked.peer, protocol="web", mechanism="FORM"
            )
        except SecondFactorNeeded as needed:
            response = redirect("/login/second?" + urlencode(wishes(form)))
            self._set_ticket(response, needed.ticket, asked.https)
            return response
        except Forbidden:
            await self.pause(asked)
            return await again(HTTPStatus.UNAUTHORIZED, "Address or password is wrong.")
        except TemporaryFailure:
            await self.pause(asked)
            return await again(HTTPStatus.TOO_MANY_REQUESTS, TOO_MANY)
        return await self.begin(asked, principal, form)

    async def pause(self, asked: HttpRequest) -> None:
        """Let somebody wait for the answer to an attempt that failed."""
        await trio.sleep(self._directory.failure_pause_seconds(asked.peer))

    async def begin(self, asked: HttpRequest, principal: Principal, form: Mapping[str, str]) -> Response:
        """Begin the session of somebody who has shown all that was asked of him, and go on."""
        previous = session_token(asked)
        if previous:
            await self._directory.end_session(previous)
        token = await self._directory.create_session(
            principal.account,
            user_agent=asked.header(b"user-agent")[:200],
            peer=asked.peer,
            mechanism=principal.mechanism,
            generation=principal.generation,
        )
        response = redirect(local_path(form.get("next", "")))
        days = self._settings.stay_signed_in_days if form.get("stay") else 0
        self._set_cookie(response, token, asked.https, max_age=days * _DAY_SECONDS or None)
        if ticket_of(asked):
            self._set_ticket(response, "", asked.https)
        log.info("signed in", account=principal.account, peer=asked.peer)
        return response

    async def begin_again(self) -> Response:
        """The page to sign in, for one who was too slow with the second step."""
        return await self._login(HTTPStatus.UNAUTHORIZED, "That took too long. Sign in again.")

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

    def _set_ticket(self, response: Response, ticket: str, https: bool) -> None:
        """Give the browser what it brings to the second step; only the browser that gave the password has it.

        Args:
            ticket: empty to take it back.
        """
        response.set_cookie(
            _ticket_cookie(https),
            ticket,
            max_age=None if ticket else 0,
            path="/",
            secure=https,
            httponly=True,
            samesite="Strict",
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


def ticket_of(asked: HttpRequest) -> str:
    """What the browser has of the first step, or the empty string."""
    ticket = cookies(asked.headers).get(_ticket_cookie(asked.https), "")
    return ticket if len(ticket) <= _MAX_TICKET else ""


def wishes(form: Mapping[str, str]) -> dict[str, str]:
    """What was asked for at the first step: where to go on to, and whether to stay signed in."""
    found = {"next": local_path(form.get("next", ""))}
    return found | {"stay": "1"} if form.get("stay") else found


def _ticket_cookie(https: bool) -> str:
    return f"__Host-{_STEP_COOKIE}" if https else _STEP_COOKIE


def local_path(text: str) -> str:
    """Give a path on this server to go on to, or `/`; never another host."""
    return text if _NEXT.match(text) else "/"
