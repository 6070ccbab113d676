"""What all pages share: policies, and answers of each kind.

Standards: Content Security Policy Level 3, RFC 9110 section 15.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final, cast

from quart import Response, render_template, request

from pymailcore.jmap.asgi import Header, HttpRequest

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
SCRIPTED_POLICY: Final = "script-src 'self'; " + PAGE_POLICY
"""Of pages where a passkey can be used: that takes the one small script of the pages."""
_PERMISSIONS: Final = (
    "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), "
    "microphone=(), midi=(), payment=(), usb=()"
)


def current_request() -> HttpRequest:
    """The request as the JMAP side sees it, so that both decide alike."""
    scope = dict(request.scope)
    scope["headers"] = [
        (bytes(key).lower(), bytes(value)) for key, value in cast(Sequence[Header], scope["headers"])
    ]
    return HttpRequest(scope, _no_body)


async def _no_body() -> dict[str, object]:
    raise AssertionError("Quart reads the body")


def redirect(path: str) -> Response:
    """Send the browser on, by GET."""
    response = Response(b"", HTTPStatus.SEE_OTHER)
    response.headers["Location"] = path
    response.headers["Cache-Control"] = "no-store"
    return response


def page(text: str, status: int, *, scripted: bool = False) -> Response:
    """A page that needs no script, but where a passkey can be used."""
    response = Response(text, status, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = SCRIPTED_POLICY if scripted else PAGE_POLICY
    response.headers["Cache-Control"] = "no-store"
    # Under no-referrer a form is sent with `Origin: null`, all that some browsers say of where it is from.
    response.headers["Referrer-Policy"] = "same-origin"
    return response


async def message(
    status: int, title: str, text: str, *, command: str = "", link: str = "", link_text: str = ""
) -> Response:
    """A page that says one thing."""
    text_of_page = await render_template(
        "message.html", title=title, text=text, command=command, link=link, link_text=link_text
    )
    return page(text_of_page, status)


async def secured(response: Response) -> Response:
    """Add the header fields that every answer has."""
    headers = response.headers
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", _PERMISSIONS)
    headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    return response
