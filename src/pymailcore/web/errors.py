"""Pages for what went wrong; they say nothing about why that only we should know.

Standards: RFC 9110 section 15.
"""

from http import HTTPStatus

from quart import Response
from werkzeug.exceptions import HTTPException

from pymailcore.runtime.logs import get_logger
from pymailcore.web.answers import message, redirect

log = get_logger()


class Missing(Exception):
    """There is no such page; says nothing about why."""


class Detour(Exception):
    """Something else comes first, at another page of ours.

    Attributes:
        path: of that page.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class FromElsewhere(Exception):
    """A form was not sent by a page of this server."""


class ErrorPages:
    """One handler for each kind of trouble."""

    async def refused(self, error: HTTPException) -> Response:
        """A page for an error of HTTP."""
        status = HTTPStatus(error.code or 500)
        texts = {
            404: ("Nothing here", "There is no page at this address."),
            405: ("Not this way", "This address is not for this kind of request."),
            408: ("Too slow", "The request took too long. Try again."),
            413: ("Too large", "The request is larger than this server takes."),
        }
        title, text = texts.get(status, (status.phrase, "The request could not be served."))
        response = await message(status, title, text, link="/", link_text="To your mail")
        allow = error.get_response().headers.get("Allow")
        if allow:
            response.headers["Allow"] = allow
        return response

    async def missing(self, error: Exception) -> Response:  # noqa: ARG002
        """A page for what is not there, or may not be seen."""
        return await message(
            HTTPStatus.NOT_FOUND,
            "Nothing here",
            "There is no page at this address.",
            link="/",
            link_text="To your mail",
        )

    async def forbidden(self, error: Exception) -> Response:  # noqa: ARG002
        """A page for wrong credentials."""
        return await message(
            HTTPStatus.UNAUTHORIZED,
            "Sign in first",
            "You are not signed in.",
            link="/login",
            link_text="Sign in",
        )

    async def detour(self, error: Detour) -> Response:
        """Send the browser where something comes first."""
        return redirect(error.path)

    async def from_elsewhere(self, error: Exception) -> Response:  # noqa: ARG002
        """A page for a form of another site."""
        return await message(
            HTTPStatus.FORBIDDEN,
            "Nothing was done",
            "This form was not sent from a page of this server.",
            link="/",
            link_text="To your mail",
        )

    async def unavailable(self, error: Exception) -> Response:
        """A page for trouble that passes."""
        log.warning("cannot serve now", error=repr(error))
        response = await message(
            HTTPStatus.SERVICE_UNAVAILABLE, "Not now", "The server is busy. Try again in a moment."
        )
        response.headers["Retry-After"] = "5"
        return response

    async def fault(self, error: Exception) -> Response:
        """A page for a fault of our own."""
        log.error("fault in a page", exc_info=error)
        return await message(
            HTTPStatus.INTERNAL_SERVER_ERROR, "That did not work", "The fault is ours and has been noted."
        )
