"""Whose request is it: Basic credentials, a Bearer token, or the cookie of a web session.

Standards: RFC 7617 (Basic), RFC 6750 section 2.1 (Bearer), RFC 6265bis section 4.1.3 (`__Host-` prefix),
RFC 9110 section 11.

A cookie is sent by browsers for anybody's page, so a request that changes something and is signed by a cookie
must say that it comes from our own origin: `Sec-Fetch-Site: same-origin`, or an `Origin` that is ours where a
browser does not send the former. A request that says neither is refused.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Protocol
from urllib.parse import urlsplit

import trio

from pymailcore.base.errors import Forbidden, TemporaryFailure
from pymailcore.base.ids import AccountId
from pymailcore.directory.sign_in import SignIn
from pymailcore.directory.types import Principal
from pymailcore.jmap.asgi import HttpRequest, cookies
from pymailcore.jmap.services import PROTOCOL
from pymailcore.sasl.steps import MAX_TOKEN_OCTETS, BearerToken, Credentials, Evidence

SECURE_COOKIE: Final = "__Host-session"
PLAIN_COOKIE: Final = "session"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_MAX_TOKEN: Final = 128
_MAX_BASIC: Final = 4_096
_BEARER: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*\Z")


class SessionDirectory(SignIn, Protocol):
    """What is needed of the directory; `directory.directory.Directory` is one."""

    async def create_session(
        self,
        account: AccountId,
        *,
        user_agent: str,
        peer: str,
        mechanism: str = "password",
        generation: int | None = None,
    ) -> str:
        """Begin a session and give its token; Forbidden when the account has a later generation."""
        ...

    async def session(self, token: str) -> Principal | None:
        """Whose session a token is."""
        ...

    async def end_session(self, token: str) -> None:
        """End a session."""
        ...


def cookie_name(https: bool) -> str:
    """Name of the session cookie.

    Over TLS the name has the prefix that makes browsers insist on Secure and this host. On plain HTTP, which
    is for tests on this machine, a cookie cannot be Secure for every client, and has a name of its own.
    """
    return SECURE_COOKIE if https else PLAIN_COOKIE


def session_token(request: HttpRequest) -> str:
    """The token in the request's cookie, or the empty string."""
    token = cookies(request.headers).get(cookie_name(request.https), "")
    return token if len(token) <= _MAX_TOKEN else ""


def is_same_origin(request: HttpRequest) -> bool:
    """Whether a browser says that its own page on this origin sent the request."""
    site = request.header(b"sec-fetch-site")
    if site:
        return site == "same-origin"
    origin = request.header(b"origin")
    if not origin or origin == "null":
        return False
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return (parts.scheme, parts.netloc.lower()) == (
        "https" if request.https else "http",
        request.header(b"host").lower(),
    )


class DirectoryAuthenticator:
    """The `jmap.services.Authenticator` over the directory."""

    def __init__(self, directory: SessionDirectory) -> None:
        self._directory = directory

    async def authenticate(self, request: HttpRequest) -> Principal | None:
        """Give the principal of a request; Basic and Bearer go before the cookie.

        Raises:
            Forbidden: wrong password or token; a cookie without the right origin; secrets over plain HTTP
                from afar.
            TemporaryFailure: too many attempts.
        """
        authorization = request.header(b"authorization")
        if authorization:
            return await self._authorization(request, authorization)
        token = session_token(request)
        if not token:
            return None
        if request.method not in _SAFE and not is_same_origin(request):
            raise Forbidden("the request came from another origin")
        if not request.may_carry_secrets:
            raise Forbidden("plain HTTP")
        return await self._directory.session(token)

    async def still_valid(self, request: HttpRequest) -> bool:
        """Whether what `authenticate` found good still is: the session goes on, the password is the same."""
        try:
            return await self.authenticate(request) is not None
        except Forbidden:
            return False
        except TemporaryFailure:
            return True

    async def _authorization(self, request: HttpRequest, authorization: str) -> Principal:
        scheme, _, given = authorization.partition(" ")
        read = _SCHEMES.get(scheme.lower())
        if read is None:
            raise Forbidden("only Basic and Bearer are known")
        if not request.may_carry_secrets:
            raise Forbidden("plain HTTP")
        evidence = read(given.strip(" "))
        if evidence is None:
            raise Forbidden("the credentials are malformed")
        try:
            return await self._directory.authenticate(
                evidence, peer=request.peer, protocol=PROTOCOL, mechanism=scheme.upper()
            )
        except (Forbidden, TemporaryFailure):
            await trio.sleep(self._directory.failure_pause_seconds(request.peer))
            raise


def _basic(given: str) -> Credentials | None:
    if len(given) > _MAX_BASIC:
        return None
    try:
        name, _, password = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return Credentials(name, "", password) if name and password else None


def _bearer(given: str) -> BearerToken | None:
    if len(given) > MAX_TOKEN_OCTETS or not _BEARER.match(given):
        return None
    return BearerToken("BEARER", "", given)


_SCHEMES: Final[Mapping[str, Callable[[str], Evidence | None]]] = MappingProxyType(
    {"basic": _basic, "bearer": _bearer}
)
