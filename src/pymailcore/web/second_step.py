"""The second step of signing in, and signing in with a passkey alone.

Standards: Web Authentication Level 2 section 7.2, RFC 6238, RFC 6265bis section 4.1.3.

Who has given a right password of an account with a second factor has a ticket in a cookie that no script and
no other site can read; no page shows it. It is good for some minutes and for one sign-in. A passkey takes the
small script `passkey.js`; codes work without any.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Final

import msgspec
import orjson
from quart import Response, render_template, request

from pymailcore.base.errors import Forbidden, TemporaryFailure
from pymailcore.directory.directory import Directory
from pymailcore.directory.types import Principal
from pymailcore.jmap.asgi import HttpRequest
from pymailcore.web.access import party_of, require_own_form
from pymailcore.web.answers import current_request, page
from pymailcore.web.signing import TOO_MANY, SignIn, ticket_of, wishes

_PASSKEY: Final = "passkey"
_WRONG_CODE: Final = "That code is not right, or was used already."
WRONG_PASSKEY: Final = "That passkey cannot be used here."


class SecondStep:
    """The pages after the password, or in its place."""

    def __init__(self, directory: Directory, sign_in: SignIn) -> None:
        self._factors = directory.credentials.second_factors
        self._steps = directory.logins.second_steps
        self._sign_in = sign_in

    async def second_page(self) -> Response:
        """Ask for a code or a passkey."""
        try:
            return await self._second(current_request(), wishes(request.args))
        except Forbidden:
            return await self._sign_in.begin_again()

    async def second(self) -> Response:
        """Look at a code, or at what a passkey has signed."""
        asked = current_request()
        require_own_form(asked)
        form = await request.form
        ticket = ticket_of(asked)
        again = partial(self._second, asked, wishes(form))
        step: Awaitable[Principal]
        try:
            await self._steps.kinds(ticket)
            if form.get("answer"):
                wrong, answer = WRONG_PASSKEY, answer_of(form)
                step = self._steps.passkey_after_password(
                    ticket, party_of(asked), form.get("asked", ""), answer, peer=asked.peer
                )
            else:
                wrong, step = (
                    _WRONG_CODE,
                    self._steps.code(ticket, form.get("code", "")[:64], peer=asked.peer),
                )
        except Forbidden:
            return await self._sign_in.begin_again()
        return await self._try(asked, step, form, again, wrong)

    async def passkey_page(self) -> Response:
        """Ask for a passkey in place of address and password."""
        return await self._passkey(current_request(), wishes(request.args))

    async def passkey(self) -> Response:
        """Look at what a passkey has signed."""
        asked = current_request()
        require_own_form(asked)
        form = await request.form
        again = partial(self._passkey, asked, wishes(form))
        step = self._steps.passkey(party_of(asked), form.get("asked", ""), answer_of(form), peer=asked.peer)
        return await self._try(asked, step, form, again, WRONG_PASSKEY)

    async def _try(
        self,
        asked: HttpRequest,
        step: Awaitable[Principal],
        form: Mapping[str, str],
        again: Callable[[int, str], Awaitable[Response]],
        wrong: str,
    ) -> Response:
        try:
            principal = await step
        except Forbidden:
            await self._sign_in.pause(asked)
            return await again(HTTPStatus.UNAUTHORIZED, wrong)
        except TemporaryFailure:
            await self._sign_in.pause(asked)
            return await again(HTTPStatus.TOO_MANY_REQUESTS, TOO_MANY)
        return await self._sign_in.begin(asked, principal, form)

    async def _second(
        self, asked: HttpRequest, wished: Mapping[str, str], status: int = HTTPStatus.OK, error: str = ""
    ) -> Response:
        ticket = ticket_of(asked)
        kinds = await self._steps.kinds(ticket)
        options, step = "", ""
        if _PASSKEY in kinds:
            given, step = await self._steps.begin_passkey(ticket, party_of(asked))
            options = orjson.dumps(given).decode()
        text = await render_template(
            "second.html", kinds=kinds, options=options, asked=step, wished=wished, error=error
        )
        return page(text, status, scripted=bool(options))

    async def _passkey(
        self, asked: HttpRequest, wished: Mapping[str, str], status: int = HTTPStatus.OK, error: str = ""
    ) -> Response:
        given, step = await self._factors.begin_assertion(party_of(asked))
        text = await render_template(
            "passkey.html", options=orjson.dumps(given).decode(), asked=step, wished=wished, error=error
        )
        return page(text, status, scripted=True)


def answer_of(form: Mapping[str, str]) -> Mapping[str, object]:
    """What the script has put into a form; nothing when it is none of its texts."""
    try:
        return msgspec.json.decode(form.get("answer", ""), type=dict[str, object])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
