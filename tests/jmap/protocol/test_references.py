"""RFC 8620 section 3.7: result references."""

import time
from typing import Any

import orjson
import pytest

from pymailcore.jmap.protocol.errors import MethodError
from pymailcore.jmap.protocol.references import MAX_SEGMENTS, Budget, PointerFails, evaluate, resolve
from pymailcore.jmap.protocol.request import Invocation
from pymailcore.jmap.protocol.values import JsonObject

ANSWER: dict[str, object] = {
    "ids": ["a", "b"],
    "list": [
        {"id": "x", "emailIds": ["e1", "e2"], "n": {"m": [1]}},
        {"id": "y", "emailIds": ["e3"], "n": {"m": [2, 3]}},
    ],
    "a/b": {"~": 1},
    "": 5,
}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", ANSWER),
        ("/ids", ["a", "b"]),
        ("/ids/1", "b"),
        ("/list/*/id", ["x", "y"]),
        ("/list/*/emailIds", ["e1", "e2", "e3"]),
        ("/list/*/n/m/*", [1, 2, 3]),
        ("/list/0/emailIds/*", ["e1", "e2"]),
        ("/a~1b/~0", 1),
        ("/", 5),
    ],
)
def test_a_pointer_is_followed(pointer: str, value: object) -> None:
    """The example of RFC 8620 section 3.7 is the fifth."""
    assert evaluate(pointer, ANSWER, max_items=10) == value


@pytest.mark.parametrize(
    "pointer",
    [
        "ids",
        "/none",
        "/ids/2",
        "/ids/01",
        "/ids/-",
        "/ids/-1",
        "/ids/x",
        "/ids/0/x",
        "/list/*/none",
        "/ids/１",
    ],
)
def test_a_pointer_that_leads_nowhere_fails(pointer: str) -> None:
    with pytest.raises(PointerFails):
        evaluate(pointer, ANSWER, max_items=10)


def test_items_are_bounded_at_every_step() -> None:
    value = {"list": [{"ids": list(range(10))} for _ in range(10)]}
    assert evaluate("/list/*/ids", value, max_items=100) == list(range(10)) * 10
    with pytest.raises(PointerFails):
        evaluate("/list/*/ids", value, max_items=99)


def test_steps_are_bounded() -> None:
    value: Any = 1
    for _ in range(MAX_SEGMENTS + 1):
        value = {"a": value}
    with pytest.raises(PointerFails):
        evaluate("/a" * (MAX_SEGMENTS + 1), value, max_items=1)
    assert evaluate("/a" * MAX_SEGMENTS, value, max_items=1) == {"a": 1}


def test_nested_stars_are_cheap_and_bounded() -> None:
    value: Any = list(range(10))
    for _ in range(5):
        value = [value] * 10
    began = time.process_time()
    with pytest.raises(PointerFails):
        evaluate("/*" * 6, value, max_items=500)
    assert time.process_time() - began < 0.5


ANSWERS = [Invocation("Foo/get", ANSWER, "0"), Invocation("Foo/get", {"ids": []}, "1")]


def reference(**changes: object) -> dict[str, object]:
    return {"resultOf": "0", "name": "Foo/get", "path": "/ids", **changes}


def test_an_argument_is_put_in_the_place_of_its_reference() -> None:
    assert resolve({"#ids": reference(), "x": 1}, ANSWERS, max_items=9) == {"ids": ["a", "b"], "x": 1}


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ({"#ids": reference(), "ids": []}, "invalidArguments"),
        ({"#ids": "x"}, "invalidArguments"),
        ({"#ids": {"resultOf": "0", "name": "Foo/get"}}, "invalidArguments"),
        ({"#ids": reference(extra=1)}, "invalidArguments"),
        ({"#ids": reference(path=1)}, "invalidArguments"),
        ({"#ids": reference(resultOf="2")}, "invalidResultReference"),
        ({"#ids": reference(name="Foo/set")}, "invalidResultReference"),
        ({"#ids": reference(path="/none")}, "invalidResultReference"),
    ],
)
def test_a_wrong_reference_is_an_error_of_the_call(arguments: dict[str, object], kind: str) -> None:
    with pytest.raises(MethodError) as error:
        resolve(arguments, ANSWERS, max_items=9)
    assert error.value.kind == kind


def test_arguments_without_references_are_untouched() -> None:
    arguments: dict[str, object] = {"a": 1}
    assert resolve(arguments, [], max_items=1) is arguments


def test_all_references_of_a_request_share_one_budget() -> None:
    """Security notes, J2: found here, two whole answers in each of thirty calls were 2**30 copies."""
    answers = [Invocation("Core/echo", {"x": "0123456789" * 10}, "0")]
    budget = Budget(100_000)
    refused = 0
    for number in range(30):
        reference = {"resultOf": str(number), "name": "Core/echo", "path": ""}
        arguments: JsonObject = {"x": 1}
        try:
            arguments = resolve({"#a": reference, "#b": reference}, answers, max_items=500, budget=budget)
        except MethodError:
            refused += 1
        answers.append(Invocation("Core/echo", arguments, str(number + 1)))
    assert refused
    assert sum(len(orjson.dumps(answer.arguments)) for answer in answers) < 300_000


def test_looking_costs_as_much_as_finding() -> None:
    """A list of empty lists gives nothing, however often it is gone through."""
    answers = [Invocation("Core/echo", {"x": [[]] * 10_000}, "0")]
    reference = {"resultOf": "0", "name": "Core/echo", "path": "/x/*/*"}
    many: JsonObject = {f"#{number}": reference for number in range(1_000)}
    with pytest.raises(MethodError, match="invalidResultReference"):
        resolve(many, answers, max_items=500)
