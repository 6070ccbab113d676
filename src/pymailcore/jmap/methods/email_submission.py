"""EmailSubmission/get, /changes, /query, /queryChanges; /set is in `email_submission_set`.

Standards: RFC 8621 section 7.
"""

from collections.abc import Callable
from typing import Final

from pymailcore.base import ids
from pymailcore.jmap import submissions
from pymailcore.jmap.methods.context import Context, DataType
from pymailcore.jmap.methods.email_submission_properties import PROPERTIES
from pymailcore.jmap.methods.email_submission_set import set_
from pymailcore.jmap.methods.email_submission_undo import settle
from pymailcore.jmap.methods.filters import PredicateCompiler
from pymailcore.jmap.methods.states import MAX_CHANGES, parse_state, refuse_query_changes
from pymailcore.jmap.methods.windows import window
from pymailcore.jmap.protocol.arguments import Arguments
from pymailcore.jmap.protocol.capabilities import SUBMISSION
from pymailcore.jmap.protocol.errors import MethodError, invalid_arguments
from pymailcore.jmap.protocol.standard import (
    Comparator,
    changes_arguments,
    get_arguments,
    query_arguments,
)
from pymailcore.jmap.protocol.values import JsonObject, parse_utc_date
from pymailcore.jmap.submissions import SubmissionFilter, SubmissionRow
from pymailcore.store.types import Changes, Transaction

MAX_QUERY: Final = 10_000

_SORT: Final[dict[str, Callable[[SubmissionRow], int]]] = {
    "emailId": lambda row: row.email,
    "threadId": lambda row: row.thread,
    "sentAt": lambda row: row.send_at_ms,
}


async def get(context: Context, arguments: Arguments) -> JsonObject:
    """EmailSubmission/get (RFC 8621 section 7.1)."""
    context.take_account(arguments)
    most = context.services.settings.max_objects_in_get
    wanted = get_arguments(arguments, max_objects=most, known=PROPERTIES)
    arguments.finish()
    await settle(context)
    store = context.services.store
    states = await store.states(context.account)
    numbers = None
    if wanted.ids is not None:
        decoded = (ids.decode_id(ids.SUBMISSION, text) for text in wanted.ids)
        numbers = [number for number in decoded if number is not None]

    async def work(tx: Transaction) -> list[SubmissionRow]:
        return await submissions.by_ids(tx, context.account, numbers, most + 1)

    rows = await store.database.read(work)
    if wanted.ids is None and len(rows) > most:
        raise MethodError("requestTooLarge", f"there are more than {most}: give ids")
    by_id = {ids.encode_id(ids.SUBMISSION, row.id): row for row in rows}
    chosen = list(by_id) if wanted.ids is None else wanted.ids
    names = PROPERTIES if wanted.properties is None else {"id", *wanted.properties}
    return {
        "accountId": context.account_id,
        "state": str(states.submission),
        "list": [{name: PROPERTIES[name](by_id[text]) for name in names} for text in chosen if text in by_id],
        "notFound": [text for text in chosen if text not in by_id],
    }


async def changes(context: Context, arguments: Arguments) -> JsonObject:
    """EmailSubmission/changes (RFC 8621 section 7.2)."""
    context.take_account(arguments)
    taken = changes_arguments(arguments)
    arguments.finish()
    since = parse_state(taken.since_state)
    if since is None:
        raise MethodError("cannotCalculateChanges")
    await settle(context)
    limit = min(taken.max_changes or MAX_CHANGES, MAX_CHANGES)

    async def work(tx: Transaction) -> Changes | None:
        return await submissions.changes(tx, context.account, since, limit)

    found = await context.services.store.database.read(work)
    if found is None:
        raise MethodError("cannotCalculateChanges")
    return {
        "accountId": context.account_id,
        "oldState": taken.since_state,
        "newState": str(found.new_modseq),
        "hasMoreChanges": found.more,
        "created": [ids.encode_id(ids.SUBMISSION, number) for number in found.created],
        "updated": [ids.encode_id(ids.SUBMISSION, number) for number in found.updated],
        "destroyed": [ids.encode_id(ids.SUBMISSION, number) for number in found.destroyed],
    }


