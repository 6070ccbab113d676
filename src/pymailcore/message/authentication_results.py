"""Authentication-Results read, through the authres library, with a guard before it.

Standards: RFC 7601 section 2.2 (syntax), section 5 (only results of our own server are to be believed).

The library takes comments apart by recursion and copies the rest of the text for each token, so it is given
no comments and not more than 2 KiB; what it makes of worse input is caught here.
"""

from typing import Final, NamedTuple

import authres  # type: ignore[import-untyped]

from pymailcore.message.fields import unfolded, without_comments
from pymailcore.message.limits import MAX_STRUCTURED_OCTETS

_MAX_LENGTH: Final = 2048
_MAX_RESULTS: Final = 50
_features: Final = authres.all_features()


class Property(NamedTuple):
    """What a result is about: ("header", "d", "example.org")."""

    type: str
    name: str
    value: str


class Result(NamedTuple):
    """One method: ("dkim", "pass", reason, properties)."""

    method: str
    result: str
    reason: str | None
    properties: tuple[Property, ...]


class AuthenticationResults(NamedTuple):
    """One field; the caller compares `authserv_id` with its own name before it believes anything."""

    authserv_id: str
    results: tuple[Result, ...]


def parse_authentication_results(raw: bytes) -> AuthenticationResults | None:
    """Read a raw Authentication-Results value; None for what is not valid, or longer than 2 KiB."""
    if len(raw) > MAX_STRUCTURED_OCTETS:  # a part of it could say something else than the whole
        return None
    text = without_comments(unfolded(raw))
    if len(text) > _MAX_LENGTH or text.count(";") > _MAX_RESULTS or not text.isprintable():
        return None
    try:
        header = _features.parse_value(" ".join(text.split()))
        return AuthenticationResults(
            str(header.authserv_id), tuple([_result(found) for found in header.results])
        )
    except Exception:  # a foreign parser on a peer's octets
        return None


def _result(found: authres.core.AuthenticationResult) -> Result:
    return Result(
        str(found.method).lower(),
        str(found.result).lower(),
        None if found.reason is None else str(found.reason),
        tuple(
            [
                Property(str(item.type).lower(), str(item.name).lower(), str(item.value))
                for item in found.properties
            ]
        ),
    )
