"""Errors of a whole request, as problem documents.

Standards: RFC 8620 section 3.6.1, RFC 7807 section 3.1.
"""

from pymailcore.jmap.protocol.values import JsonObject

JMAP_ERROR = "urn:ietf:params:jmap:error:"


class RequestProblem(Exception):
    """Ends a whole request; becomes an HTTP answer of type application/problem+json.

    Attributes:
        status: the HTTP status.
        type: a URN of RFC 8620 section 3.6.1, or about:blank.
        detail: for a person; tells nothing about the server.
        limit: the name of the limit that was passed, for type limit.
    """

    def __init__(self, status: int, kind: str, detail: str, *, limit: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.type = kind
        self.detail = detail
        self.limit = limit

    def document(self) -> JsonObject:
        """The problem document."""
        document: JsonObject = {"type": self.type, "status": self.status, "detail": self.detail}
        if self.limit is not None:
            document["limit"] = self.limit
        return document


def unknown_capability(detail: str) -> RequestProblem:
    """A member of `using` is not supported here."""
    return RequestProblem(400, JMAP_ERROR + "unknownCapability", detail)


def not_json(detail: str) -> RequestProblem:
    """The body is not I-JSON, or its type is not application/json."""
    return RequestProblem(400, JMAP_ERROR + "notJSON", detail)


def not_request(detail: str) -> RequestProblem:
    """The body is JSON and no Request object."""
    return RequestProblem(400, JMAP_ERROR + "notRequest", detail)


def over_limit(limit: str, detail: str, *, status: int = 400) -> RequestProblem:
    """A limit of the core capability is passed; `limit` is its name there."""
    return RequestProblem(status, JMAP_ERROR + "limit", detail, limit=limit)


def plain(status: int, detail: str) -> RequestProblem:
    """A fault that is HTTP's and not JMAP's (RFC 7807 section 4.2)."""
    return RequestProblem(status, "about:blank", detail)
