"""RFC 8620 sections 3.3 and 3.6.1: the Request object and its errors."""

import orjson
import pytest

from pymailcore.jmap.protocol.problems import RequestProblem
from pymailcore.jmap.protocol.request import Invocation, Request, parse_request, response

KNOWN = {"urn:a", "urn:b"}


def parse(document: object, max_calls: int = 3) -> Request:
    octets = document if isinstance(document, bytes) else orjson.dumps(document)
    return parse_request(octets, known=KNOWN, max_calls=max_calls, max_created_ids=2)


def test_a_request_is_read() -> None:
    request = parse({"using": ["urn:a"], "methodCalls": [["A/b", {"x": 1}, "c"]], "createdIds": {"k": "id"}})
    assert request.using == {"urn:a"}
    assert request.calls == (Invocation("A/b", {"x": 1}, "c"),)
    assert request.created_ids == {"k": "id"}
    assert parse({"using": [], "methodCalls": []}).created_ids is None


@pytest.mark.parametrize(
    "document",
    [
        [],
        "x",
        None,
        {},
        {"using": []},
        {"methodCalls": []},
        {"using": "urn:a", "methodCalls": []},
        {"using": [1], "methodCalls": []},
        {"using": [], "methodCalls": {}},
        {"using": [], "methodCalls": [["a", {}]]},
        {"using": [], "methodCalls": [["a", {}, "c", 1]]},
        {"using": [], "methodCalls": [[1, {}, "c"]]},
        {"using": [], "methodCalls": [["a", [], "c"]]},
        {"using": [], "methodCalls": [["a", {}, 1]]},
        {"using": [], "methodCalls": [["a" * 256, {}, "c"]]},
        {"using": [], "methodCalls": ["a"]},
        {"using": [], "methodCalls": [], "more": 1},
        {"using": [], "methodCalls": [], "createdIds": []},
        {"using": [], "methodCalls": [], "createdIds": None},
        {"using": [], "methodCalls": [], "createdIds": {"k": 1}},
        {"using": [], "methodCalls": [], "createdIds": {"k!": "a"}},
        {"using": [], "methodCalls": [], "createdIds": {"1": "a", "2": "a", "3": "a"}},
    ],
)
def test_what_is_no_request_is_told_so(document: object) -> None:
    with pytest.raises(RequestProblem) as problem:
        parse(document)
    assert problem.value.type.endswith(":notRequest")
    assert problem.value.status == 400


def test_what_is_no_json_is_told_so() -> None:
    with pytest.raises(RequestProblem) as problem:
        parse(b"{")
    assert problem.value.type.endswith(":notJSON")


def test_an_unknown_capability_is_refused() -> None:
    with pytest.raises(RequestProblem) as problem:
        parse({"using": ["urn:a", "urn:c"], "methodCalls": []})
    assert problem.value.type.endswith(":unknownCapability")


@pytest.mark.parametrize(("calls", "fits"), [(2, True), (3, True), (4, False)])
def test_calls_are_limited(calls: int, fits: bool) -> None:
    document = {"using": [], "methodCalls": [["a", {}, "c"]] * calls}
    if fits:
        assert len(parse(document).calls) == calls
        return
    with pytest.raises(RequestProblem) as problem:
        parse(document)
    assert problem.value.document() == {
        "type": "urn:ietf:params:jmap:error:limit",
        "status": 400,
        "detail": "at most 3 calls in one request",
        "limit": "maxCallsInRequest",
    }


def test_created_ids_come_back_only_to_who_sent_some() -> None:
    """RFC 8620 section 3.4."""
    answers = [Invocation("a", {}, "c")]
    assert response(answers, "s", None) == {"methodResponses": [["a", {}, "c"]], "sessionState": "s"}
    assert response([], "s", {})["createdIds"] == {}
