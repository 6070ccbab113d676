"""Second factors of one's own account: authenticator apps, passkeys, recovery codes.

Standards: the key URI of authenticator apps (RFC 6238 secrets), Web Authentication Level 2 section 7.1.

Secrets and codes are in the answer to one form and nowhere else; no page keeps them.
"""

import base64
import binascii
from http import HTTPStatus
from typing import Final

import orjson
import segno
from markupsafe import Markup
from quart import Response, render_template, request

from pymailcore.admin.operation import Record
from pymailcore.admin.operations.credentials import FACTOR
from pymailcore.base.errors import AlreadyExists, Forbidden, InvalidValue
from pymailcore.base.ids import decode_id
from pymailcore.directory import totp
from pymailcore.directory.directory import Directory
from pymailcore.directory.errors import OverLimit
from pymailcore.directory.second_factors import Factor
from pymailcore.web.access import SECURITY, Access, Visit, host_of, party_of
from pymailcore.web.answers import page, redirect
from pymailcore.web.errors import Missing
from pymailcore.web.second_step import answer_of
from pymailcore.web.security import sentence

_APP: Final = f"{SECURITY}/authenticator"
_PASSKEY: Final = f"{SECURITY}/passkey"
_WRONG_CODE: Final = (
    "That code is not right. Look whether the clock of your device is right, and try the next code."
)
_CODES: Final = f"{SECURITY}/recovery-codes"


class SecurityFactors:
    """The pages of second factors; all of them ask for a fresh proof first."""

    def __init__(self, directory: Directory, access: Access) -> None:
        self._factors = directory.credentials.second_factors
        self._access = access

    # --- authenticator apps ----------------------------------------------------------------------

    async def app_page(self) -> Response:
        """Ask what to call the app."""
        visit = await self._access.enter(proved=_APP)
        return await self._app_name(visit)

    async def begin_app(self) -> Response:
        """Draw a secret and show it, as a picture to scan and as text."""
        visit = await self._access.enter(proved=_APP)
        name = (await request.form).get("name", "")
        try:
            made = await visit.call("own.app.begin", name=name, issuer=host_of(visit.asked) or "Mail")
        except (InvalidValue, OverLimit) as fault:
            return await self._app_name(visit, HTTPStatus.BAD_REQUEST, sentence(fault))
        return await self._app(visit, str(made["id"]), str(made["secret"]))

    async def confirm_app(self) -> Response:
        """Take the first code of the app."""
        visit = await self._access.enter(proved=_APP)
        form = await request.form
        try:
            made = await visit.call("own.app.confirm", id=form.get("id", ""), code=form.get("code", "")[:64])
        except Forbidden:
            error = _WRONG_CODE
            return await self._app(
                visit, form.get("id", ""), form.get("secret", ""), HTTPStatus.FORBIDDEN, error
            )
        return await self._added(made, "totp")

    async def _app_name(self, visit: Visit, status: int = HTTPStatus.OK, error: str = "") -> Response:
        first = not (await self._factors.of(visit.principal.account)).factors
        text = await render_template("security_app_name.html", error=error, first=first)
        return page(text, status)

    async def _app(
        self, visit: Visit, number: str, secret: str, status: int = HTTPStatus.OK, error: str = ""
    ) -> Response:
        try:
            octets = base64.b32decode(secret)
        except (binascii.Error, ValueError):
            raise Missing from None
        if len(octets) != totp.SECRET_OCTETS:
            raise Missing
        uri = totp.key_uri(octets, visit.principal.name, host_of(visit.asked) or "Mail")
        text = await render_template(
            "security_app.html",
            id=number,
            secret=secret,
            spoken=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
            picture=picture_of(uri),
            uri=uri,
            error=error,
        )
        return page(text, status)

    # --- passkeys --------------------------------------------------------------------------------

    async def passkey_page(self) -> Response:
        """Ask what to call the passkey, and the browser to make it."""
        return await self._passkey(await self._access.enter(proved=_PASSKEY))

    async def add_passkey(self) -> Response:
        """Keep what the browser has made."""
        visit = await self._access.enter(proved=_PASSKEY)
        form = await request.form
        host = host_of(visit.asked)
        if not host:
            raise Missing
        try:
            made = await visit.call(
                "own.passkey.add",
                name=form.get("name", ""),
                host=host,
                ticket=form.get("asked", ""),
                answer=answer_of(form),
            )
        except Forbidden:
            return await self._passkey(visit, HTTPStatus.FORBIDDEN, "That took too long. Try again.")
        except (InvalidValue, OverLimit, AlreadyExists) as fault:
            return await self._passkey(visit, HTTPStatus.BAD_REQUEST, sentence(fault))
        return await self._added(made, "passkey")

    async def _passkey(self, visit: Visit, status: int = HTTPStatus.OK, error: str = "") -> Response:
        account = visit.principal.account
        given, asked = await self._factors.begin_passkey(account, visit.principal.name, party_of(visit.asked))
        first = not (await self._factors.of(account)).factors
        text = await render_template(
            "security_passkey.html",
            options=orjson.dumps(given).decode(),
            asked=asked,
            error=error,
            first=first,
        )
        return page(text, status, scripted=True)

    # --- recovery codes --------------------------------------------------------------------------

    async def codes_page(self) -> Response:
        """Say what new codes do to the old ones."""
        await self._access.enter(proved=_CODES)
        return page(await render_template("security_codes.html", codes=(), added=False), HTTPStatus.OK)

    async def new_codes(self) -> Response:
        """Make new codes and show them once."""
        visit = await self._access.enter(proved=_CODES)
        try:
            made = await visit.call("own.codes")
        except InvalidValue:
            return redirect(SECURITY)
        text = await render_template("security_codes.html", codes=made["codes"], added=False)
        return page(text, HTTPStatus.OK)

    async def _added(self, made: Record, kind: str) -> Response:
        """Show the codes that come with the first factor."""
        if not made["codes"]:
            return redirect(f"{SECURITY}?done={kind}")
        text = await render_template("security_codes.html", codes=made["codes"], added=True)
        return page(text, HTTPStatus.OK)

    # --- removing --------------------------------------------------------------------------------

    async def remove_page(self, factor: str) -> Response:
        """Ask whether a factor is to go."""
        visit, found, last = await self._find(factor)
        text = await render_template(
            "security_remove.html",
            action=request.path,
            name=found.name,
            what="authenticator app" if found.kind == "totp" else "passkey",
            last=last,
            who=visit.principal.name,
        )
        return page(text, HTTPStatus.OK)

    async def remove(self, factor: str) -> Response:
        """Take a factor away."""
        visit, _, _ = await self._find(factor)
        await visit.call("factor.remove", id=factor)
        return redirect(f"{SECURITY}?done=factor")

    async def _find(self, factor: str) -> tuple[Visit, Factor, bool]:
        """One factor, and whether it is the last one."""
        visit = await self._access.enter(proved=f"{SECURITY}/factors/{factor}/remove")
        number = decode_id(FACTOR, factor)
        factors = (await self._factors.of(visit.principal.account)).factors
        found = next((one for one in factors if one.id == number), None)
        if found is None:
            raise Missing
        return visit, found, len(factors) == 1


def picture_of(text: str) -> Markup:
    """A QR code as SVG that stands in a page; black on what is below it."""
    code = segno.make(text, error="m", micro=False)
    return Markup(code.svg_inline(border=0, omitsize=True, svgclass=None, lineclass=None))  # noqa: S704 - it is numbers
