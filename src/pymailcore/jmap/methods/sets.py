"""What a /set has done so far, and its answer.

Standards: RFC 8620 section 5.3.
"""

from dataclasses import dataclass, field

from pymailcore.base.errors import MailError
from pymailcore.jmap.methods.context import Context
from pymailcore.jmap.methods.outcomes import set_error
from pymailcore.jmap.protocol.errors import SetError, invalid_properties
from pymailcore.jmap.protocol.values import JsonObject


@dataclass(slots=True)
class SetAnswer:
    """Outcome of each object that a /set names."""

    created: dict[str, JsonObject] = field(default_factory=dict)
    updated: dict[str, JsonObject | None] = field(default_factory=dict)
    destroyed: list[str] = field(default_factory=list)
    not_created: dict[str, JsonObject] = field(default_factory=dict)
    not_updated: dict[str, JsonObject] = field(default_factory=dict)
    not_destroyed: dict[str, JsonObject] = field(default_factory=dict)

    def document(self, context: Context, old_state: int, new_state: int) -> JsonObject:
        """The arguments of the answer; what is empty is null."""
        return {
            "accountId": context.account_id,
            "oldState": str(old_state),
            "newState": str(new_state),
            "created": self.created or None,
            "updated": self.updated or None,
            "destroyed": self.destroyed or None,
            "notCreated": self.not_created or None,
            "notUpdated": self.not_updated or None,
            "notDestroyed": self.not_destroyed or None,
        }


def check_unchanged(name: str, current: object, given: object) -> None:
    """Let a patch repeat what only the server may set (RFC 8620 section 5.3), and no more.

    Raises:
        SetError: invalidProperties, the value is not the one there is.
    """
    if given != current or isinstance(given, bool) != isinstance(current, bool):
        raise invalid_properties([name], "only the server sets it")


def error_document(error: Exception) -> JsonObject:
    """The SetError for what one object met; what is neither ours to tell is raised again."""
    if isinstance(error, SetError):
        return error.document()
    if isinstance(error, MailError):
        return set_error(error).document()
    raise error
