"""Runs the calls of a request one after the other.

Standards: RFC 8620 sections 3.3 to 3.7.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Final

from pymailcore.base.errors import MailError
from pymailcore.jmap.asgi import Disconnected
from pymailcore.jmap.methods.context import Context, Handler
from pymailcore.jmap.methods.outcomes import method_error
from pymailcore.jmap.methods.registry import methods
from pymailcore.jmap.protocol.arguments import Arguments
from pymailcore.jmap.protocol.capabilities import KNOWN
from pymailcore.jmap.protocol.errors import MethodError
from pymailcore.jmap.protocol.references import Budget, resolve
from pymailcore.jmap.protocol.request import Invocation, Request, response
from pymailcore.jmap.protocol.values import JsonObject

CHANGES: Final = frozenset(
    {
        "Blob/copy",
        "Email/copy",
        "Email/import",
        "Email/set",
        "EmailSubmission/set",
        "Identity/set",
        "Mailbox/set",
    }
)
"""What a sign-in that may only read is refused (RFC 8620 section 3.6.2)."""

MAX_IMPLICIT_CALLS = 1  # an EmailSubmission/set brings one Email/set with it (RFC 8621 section 7.5)


MOST_TEXTS: Final = 10_000
"""Texts of a call that led to nothing that are looked through for ids."""

UNTOLD: Final = ("filter", "upToId")
"""Arguments in which an id that leads to nothing leaves no trace in the answer."""


async def run(
    request: Request, context: Context, *, session_state: str, on_fault: Callable[[str, Exception], None]
) -> JsonObject:
    """Answer a request: every call gets an answer, and a call that fails does not stop the next one.

    Each call sees what the calls before it did. A cancelled request has run a prefix of its calls.

    Args:
        on_fault: is told of a fault of our own and the method it happened in; the client gets serverFail.

    Raises:
        Disconnected: the client has gone, and a call has been given up.
    """
    table = methods(request.using)
    if request.created_ids is not None:
        context.created_ids.update(request.created_ids)
    answers: list[Invocation] = []
    budget = Budget()
    for call in request.calls:
        before = len(answers)
        answers.append(await _answer(call, table, context, answers, budget, on_fault))
        while context.then and len(answers) - before <= MAX_IMPLICIT_CALLS:
            name, arguments = context.then.pop(0)
            # What a call brings with it needs no `using` of its own (RFC 8621 section 7.5).
            answers.append(
                await _answer(
                    Invocation(name, arguments, call.call_id),
                    methods(KNOWN),
                    context,
                    [],
                    budget,
                    on_fault,
                )
            )
        context.then.clear()
    return response(answers, session_state, None if request.created_ids is None else context.created_ids)


async def _answer(
    call: Invocation,
    table: Mapping[str, Handler],
    context: Context,
    answers: Sequence[Invocation],
    budget: Budget,
    on_fault: Callable[[str, Exception], None],
) -> Invocation:
    handler = table.get(call.name)
    if handler is None:
        return Invocation("error", {"type": "unknownMethod"}, call.call_id)
    try:
        if context.principal.read_only and call.name in CHANGES:
            raise MethodError("accountReadOnly")
        settings = context.services.settings
        most = max(settings.max_objects_in_get, settings.max_objects_in_set)
        arguments = resolve(call.arguments, answers, max_items=most, budget=budget)
    except MethodError as error:
        arguments = call.arguments
        answer = Invocation("error", error.arguments(), call.call_id)
    else:
        answer = await _answer_of(handler, call, arguments, context, on_fault)
    given = islice(_to_look_for(arguments, answer, context.created_ids), MOST_TEXTS)
    context.services.directory.note_ids(context.principal, call.name, given, peer=context.peer)
    return answer


async def _answer_of(
    handler: Handler,
    call: Invocation,
    arguments: JsonObject,
    context: Context,
    on_fault: Callable[[str, Exception], None],
) -> Invocation:
    try:
        return Invocation(call.name, await handler(context, Arguments(arguments)), call.call_id)
    except Disconnected:
        raise
    except MethodError as error:
        return Invocation("error", error.arguments(), call.call_id)
    except MailError as error:
        return Invocation("error", method_error(error).arguments(), call.call_id)
    except Exception as error:
        # What a failed call wanted to follow from it must not happen.
        context.then.clear()
        on_fault(call.name, error)
        return Invocation("error", {"type": "serverFail"}, call.call_id)


def _to_look_for(arguments: JsonObject, answer: Invocation, created: Mapping[str, str]) -> Iterator[str]:
    """The texts of a call that may be ids of somebody else's: all when something in it led to nothing.

    Args:
        arguments: with the values of references in their places.
    """
    if _led_nowhere(answer) or any(name.startswith("onSuccess") for name in arguments):
        return chain(_texts(arguments), created.values())
    return chain(_texts([arguments.get(name) for name in UNTOLD]), _taken_out(arguments.get("update")))


def _taken_out(update: object) -> Iterator[str]:
    """What patches take out: whoever takes an Email out of a Mailbox that it is not in has succeeded."""
    patches = update.values() if isinstance(update, dict) else ()
    for patch in patches:
        if isinstance(patch, dict):
            yield from _texts([path for path, value in patch.items() if value is None])


def _led_nowhere(answer: Invocation) -> bool:
    """Whether something in a call was not found, or nothing was: it may be somebody else's."""
    if answer.name == "error":
        return True
    given = answer.arguments
    nothing = any(given.get(name) == [] for name in ("ids", "list"))
    return nothing or any(value for name, value in given.items() if name.startswith("not"))


def _texts(value: object) -> Iterator[str]:
    """All texts in the arguments of a call, names of members too."""
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, str):
            yield one.rpartition("/")[2]  # of a path in a patch its last piece
        elif isinstance(one, list):
            todo += reversed(one)
        elif isinstance(one, dict):
            todo += [part for pair in reversed(one.items()) for part in reversed(pair)]
