"""Errors of one method call, and of one object in a /set.

Standards: RFC 8620 sections 3.6.2, 5.1 to 5.6; RFC 8621 sections 2.5, 4.4.2, 4.6, 7.5.
"""

from collections.abc import Sequence

from pymailcore.jmap.protocol.values import JsonObject


class MethodError(Exception):
    """Ends one method call; becomes an `error` response. Kept inside this package.

    Args:
        kind: a type of RFC 8620 section 3.6.2 or of the method's own section.
        description: for a developer.
        extra: further members that the type has.
    """

    def __init__(self, kind: str, description: str | None = None, **extra: object) -> None:
        super().__init__(kind, description)
        self.kind = kind
        self.description = description
        self.extra = extra

    def arguments(self) -> JsonObject:
        """The arguments of the `error` response."""
        arguments: JsonObject = {"type": self.kind}
        if self.description is not None:
            arguments["description"] = self.description
        return arguments | self.extra


def invalid_arguments(description: str) -> MethodError:
    """An argument is missing, of a wrong type, or unknown (RFC 8620 section 3.6.2)."""
    return MethodError("invalidArguments", description)


class SetError(Exception):
    """Refuses one object of a /set (RFC 8620 section 5.3). Kept inside this package."""

    def __init__(self, kind: str, description: str | None = None, **extra: object) -> None:
        super().__init__(kind, description)
        self.kind = kind
        self.description = description
        self.extra = extra

    def document(self) -> JsonObject:
        """The SetError object."""
        document: JsonObject = {"type": self.kind}
        if self.description is not None:
            document["description"] = self.description
        return document | self.extra


def invalid_properties(names: Sequence[str], description: str | None = None) -> SetError:
    """Some properties are unknown, may not be set, or have a value that is not allowed."""
    return SetError("invalidProperties", description, properties=list(names))