async def query(context: Context, arguments: Arguments) -> JsonObject:
    """EmailSubmission/query (RFC 8621 section 7.3)."""
    context.take_account(arguments)
    taken = query_arguments(arguments)
    arguments.finish()
    condition, accept = _compile(taken.filter, context)
    order = _order(taken.sort)
    await settle(context)
    store = context.services.store
    state = (await store.states(context.account)).submission

    async def work(tx: Transaction) -> list[SubmissionRow]:
        return await submissions.select(tx, context.account, condition, MAX_QUERY + 1)

    rows = await store.database.read(work)
    if len(rows) > MAX_QUERY:
        raise MethodError("unsupportedFilter", f"takes more than {MAX_QUERY}")
    rows = [row for row in rows if accept(row)]
    for key, descending in reversed(order):
        rows.sort(key=key, reverse=descending)
    found = [ids.encode_id(ids.SUBMISSION, row.id) for row in rows]
    most = context.services.settings.max_query_limit
    chosen, position = window(found, taken, most=most)
    answer: JsonObject = {
        "accountId": context.account_id,
        "queryState": str(state),
        "canCalculateChanges": False,
        "position": position,
        "ids": chosen,
    }
    if taken.calculate_total:
        answer["total"] = len(found)
    if taken.limit is None or taken.limit > most:
        answer["limit"] = most
    return answer


def _order(sort: list[Comparator]) -> list[tuple[Callable[[SubmissionRow], int], bool]]:
    for comparator in sort:
        if comparator.property not in _SORT or comparator.extra or comparator.collation is not None:
            raise MethodError("unsupportedSort", f"by {comparator.property[:64]}")
    return [(_SORT[comparator.property], not comparator.ascending) for comparator in sort]


def _compile(
    document: JsonObject | None, context: Context
) -> tuple[SubmissionFilter, Callable[[SubmissionRow], bool]]:
    """What the database is asked for, and the test of what it gives: a lone condition needs none."""
    settings = context.services.settings
    accept = PredicateCompiler(
        lambda condition: _filter(condition).accepts,
        max_depth=settings.max_filter_depth,
        max_conditions=settings.max_filter_conditions,
    ).compile(document)
    if document is None or "operator" in document:
        return SubmissionFilter(), accept
    return _filter(document), accept


def _filter(condition: JsonObject) -> SubmissionFilter:
    """One FilterCondition (RFC 8621 section 7.3)."""
    result = SubmissionFilter()
    for name, value in condition.items():
        match name, value:
            case "identityIds", list():
                result = result._replace(identities=_numbers(ids.IDENTITY, value))
            case "emailIds", list():
                result = result._replace(emails=_numbers(ids.EMAIL, value))
            case "threadIds", list():
                result = result._replace(threads=_numbers(ids.THREAD, value))
            case "undoStatus", "pending" | "final" | "canceled":
                result = result._replace(undo_status=str(value))
            case "before" | "after", str():
                moment = parse_utc_date(value)
                if moment is None:
                    raise invalid_arguments(f"{name} is a UTCDate")
                result = (
                    result._replace(before_ms=moment)
                    if name == "before"
                    else result._replace(after_ms=moment)
                )
            case "identityIds" | "emailIds" | "threadIds" | "undoStatus" | "before" | "after", _:
                raise invalid_arguments(f"{name} has a value of a wrong type")
            case _:
                raise MethodError("unsupportedFilter", f"by {name[:64]}")
    return result


def _numbers(kind: str, value: list[object]) -> tuple[int, ...]:
    decoded = (ids.decode_id(kind, item) for item in value if isinstance(item, str))
    return tuple(number for number in decoded if number is not None)


async def query_changes(context: Context, arguments: Arguments) -> JsonObject:
    """EmailSubmission/queryChanges (RFC 8621 section 7.4): cannot be calculated."""
    return await refuse_query_changes(context, arguments)


DATA_TYPE: Final = DataType(
    SUBMISSION,
    {
        "EmailSubmission/get": get,
        "EmailSubmission/changes": changes,
        "EmailSubmission/query": query,
        "EmailSubmission/queryChanges": query_changes,
        "EmailSubmission/set": set_,
    },
)
