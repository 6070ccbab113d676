"""Sign-in and security: the page of one's own account, its password, web sessions, the proof before changes.

Whatever changes how somebody signs in is done by an operation (`admin.registry`), so that it is decided and
recorded in one place, as for administrators; what is asked of the directory here changes nothing of that.
"""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, cast

import orjson
from quart import Response, render_template, request

from pymailcore.admin.operation import Record
from pymailcore.base.errors import Forbidden, InvalidValue, TemporaryFailure
from pymailcore.directory.directory import Directory
from pymailcore.web.access import SECURITY, Access, Visit, party_of
from pymailcore.web.answers import page, redirect
from pymailcore.web.devices import device_of
from pymailcore.web.second_step import WRONG_PASSKEY, answer_of
from pymailcore.web.signing import TOO_MANY, local_path

SHOWN_SIGN_INS: Final = 12
SHOWN_CONNECTED: Final = 30
_WRONG_PASSWORD: Final = "That is not your password."  # noqa: S105 - a text
_DONE: Final = MappingProxyType(
    {
        "password": "Your password is changed. All other sessions have ended.",
        "session": "The session has ended.",
        "sessions": "All other sessions have ended.",
        "app-password": "The app password is removed. Programs that used it are signed out.",
        "factor": "It is removed.",
        "passkey": "The passkey is added.",
        "totp": "The authenticator app is added.",
    }
)
WAYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "password": "password",
        "password+totp": "password and code",
        "password+recovery": "password and recovery code",
        "password+passkey": "password and passkey",
        "passkey": "passkey",
        "app-password": "app password",
        "scram-password": "password",
        "scram-app-password": "app password",
        "token": "token",
        "certificate": "certificate",
    }
)
PROTOCOLS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "web": "Web pages",
        "imap": "Reading mail (IMAP)",
        "smtp": "Sending mail (SMTP)",
        "jmap": "Programs over JMAP",
        "pop3": "Fetching mail (POP3)",
        "managesieve": "Filters (ManageSieve)",
        "dav": "Calendars and contacts (DAV)",
    }
)


