"""Email/query, Email/queryChanges and Email/changes.

Standards: RFC 8621 sections 4.3, 4.4 and 4.5.
"""

from functools import partial

from pymailcore.base import ids
from pymailcore.base.errors import NotFound
from pymailcore.jmap.methods.context import Context
from pymailcore.jmap.methods.email_filter import FilterCompiler, compile_sort
from pymailcore.jmap.methods.patience import within_limits
from pymailcore.jmap.methods.states import changes_of, refuse_query_changes
from pymailcore.jmap.protocol.arguments import Arguments
from pymailcore.jmap.protocol.errors import MethodError
from pymailcore.jmap.protocol.standard import query_arguments
from pymailcore.jmap.protocol.values import JsonObject


async def query(context: Context, arguments: Arguments) -> JsonObject:
    """Email/query (RFC 8621 section 4.4): one call of the store, which a search may not hold for long."""
    context.take_account(arguments)
    taken = query_arguments(arguments)
    collapse = arguments.flag("collapseThreads")
    arguments.finish()
    settings = context.services.settings
    condition = FilterCompiler(
        max_depth=settings.max_filter_depth, max_conditions=settings.max_filter_conditions
    ).compile(taken.filter)
    sort = compile_sort(taken.sort)
    anchor = None
    if taken.anchor is not None:
        anchor = ids.decode_id(ids.EMAIL, taken.anchor)
        if anchor is None:
            raise MethodError("anchorNotFound")
    wanted = settings.default_query_limit if taken.limit is None else taken.limit
    limit = min(wanted, settings.max_query_limit)
    work = partial(
        context.services.store.query,
        context.account,
        condition,
        sort,
        collapse_threads=collapse,
        position=taken.position,
        limit=limit,
        anchor=anchor,
        anchor_offset=taken.anchor_offset,
        total=taken.calculate_total,
    )
    try:
        found, position, total, state = await within_limits(context, work)
    except NotFound as error:
        raise MethodError("anchorNotFound") from error
    answer: JsonObject = {
        "accountId": context.account_id,
        "queryState": str(state),
        "canCalculateChanges": False,
        "position": position,
        "ids": [ids.encode_id(ids.EMAIL, number) for number in found],
    }
    if taken.calculate_total:
        answer["total"] = total
    if limit != taken.limit:
        answer["limit"] = limit  # RFC 8620 section 5.5: told when the server sets or lowers it
    return answer


async def query_changes(context: Context, arguments: Arguments) -> JsonObject:
    """Email/queryChanges (RFC 8621 section 4.5): cannot be calculated."""
    return await refuse_query_changes(context, arguments, ("collapseThreads",))


async def changes(context: Context, arguments: Arguments) -> JsonObject:
    """Email/changes (RFC 8621 section 4.3)."""
    return await changes_of(context, arguments, "email", ids.EMAIL)
