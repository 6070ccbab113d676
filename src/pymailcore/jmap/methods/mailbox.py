"""Mailbox/get, /changes, /query, /queryChanges; /set is in `mailbox_set`.

Standards: RFC 8621 section 2.
"""

from collections.abc import Callable, Sequence
from typing import Final

from pymailcore.base import ids
from pymailcore.jmap.methods.context import Context, DataType
from pymailcore.jmap.methods.filters import PredicateCompiler
from pymailcore.jmap.methods.mailbox_properties import COUNTERS, PROPERTIES
from pymailcore.jmap.methods.mailbox_set import set_
from pymailcore.jmap.methods.states import refuse_query_changes, take_changes
from pymailcore.jmap.methods.windows import window
from pymailcore.jmap.protocol.arguments import Arguments
from pymailcore.jmap.protocol.capabilities import COLLATIONS, MAIL
from pymailcore.jmap.protocol.errors import MethodError
from pymailcore.jmap.protocol.standard import Comparator, get_arguments, query_arguments
from pymailcore.jmap.protocol.values import JsonObject
from pymailcore.store.folding import normal
from pymailcore.store.fulltext.words import plain_text
from pymailcore.store.ordering import casemap
from pymailcore.store.types import Mailbox


async def get(context: Context, arguments: Arguments) -> JsonObject:
    """Mailbox/get (RFC 8621 section 2.1)."""
    context.take_account(arguments)
    most = context.services.settings.max_objects_in_get
    wanted = get_arguments(arguments, max_objects=most, known=PROPERTIES)
    arguments.finish()
    states = await context.services.store.states(context.account)
    mailboxes = await context.services.store.mailboxes(context.account)
    by_id = {ids.encode_id(ids.MAILBOX, mailbox.id): mailbox for mailbox in mailboxes}
    if wanted.ids is None and len(by_id) > most:
        raise MethodError("requestTooLarge", f"there are more than {most} Mailboxes: give ids")
    chosen = list(by_id) if wanted.ids is None else wanted.ids
    names = PROPERTIES if wanted.properties is None else {"id", *wanted.properties}
    return {
        "accountId": context.account_id,
        "state": str(states.mailbox),
        "list": [{name: PROPERTIES[name](by_id[text]) for name in names} for text in chosen if text in by_id],
        "notFound": [text for text in chosen if text not in by_id],
    }


async def changes(context: Context, arguments: Arguments) -> JsonObject:
    """Mailbox/changes with `updatedProperties` (RFC 8621 section 2.2)."""
    taken, found = await take_changes(context, arguments, "mailbox")
    return {
        "accountId": context.account_id,
        "oldState": taken.since_state,
        "newState": str(found.new_modseq),
        "hasMoreChanges": found.more,
        "created": [ids.encode_id(ids.MAILBOX, number) for number in found.created],
        "updated": [ids.encode_id(ids.MAILBOX, number) for number in found.updated],
        "destroyed": [ids.encode_id(ids.MAILBOX, number) for number in found.destroyed],
        "updatedProperties": list(COUNTERS) if found.counters_only else None,
    }


async def query(context: Context, arguments: Arguments) -> JsonObject:
    """Mailbox/query (RFC 8621 section 2.3)."""
    context.take_account(arguments)
    taken = query_arguments(arguments)
    as_tree, filter_as_tree = arguments.flag("sortAsTree"), arguments.flag("filterAsTree")
    arguments.finish()
    settings = context.services.settings
    accept = PredicateCompiler(
        _all_of, max_depth=settings.max_filter_depth, max_conditions=settings.max_filter_conditions
    ).compile(taken.filter)
    key = _order(taken.sort)
    states = await context.services.store.states(context.account)
    mailboxes = await context.services.store.mailboxes(context.account)
    by_id = {mailbox.id: mailbox for mailbox in mailboxes}
    accepted = {mailbox.id for mailbox in mailboxes if accept(mailbox)}
    if filter_as_tree:
        accepted = {
            number
            for number in accepted
            if all(above in accepted for above in _above(by_id[number], by_id))  # type: ignore[arg-type]
        }
    ordered = key(mailboxes)
    if as_tree:
        ordered = _as_tree(ordered)
    found = [ids.encode_id(ids.MAILBOX, mailbox.id) for mailbox in ordered if mailbox.id in accepted]
    chosen, position = window(found, taken, most=len(found))
    answer: JsonObject = {
        "accountId": context.account_id,
        "queryState": str(states.mailbox),
        "canCalculateChanges": False,
        "position": position,
        "ids": chosen,
    }
    if taken.calculate_total:
        answer["total"] = len(found)
    return answer