class Security:
    """The page, and what is changed on it at once."""

    def __init__(self, directory: Directory, access: Access) -> None:
        self._directory = directory
        self._access = access

    async def overview(self) -> Response:
        """Everything that opens the account, and where it is open."""
        visit = await self._access.enter()
        current = await self._directory.web_sessions.name(visit.token)
        factors = await visit.call("factor.list")
        text = await render_template(
            "security.html",
            name=visit.principal.name,
            done=_DONE.get(request.args.get("done", ""), ""),
            factors=factors["items"],
            codes=factors["recovery_codes"],
            app_passwords=await _items(visit, "app-password.list"),
            sessions=[
                {
                    **session,
                    "device": device_of(str(session["user_agent"])),
                    "here": session["session"] == current,
                }
                for session in await _items(visit, "session.list")
            ],
            connected=(await _items(visit, "session.live"))[:SHOWN_CONNECTED],
            sign_ins=(await _items(visit, "sign-in.list"))[:SHOWN_SIGN_INS],
            ways=WAYS,
            protocols=PROTOCOLS,
        )
        return page(text, HTTPStatus.OK)

    # --- the password ----------------------------------------------------------------------------

    async def password_page(self) -> Response:
        """Ask for the present and the new password."""
        return await self._password(await self._access.enter())

    async def password(self) -> Response:
        """Change the password; other sessions and connections end."""
        visit = await self._access.enter()
        form = await request.form
        fresh = form.get("new", "")
        if fresh != form.get("again", ""):
            return await self._password(visit, HTTPStatus.BAD_REQUEST, "The two new passwords differ.")
        refused = await self._prove_password(visit, form.get("current", ""))
        if refused is not None:
            return await self._password(visit, *refused)
        try:
            keep = await self._directory.web_sessions.name(visit.token)
            await visit.call("own.password", password=fresh, keep=keep)
        except InvalidValue as fault:
            return await self._password(visit, HTTPStatus.BAD_REQUEST, sentence(fault))
        await self._directory.web_sessions.prove(visit.token)
        return redirect(f"{SECURITY}?done=password")

    async def _password(self, visit: Visit, status: int = HTTPStatus.OK, error: str = "") -> Response:
        name = visit.principal.name
        return page(await render_template("security_password.html", name=name, error=error), status)

    async def _prove_password(self, visit: Visit, password: str) -> tuple[int, str] | None:
        """Look at the present password; gives what is wrong, or None."""
        try:
            if await self._directory.logins.prove(visit.principal, password, peer=visit.asked.peer):
                return None
        except TemporaryFailure:
            return HTTPStatus.TOO_MANY_REQUESTS, TOO_MANY
        return HTTPStatus.FORBIDDEN, _WRONG_PASSWORD

    # --- the proof before changes ----------------------------------------------------------------

    async def confirm_page(self) -> Response:
        """Ask again who he is."""
        visit = await self._access.enter()
        return await self._confirm(visit, own_path(request.args.get("next", "")))

    async def confirm(self) -> Response:
        """Take the password, or a passkey, and go on to what it was asked for."""
        visit = await self._access.enter()
        form = await request.form
        target = own_path(form.get("next", ""))
        if form.get("answer"):
            refused = await self._prove_passkey(visit, form)
        else:
            refused = await self._prove_password(visit, form.get("password", ""))
        if refused is not None:
            return await self._confirm(visit, target, *refused)
        await self._directory.web_sessions.prove(visit.token)
        return redirect(target)

    async def _prove_passkey(self, visit: Visit, form: Mapping[str, str]) -> tuple[int, str] | None:
        try:
            shown = await self._directory.logins.second_steps.passkey(
                party_of(visit.asked), form.get("asked", ""), answer_of(form), peer=visit.asked.peer
            )
        except Forbidden:
            return HTTPStatus.FORBIDDEN, WRONG_PASSKEY
        except TemporaryFailure:
            return HTTPStatus.TOO_MANY_REQUESTS, TOO_MANY
        if shown.account != visit.principal.account:
            return HTTPStatus.FORBIDDEN, "That passkey is of another account."
        return None

    async def _confirm(
        self, visit: Visit, target: str, status: int = HTTPStatus.OK, error: str = ""
    ) -> Response:
        factors = self._directory.credentials.second_factors
        account, options, asked = visit.principal.account, "", ""
        if any(one.kind == "passkey" for one in (await factors.of(account)).factors):
            given, asked = await factors.begin_assertion(party_of(visit.asked), account)
            options = orjson.dumps(given).decode()
        text = await render_template(
            "security_confirm.html",
            name=visit.principal.name,
            wished={"next": target},
            options=options,
            asked=asked,
            error=error,
        )
        return page(text, status, scripted=bool(options))

    # --- web sessions ----------------------------------------------------------------------------

    async def end_session(self) -> Response:
        """End one web session."""
        visit = await self._access.enter()
        session = (await request.form).get("session", "")
        await visit.call("session.end", session=session)
        return redirect(f"{SECURITY}?done=session")

    async def end_others(self) -> Response:
        """End all web sessions but this one."""
        visit = await self._access.enter()
        await visit.call("session.end", keep=await self._directory.web_sessions.name(visit.token))
        return redirect(f"{SECURITY}?done=sessions")


async def _items(visit: Visit, operation: str) -> list[Record]:
    return cast("list[Record]", (await visit.call(operation))["items"])


def sentence(fault: Exception) -> str:
    """What an error says, as a sentence."""
    text = str(fault)
    return f"{text[:1].upper()}{text[1:]}."


def own_path(text: str) -> str:
    """A page of the own account to go on to; never anything else."""
    path = local_path(text)
    return path if path.startswith(SECURITY) else SECURITY


def when(text: str | None) -> str:
    """Write a time (RFC 3339) for people, to the minute, in UTC."""
    return "" if text is None else datetime.fromisoformat(text).strftime("%-d %b %Y, %H:%M UTC")


def day(text: str | None) -> str:
    """Write a time (RFC 3339) for people, to the day."""
    return "" if text is None else datetime.fromisoformat(text).strftime("%-d %b %Y")
