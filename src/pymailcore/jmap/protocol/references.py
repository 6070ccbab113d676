"""Result references: an argument taken from the answer to an earlier call.

Standards: RFC 8620 section 3.7, RFC 6901 (JSON Pointer) with `*` for every item of a list.

Bounded: a pointer has at most `MAX_SEGMENTS` steps and gives at most `max_items` items, at every step, and
all that the references of one request look at and copy is counted by one `Budget`; a chain of calls can thus
not multiply its way up. A reference names an earlier call of the same request only, since only those have
answers.
"""

from collections.abc import Sequence
from typing import Final

from pymailcore.jmap.protocol.errors import MethodError, invalid_arguments
from pymailcore.jmap.protocol.request import Invocation
from pymailcore.jmap.protocol.values import JsonObject

MAX_SEGMENTS: Final = 16
MAX_POINTER: Final = 1024
MAX_WEIGHT: Final = 4_000_000
"""What the references of one request may look at and copy: values, and characters of strings."""

_MISSING: Final = object()


class PointerFails(Exception):
    """A pointer leads nowhere, or to too much."""


class Budget:
    """What the references of one request may still look at and copy.

    Python shares what is referred to; the answer that is written out does not. Without a bound two references
    in each of thirty calls make 2**30 copies (security notes, J2).
    """

    def __init__(self, weight: int = MAX_WEIGHT) -> None:
        self._left = weight

    def take(self, weight: int) -> None:
        """Take some of it.

        Raises:
            PointerFails: too little is left.
        """
        self._left -= weight
        if self._left < 0:
            raise PointerFails("the references of this request give too much")

    def weigh(self, value: object) -> None:
        """Take what a value weighs when it is written out; stops as soon as it is too much.

        Raises:
            PointerFails: too little is left.
        """
        waiting = [value]
        while waiting:
            item = waiting.pop()
            if isinstance(item, str):
                self.take(1 + len(item))
            elif isinstance(item, dict):
                self.take(1 + sum(len(name) for name in item))
                waiting += item.values()
            elif isinstance(item, list):
                self.take(1 + len(item))
                waiting += item
            else:
                self.take(1)


def resolve(
    arguments: JsonObject, answers: Sequence[Invocation], *, max_items: int, budget: Budget | None = None
) -> JsonObject:
    """Put values in the place of the arguments whose name begins with `#`.

    Args:
        answers: to the calls before this one.
        max_items: how many items one reference may gather.
        budget: of the whole request; a new one when there is none.

    Raises:
        MethodError: invalidArguments when an argument is given both ways; invalidResultReference when a
            reference cannot be followed (RFC 8620 section 3.6.2).
    """
    if not any(name.startswith("#") for name in arguments):
        return arguments
    resolved: JsonObject = {}
    budget = budget or Budget()
    for name, value in arguments.items():
        if not name.startswith("#"):
            resolved[name] = value
            continue
        if name[1:] in arguments:
            raise invalid_arguments(f"{name[1:]} is given twice, once as a reference")
        resolved[name[1:]] = _follow(value, answers, max_items, budget)
    return resolved


def _follow(reference: object, answers: Sequence[Invocation], max_items: int, budget: Budget) -> object:
    if not isinstance(reference, dict) or set(reference) != {"resultOf", "name", "path"}:
        raise invalid_arguments("a ResultReference has resultOf, name and path")
    call_id, name, path = reference["resultOf"], reference["name"], reference["path"]
    if not (isinstance(call_id, str) and isinstance(name, str) and isinstance(path, str)):
        raise invalid_arguments("a ResultReference is made of strings")
    answer = next((answer for answer in answers if answer.call_id == call_id), None)
    if answer is None or answer.name != name:
        raise MethodError("invalidResultReference", "no such answer before this call")
    try:
        value = evaluate(path, answer.arguments, max_items=max_items, budget=budget)
        budget.weigh(value)
    except PointerFails as error:
        raise MethodError("invalidResultReference", str(error)) from error
    return value


def evaluate(pointer: str, value: object, *, max_items: int, budget: Budget | None = None) -> object:
    """Follow a JSON Pointer, where `*` maps the rest over a list and joins what are lists.

    Raises:
        PointerFails: no such member or item, a pointer that is none, or more than `max_items` items.
    """
    if pointer == "":
        return value
    if not pointer.startswith("/") or len(pointer) > MAX_POINTER:
        raise PointerFails("not a JSON Pointer")
    segments = [part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/")]
    if len(segments) > MAX_SEGMENTS:
        raise PointerFails(f"more than {MAX_SEGMENTS} steps")
    return _step(value, segments, 0, max_items, budget or Budget())


def _step(value: object, segments: list[str], place: int, max_items: int, budget: Budget) -> object:
    for place in range(place, len(segments)):  # noqa: B020 - goes on from where the caller stood
        segment = segments[place]
        if isinstance(value, dict):
            value = value.get(segment, _MISSING)
            if value is _MISSING:
                raise PointerFails("no such member")
        elif not isinstance(value, list):
            raise PointerFails("leads into a value that has no parts")
        elif segment == "*":
            return _each(value, segments, place + 1, max_items, budget)
        elif not segment.isascii() or not segment.isdigit() or (segment[0] == "0" and segment != "0"):
            raise PointerFails("an item of a list has a number")
        elif len(segment) > 9 or int(segment) >= len(value):
            raise PointerFails("no such item")
        else:
            value = value[int(segment)]
    return value


def _each(
    items: list[object], segments: list[str], place: int, max_items: int, budget: Budget
) -> list[object]:
    gathered: list[object] = []
    for item in items:
        budget.take(1)
        found = _step(item, segments, place, max_items, budget)
        if isinstance(found, list):  # RFC 8620 section 3.7: the result is flattened by one level
            gathered += found
        else:
            gathered.append(found)
        if len(gathered) > max_items:
            raise PointerFails(f"gives more than {max_items} items")
    return gathered
