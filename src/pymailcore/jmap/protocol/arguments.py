"""Typed access to the arguments of a call; what nobody asked for is refused.

Standards: RFC 8620 section 3.6.2 (invalidArguments), 1.2, 1.3.
"""

from collections.abc import Collection

from pymailcore.jmap.protocol.errors import invalid_arguments
from pymailcore.jmap.protocol.values import MAX_INT, JsonObject, is_id, is_int


class Arguments:
    """The arguments of one call; each accessor takes one, `finish` refuses what is left.

    All accessors raise MethodError invalidArguments on a value of a wrong type. An absent argument and null
    are the same, as RFC 8620 means it wherever null is allowed.
    """

    def __init__(self, raw: JsonObject) -> None:
        self._left = dict(raw)

    def take(self, name: str) -> object:
        """Take an argument of any type."""
        return self._left.pop(name, None)

    def identifier(self, name: str) -> str:
        """Take an Id."""
        value = self._left.pop(name, None)
        if not is_id(value):
            raise invalid_arguments(f"{name} is an Id")
        return str(value)

    def text(self, name: str) -> str | None:
        """Take a string or null."""
        value = self._left.pop(name, None)
        if value is not None and not isinstance(value, str):
            raise invalid_arguments(f"{name} is a string or null")
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Take a boolean."""
        value = self._left.pop(name, default)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise invalid_arguments(f"{name} is a boolean")
        return value

    def number(self, name: str, *, default: int, least: int = -MAX_INT) -> int:
        """Take an Int of at least `least`."""
        value = self.optional_number(name, least=least)
        return default if value is None else value

    def optional_number(self, name: str, *, least: int = 0) -> int | None:
        """Take an Int of at least `least`, or null."""
        value = self._left.pop(name, None)
        if value is None:
            return None
        if not isinstance(value, int) or not is_int(value, least):
            raise invalid_arguments(f"{name} is a whole number from {least}")
        return value

    def strings(self, name: str) -> list[str] | None:
        """Take a list of strings, or null."""
        value = self._left.pop(name, None)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise invalid_arguments(f"{name} is a list of strings or null")
        return list(value)

    def identifiers(self, name: str) -> list[str] | None:
        """Take a list of Ids, or null; each once, in the order given (RFC 8620 section 5.1)."""
        value = self._left.pop(name, None)
        if value is None:
            return None
        if not isinstance(value, list) or not all(_id_or_reference(item) for item in value):
            raise invalid_arguments(f"{name} is a list of Ids or null")
        return list(dict.fromkeys(value))

    def objects(self, name: str) -> dict[str, JsonObject]:
        """Take a map of Ids to objects, or null, which is an empty one."""
        value = self._left.pop(name, None)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise invalid_arguments(f"{name} maps Ids to objects")
        for key, item in value.items():
            if not _id_or_reference(key) or not isinstance(item, dict):
                raise invalid_arguments(f"{name} maps Ids to objects")
        return dict(value)

    def take_all(self) -> JsonObject:
        """Take everything."""
        left, self._left = self._left, {}
        return left

    def finish(self) -> None:
        """Refuse what nobody took (RFC 8620 section 3.6.2: an argument that the method does not have)."""
        if self._left:
            raise invalid_arguments(f"unknown argument {min(self._left)[:64]}")


def _id_or_reference(value: object) -> bool:
    """An Id, or `#` and a creation id (RFC 8620 section 5.3)."""
    return isinstance(value, str) and (is_id(value) or (value[:1] == "#" and is_id(value[1:])))


def only_known(document: JsonObject, known: Collection[str]) -> list[str]:
    """Members of an object that it should not have, sorted."""
    return sorted(name for name in document if name not in known)
