"""Identity/get, Identity/changes, Identity/set.

Standards: RFC 8621 section 6.

An account has one Identity for each address it may send as; the directory makes and removes them with the
addresses. So a client can change name and signatures, and may neither create nor destroy.
"""

from collections.abc import Callable
from typing import Final

from pymailcore.base import ids
from pymailcore.base.errors import MailError
from pymailcore.directory.types import Identity
from pymailcore.jmap.methods.context import Context, DataType
from pymailcore.jmap.methods.sets import SetAnswer, check_unchanged, error_document
from pymailcore.jmap.methods.states import check_if_in_state, parse_state
from pymailcore.jmap.protocol.arguments import Arguments
from pymailcore.jmap.protocol.capabilities import SUBMISSION
from pymailcore.jmap.protocol.errors import MethodError, SetError, invalid_properties
from pymailcore.jmap.protocol.patch import parse_patch
from pymailcore.jmap.protocol.standard import changes_arguments, get_arguments, set_arguments
from pymailcore.jmap.protocol.values import JsonObject

MAX_NAME: Final = 200
MAX_SIGNATURE: Final = 65_536

_PROPERTIES: Final[dict[str, Callable[[Identity], object]]] = {
    "id": lambda identity: ids.encode_id(ids.IDENTITY, identity.id),
    "name": lambda identity: identity.name,
    "email": lambda identity: identity.email,
    "replyTo": lambda _: None,
    "bcc": lambda _: None,
    "textSignature": lambda identity: identity.text_signature,
    "htmlSignature": lambda identity: identity.html_signature,
    "mayDelete": lambda _: False,
}
_LIMITS: Final = {"name": MAX_NAME, "textSignature": MAX_SIGNATURE, "htmlSignature": MAX_SIGNATURE}


async def get(context: Context, arguments: Arguments) -> JsonObject:
    """Identity/get (RFC 8621 section 6.1)."""
    context.take_account(arguments)
    most = context.services.settings.max_objects_in_get
    wanted = get_arguments(arguments, max_objects=most, known=_PROPERTIES)
    arguments.finish()
    states = await context.services.store.states(context.account)
    identities = await context.services.directory.identities(context.account)
    by_id = {ids.encode_id(ids.IDENTITY, identity.id): identity for identity in identities}
    chosen = list(by_id)[:most] if wanted.ids is None else wanted.ids
    names = _PROPERTIES if wanted.properties is None else {"id", *wanted.properties}
    return {
        "accountId": context.account_id,
        "state": str(states.identity),
        "list": [
            {name: _PROPERTIES[name](by_id[text]) for name in names} for text in chosen if text in by_id
        ],
        "notFound": [text for text in chosen if text not in by_id],
    }


async def changes(context: Context, arguments: Arguments) -> JsonObject:
    """Identity/changes (RFC 8621 section 6.2): nothing, or cannotCalculateChanges; they are few."""
    context.take_account(arguments)
    taken = changes_arguments(arguments)
    arguments.finish()
    state = (await context.services.store.states(context.account)).identity
    if parse_state(taken.since_state) != state:
        raise MethodError("cannotCalculateChanges")
    return {
        "accountId": context.account_id,
        "oldState": taken.since_state,
        "newState": str(state),
        "hasMoreChanges": False,
        "created": [],
        "updated": [],
        "destroyed": [],
    }


async def set_(context: Context, arguments: Arguments) -> JsonObject:
    """Identity/set (RFC 8621 section 6.3)."""
    context.take_account(arguments)
    taken = set_arguments(arguments, max_objects=context.services.settings.max_objects_in_set)
    arguments.finish()
    store = context.services.store
    old = (await store.states(context.account)).identity
    check_if_in_state(taken.if_in_state, old)
    identities = await context.services.directory.identities(context.account)
    known = {ids.encode_id(ids.IDENTITY, identity.id): identity for identity in identities}
    answer = SetAnswer()
    fixed = SetError("forbidden", "identities come and go with the addresses of the account").document()
    missing = SetError("notFound").document()
    answer.not_created = dict.fromkeys(taken.create, fixed)
    answer.not_destroyed = {text: fixed if text in known else missing for text in taken.destroy}
    for text, patch in taken.update.items():
        if text not in known:
            answer.not_updated[text] = missing
            continue
        try:
            await _update(context, known[text], patch)
            answer.updated[text] = None
        except (SetError, MailError) as error:
            answer.not_updated[text] = error_document(error)
    return answer.document(context, old, (await store.states(context.account)).identity)


async def _update(context: Context, identity: Identity, patch: JsonObject) -> None:
    values: dict[str, str] = {}
    for change in parse_patch(patch):
        name = change.path[0]
        if len(change.path) == 1 and name in _PROPERTIES and name not in _LIMITS:
            check_unchanged(name, _PROPERTIES[name](identity), change.value)
            continue
        if len(change.path) != 1 or name not in _LIMITS:
            raise invalid_properties(["/".join(change.path)[:255]], "cannot be changed")
        value = "" if change.value is None else change.value
        if not isinstance(value, str) or len(value) > _LIMITS[name]:
            raise invalid_properties([name], f"a text of at most {_LIMITS[name]}")
        if name == "name" and any(character in "\r\n\0" for character in value):
            raise invalid_properties([name], "no line ends")
        values[name] = value
    if values:
        await context.services.directory.update_identity(
            context.account,
            identity.id,
            name=values.get("name"),
            text_signature=values.get("textSignature"),
            html_signature=values.get("htmlSignature"),
        )


DATA_TYPE: Final = DataType(
    SUBMISSION, {"Identity/get": get, "Identity/changes": changes, "Identity/set": set_}
)
