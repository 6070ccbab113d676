"""FilterOperators over objects that are all at hand, such as Mailboxes.

Standards: RFC 8620 section 5.5 (FilterOperator). Bounded in depth and in the number of conditions.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

from pymailcore.jmap.protocol.errors import MethodError, invalid_arguments
from pymailcore.jmap.protocol.values import JsonObject

T = TypeVar("T")


class PredicateCompiler(Generic[T]):
    """Compiles one filter into a test of one object.

    Args:
        condition: makes the test of one FilterCondition, which is all of its members at once.
    """

    def __init__(
        self, condition: Callable[[JsonObject], Callable[[T], bool]], *, max_depth: int, max_conditions: int
    ) -> None:
        self._condition = condition
        self._max_depth = max_depth
        self._left = max_conditions

    def compile(self, document: JsonObject | None) -> Callable[[T], bool]:
        """Compile a FilterOperator or FilterCondition; None takes every object.

        Raises:
            MethodError: unsupportedFilter or invalidArguments.
        """
        return self._compile(document or {}, self._max_depth)

    def _compile(self, document: JsonObject, depth: int) -> Callable[[T], bool]:
        if depth == 0:
            raise MethodError("unsupportedFilter", f"nested deeper than {self._max_depth}")
        self._left -= 1 if "operator" in document else max(1, len(document))
        if self._left < 0:
            raise MethodError("unsupportedFilter", "too many conditions")
        if "operator" not in document:
            return self._condition(document)
        conditions = document.get("conditions")
        if set(document) != {"operator", "conditions"} or not isinstance(conditions, list):
            raise invalid_arguments("a FilterOperator has operator and conditions")
        tests: list[Callable[[T], bool]] = []
        for item in conditions:
            if not isinstance(item, dict):
                raise invalid_arguments("a condition is an object")
            tests.append(self._compile(item, depth - 1))
        match document["operator"]:
            case "AND":
                return lambda value: all(test(value) for test in tests)
            case "OR":
                return lambda value: any(test(value) for test in tests)
            case "NOT":
                return lambda value: not any(test(value) for test in tests)
        raise invalid_arguments("operator is AND, OR or NOT")
