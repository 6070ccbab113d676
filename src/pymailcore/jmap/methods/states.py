"""States as text, and the /changes that all types of the store share.

Standards: RFC 8620 sections 5.1 (state), 5.2 (/changes), 5.3 (ifInState).
"""

from typing import Final

from pymailcore.base import ids
from pymailcore.base.errors import StateMismatch
from pymailcore.jmap.methods.context import Context
from pymailcore.jmap.protocol.arguments import Arguments
from pymailcore.jmap.protocol.errors import MethodError, invalid_arguments
from pymailcore.jmap.protocol.standard import Changes, changes_arguments, comparators
from pymailcore.jmap.protocol.values import JsonObject, is_int
from pymailcore.store import types

MAX_CHANGES: Final = 5_000
_MAX_STATE_DIGITS: Final = 16


def parse_state(text: str) -> int | None:
    """Read a state that we gave; None when it is none of ours."""
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_STATE_DIGITS):
        return None
    number = int(text)
    return number if is_int(number, 0) else None


def check_if_in_state(wanted: str | None, current: int) -> None:
    """Compare `ifInState` with the state there is.

    Raises:
        StateMismatch: they differ.
    """
    if wanted is not None and parse_state(wanted) != current:
        raise StateMismatch(wanted)


async def take_changes(context: Context, arguments: Arguments, kind: str) -> tuple[Changes, types.Changes]:
    """Take the arguments of a /changes and ask the store.

    Raises:
        MethodError: cannotCalculateChanges, the state is none of ours or too old.
    """
    context.take_account(arguments)
    taken = changes_arguments(arguments)
    arguments.finish()
    since = parse_state(taken.since_state)
    if since is None:
        raise MethodError("cannotCalculateChanges")
    limit = min(taken.max_changes or MAX_CHANGES, MAX_CHANGES)
    found = await context.services.store.changes(context.account, kind, since, limit)
    if found is None:
        raise MethodError("cannotCalculateChanges")
    return taken, found


async def changes_of(context: Context, arguments: Arguments, kind: str, letter: str) -> JsonObject:
    """A whole /changes of a type that the store keeps.

    Args:
        kind: the store's word for the type.
        letter: of its ids.
    """
    taken, found = await take_changes(context, arguments, kind)
    return {
        "accountId": context.account_id,
        "oldState": taken.since_state,
        "newState": str(found.new_modseq),
        "hasMoreChanges": found.more,
        "created": [ids.encode_id(letter, number) for number in found.created],
        "updated": [ids.encode_id(letter, number) for number in found.updated],
        "destroyed": [ids.encode_id(letter, number) for number in found.destroyed],
    }


async def refuse_query_changes(
    context: Context, arguments: Arguments, more: tuple[str, ...] = ()
) -> JsonObject:
    """A /queryChanges that always has to say that it cannot (RFC 8620 section 5.6).

    Its arguments are checked like those of any other method.

    Args:
        more: boolean arguments that the type's own method adds.
    """
    context.take_account(arguments)
    condition = arguments.take("filter")
    if condition is not None and not isinstance(condition, dict):
        raise invalid_arguments("filter is an object or null")
    comparators(arguments.take("sort"))
    if arguments.text("sinceQueryState") is None:
        raise invalid_arguments("sinceQueryState is a string")
    arguments.optional_number("maxChanges", least=1)
    arguments.text("upToId")
    arguments.flag("calculateTotal")
    for name in more:
        arguments.flag(name)
    arguments.finish()
    raise MethodError("cannotCalculateChanges")
