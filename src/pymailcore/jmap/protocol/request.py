"""The Request object, and the Response object that answers it.

Standards: RFC 8620 sections 3.2 (Invocation), 3.3 (Request), 3.4 (Response), 3.6.1 (errors).
"""

from collections.abc import Collection
from dataclasses import dataclass

from pymailcore.jmap.protocol import ijson, problems
from pymailcore.jmap.protocol.values import JsonObject, is_id

_MAX_METHOD_NAME = 255


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call or one answer: name, arguments, and the call id that ties them together."""

    name: str
    arguments: JsonObject
    call_id: str

    def encode(self) -> list[object]:
        """Its JSON form (RFC 8620 section 3.2)."""
        return [self.name, self.arguments, self.call_id]


@dataclass(frozen=True, slots=True)
class Request:
    """What a client posts.

    Attributes:
        created_ids: None when the client gave none and wants none back.
    """

    using: frozenset[str]
    calls: tuple[Invocation, ...]
    created_ids: dict[str, str] | None


def parse_request(octets: bytes, *, known: Collection[str], max_calls: int, max_created_ids: int) -> Request:
    """Read a Request object.

    Args:
        known: the capabilities that `using` may name.
        max_calls: maxCallsInRequest.
        max_created_ids: how many creation ids a client may bring along.

    Raises:
        RequestProblem: notJSON, notRequest, unknownCapability or limit, in this order.
    """
    try:
        value = ijson.parse(octets)
    except ijson.NotJson as error:
        raise problems.not_json(str(error)) from error
    if not isinstance(value, dict):
        raise problems.not_request("a Request is an object")
    # RFC 8620 section 3.3 lists the members; others are refused, so that nothing is accepted and ignored.
    if unknown := set(value) - {"using", "methodCalls", "createdIds"}:
        raise problems.not_request(f"a Request has no {min(unknown)[:64]}")
    using, calls, created_ids = value.get("using"), value.get("methodCalls"), value.get("createdIds")
    if not isinstance(using, list) or not all(isinstance(name, str) for name in using):
        raise problems.not_request("using is a list of strings")
    if not isinstance(calls, list):
        raise problems.not_request("methodCalls is a list")
    if strange := [name for name in using if name not in known]:
        raise problems.unknown_capability(f"{strange[0][:255]} is not known here")
    if len(calls) > max_calls:
        raise problems.over_limit("maxCallsInRequest", f"at most {max_calls} calls in one request")
    return Request(
        frozenset(using),
        tuple(_invocation(call) for call in calls),
        _created_ids(created_ids, max_created_ids) if "createdIds" in value else None,
    )


def _invocation(call: object) -> Invocation:
    if not isinstance(call, list) or len(call) != 3:
        raise problems.not_request("a call is a list of three")
    name, arguments, call_id = call
    if not isinstance(name, str) or len(name) > _MAX_METHOD_NAME:
        raise problems.not_request("the name of a call is a string")
    if not isinstance(arguments, dict):
        raise problems.not_request("the arguments of a call are an object")
    if not isinstance(call_id, str):
        raise problems.not_request("the id of a call is a string")
    return Invocation(name, arguments, call_id)


def _created_ids(value: object, limit: int) -> dict[str, str]:
    if not isinstance(value, dict) or not all(is_id(key) and is_id(id_) for key, id_ in value.items()):
        raise problems.not_request("createdIds maps ids to ids")
    if len(value) > limit:
        raise problems.not_request(f"createdIds has at most {limit} members")
    return dict(value)


def response(answers: list[Invocation], session_state: str, created_ids: dict[str, str] | None) -> JsonObject:
    """Give the Response object (RFC 8620 section 3.4); createdIds only when the client sent them."""
    document: JsonObject = {
        "methodResponses": [answer.encode() for answer in answers],
        "sessionState": session_state,
    }
    if created_ids is not None:
        document["createdIds"] = created_ids
    return document
