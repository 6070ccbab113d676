"""App passwords of one's own account: made, shown once, removed."""

from http import HTTPStatus
from typing import Final, cast

from quart import Response, render_template, request
from werkzeug.datastructures import MultiDict

from pymailcore.admin.operation import Record
from pymailcore.base.errors import InvalidValue
from pymailcore.directory.errors import OverLimit
from pymailcore.web.access import SECURITY, Access, Visit
from pymailcore.web.answers import page, redirect
from pymailcore.web.errors import Missing
from pymailcore.web.security import PROTOCOLS, sentence

OFFERED: Final = ("imap", "smtp", "jmap")
"""Protocols of mail programs that this server speaks."""

_NEW: Final = f"{SECURITY}/app-password"


class SecurityAppPasswords:
    """The pages of app passwords; all of them ask for a fresh proof first."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def new_page(self) -> Response:
        """Ask what it is for."""
        await self._access.enter(proved=_NEW)
        return await self._form(MultiDict())

    async def add(self) -> Response:
        """Make one and show it."""
        visit = await self._access.enter(proved=_NEW)
        form = await request.form
        until = form.get("expires", "")
        try:
            made = await visit.call(
                "app-password.add",
                name=form.get("name", ""),
                protocols=[name for name in form.getlist("protocol") if name in OFFERED],
                networks=form.get("networks", "").split(),
                read_only=bool(form.get("read_only")),
                expires=f"{until}T23:59:59Z" if until else None,
            )
        except (InvalidValue, OverLimit) as fault:
            return await self._form(form, HTTPStatus.BAD_REQUEST, sentence(fault))
        text = await render_template(
            "security_app_password_made.html", made=made, address=visit.principal.name
        )
        return page(text, HTTPStatus.OK)

    async def remove_page(self, secret: str) -> Response:
        """Ask whether one is to go."""
        visit, name = await self._find(secret)
        text = await render_template(
            "security_remove.html",
            action=request.path,
            name=name,
            what="app password",
            last=False,
            who=visit.principal.name,
        )
        return page(text, HTTPStatus.OK)

    async def remove(self, secret: str) -> Response:
        """Take one out of force."""
        visit, _ = await self._find(secret)
        await visit.call("app-password.remove", id=secret)
        return redirect(f"{SECURITY}?done=app-password")

    async def _form(
        self, given: "MultiDict[str, str]", status: int = HTTPStatus.OK, error: str = ""
    ) -> Response:
        text = await render_template(
            "security_app_password.html",
            given=given,
            chosen=given.getlist("protocol"),
            offered={name: PROTOCOLS[name] for name in OFFERED},
            error=error,
        )
        return page(text, status)

    async def _find(self, secret: str) -> tuple[Visit, str]:
        """The name of one, by its id."""
        visit = await self._access.enter(proved=f"{SECURITY}/app-passwords/{secret}/remove")
        items = cast("list[Record]", (await visit.call("app-password.list"))["items"])
        found = next((one for one in items if one["id"] == secret), None)
        if found is None:
            raise Missing
        return visit, str(found["name"])