def _above(mailbox: Mailbox, by_id: dict[int, Mailbox]) -> list[int]:
    above: list[int] = []
    while mailbox.parent is not None and mailbox.parent in by_id and len(above) < len(by_id):
        above.append(mailbox.parent)
        mailbox = by_id[mailbox.parent]
    return above


def _as_tree(ordered: Sequence[Mailbox]) -> list[Mailbox]:
    """Put each Mailbox behind its parent, siblings in the order given (RFC 8621 section 2.3)."""
    children: dict[int | None, list[Mailbox]] = {}
    for mailbox in ordered:
        children.setdefault(mailbox.parent, []).append(mailbox)
    out: list[Mailbox] = []
    waiting = list(reversed(children.get(None, [])))
    while waiting:
        mailbox = waiting.pop()
        out.append(mailbox)
        waiting += reversed(children.get(mailbox.id, []))
    return out


def _order(sort: list[Comparator]) -> Callable[[Sequence[Mailbox]], list[Mailbox]]:
    """Compile the sort by sortOrder and name (RFC 8621 section 2.3); what is equal goes by id.

    Raises:
        MethodError: unsupportedSort; the collation of sortOrder, which is no string, is not looked at.
    """
    keys: dict[str, Callable[[Mailbox], object]] = {
        "sortOrder": lambda mailbox: mailbox.sort_order,
        "name": lambda mailbox: casemap(mailbox.name),
    }
    for comparator in sort:
        collated = comparator.property == "name" and comparator.collation not in {None, *COLLATIONS}
        if comparator.property not in keys or comparator.extra or collated:
            raise MethodError("unsupportedSort", f"by {comparator.property[:64]}")

    def ordered(mailboxes: Sequence[Mailbox]) -> list[Mailbox]:
        result = sorted(mailboxes, key=lambda mailbox: mailbox.id)
        for comparator in reversed(sort):
            result.sort(key=keys[comparator.property], reverse=not comparator.ascending)  # type: ignore[arg-type]
        return result

    return ordered


def _all_of(condition: JsonObject) -> Callable[[Mailbox], bool]:
    """A FilterCondition: all of its members."""
    tests = [_condition(name, value) for name, value in condition.items()]
    return lambda mailbox: all(test(mailbox) for test in tests)


def _condition(name: str, value: object) -> Callable[[Mailbox], bool]:
    """One condition (RFC 8621 section 2.3)."""
    match name, value:
        case "parentId", None:
            return lambda mailbox: mailbox.parent is None
        case "parentId", str(text):
            parent = ids.decode_id(ids.MAILBOX, text)
            return lambda mailbox: parent is not None and mailbox.parent == parent
        case "name", str(text):
            needle = plain_text(normal(text))
            return lambda mailbox: needle in plain_text(normal(mailbox.name))
        case "role", None:
            return lambda mailbox: mailbox.role is None
        case "role", str(text):
            return lambda mailbox: mailbox.role == text
        case "hasAnyRole", bool(flag):
            return lambda mailbox: (mailbox.role is not None) == flag
        case "isSubscribed", bool(flag):
            return lambda mailbox: mailbox.subscribed == flag
    if name in {"parentId", "name", "role", "hasAnyRole", "isSubscribed"}:
        raise MethodError("invalidArguments", f"{name} has a value of a wrong type")
    raise MethodError("unsupportedFilter", f"by {name[:64]}")


async def query_changes(context: Context, arguments: Arguments) -> JsonObject:
    """Mailbox/queryChanges (RFC 8621 section 2.4): cannot be calculated."""
    return await refuse_query_changes(context, arguments, ("sortAsTree", "filterAsTree"))


DATA_TYPE: Final = DataType(
    MAIL,
    {
        "Mailbox/get": get,
        "Mailbox/changes": changes,
        "Mailbox/query": query,
        "Mailbox/queryChanges": query_changes,
        "Mailbox/set": set_,
    },
)
