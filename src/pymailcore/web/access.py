"""Who is at a page of his own account, and whether he has shown lately that it is he.

Contract: only the cookie of a web session opens these pages; a password or token of a mail program does not.
A form must come from our own pages. Changes of credentials need a proof that is not older than
`PROOF_SECONDS`; where it is, the browser is sent to show it first and comes back.
"""

from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

from quart import request

from pymailcore.admin.operation import Record
from pymailcore.admin.registry import Administration
from pymailcore.base.errors import Forbidden
from pymailcore.base.reach import act_for
from pymailcore.directory.actors import Actor
from pymailcore.directory.directory import Directory
from pymailcore.directory.passkeys import RelyingParty
from pymailcore.directory.types import Principal
from pymailcore.jmap.asgi import HttpRequest
from pymailcore.jmap.http import base_url
from pymailcore.web.answers import current_request
from pymailcore.web.authentication import is_same_origin, session_token
from pymailcore.web.errors import Detour, FromElsewhere, Missing

PROOF_SECONDS: Final = 600.0
SECURITY: Final = "/account/security"


class Visit(NamedTuple):
    """Somebody at the pages of his account."""

    asked: HttpRequest
    token: str
    principal: Principal
    actor: Actor
    administration: Administration

    async def call(self, operation: str, **arguments: object) -> Record:
        """Do an operation on the own account; see `Administration.call`."""
        return await self.administration.call(
            self.actor, operation, {"account": self.principal.name, **arguments}
        )


class Access:
    """Lets people into the pages of their accounts."""

    def __init__(self, directory: Directory, administration: Administration) -> None:
        self._directory = directory
        self._administration = administration

    async def enter(self, *, proved: str = "") -> Visit:
        """Say who asks.

        Args:
            proved: the change needs a fresh proof; the page to come back to after giving it.

        Raises:
            Detour: he has to sign in first, or to prove who he is.
            FromElsewhere: a form that was not sent by our own page.
            Forbidden: plain HTTP from afar.
        """
        asked = current_request()
        if not asked.may_carry_secrets:
            raise Forbidden("plain HTTP")
        require_own_form(asked)
        token = session_token(asked)
        principal = await self._directory.session(token) if token else None
        if principal is None:
            raise Detour("/login?next=" + quote(_here(asked), safe="/"))
        act_for(principal.tenant, principal.account)
        if proved and not await self._directory.web_sessions.is_proved(token, PROOF_SECONDS):
            raise Detour(f"{SECURITY}/confirm?next={quote(proved, safe='/')}")
        actor = await self._directory.roles.actor(principal, peer=asked.peer)
        return Visit(asked, token, principal, actor, self._administration)


def require_own_form(asked: HttpRequest) -> None:
    """Refuse a form of another site.

    Raises:
        FromElsewhere: nothing says that it was sent by our own page.
    """
    if asked.method == "POST" and not is_same_origin(asked):
        raise FromElsewhere


def host_of(asked: HttpRequest) -> str:
    """The name of this server as the browser has it, without a port; empty when it is none."""
    try:
        return urlsplit(base_url(asked) or "").hostname or ""
    except ValueError:
        return ""


def party_of(asked: HttpRequest) -> RelyingParty:
    """This server as passkeys know it: by the name that the browser has for it.

    The browser itself binds a passkey to the name of the page that it is on, so that a false Host field gains
    nobody anything.

    Raises:
        Missing: the request does not say.
    """
    host = host_of(asked)
    if not host:
        raise Missing
    return RelyingParty(host)


def _here(asked: HttpRequest) -> str:
    """Where to come back to after signing in: what was asked for, or the page of the form."""
    return request.full_path.rstrip("?")[:1000] if asked.method == "GET" else SECURITY
