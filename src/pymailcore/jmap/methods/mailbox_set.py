"""Mailbox/set.

Standards: RFC 8621 section 2.5; names per RFC 8621 section 2 (`name`).
"""

import unicodedata
from collections.abc import Sequence

from pymailcore.base import ids
from pymailcore.base.errors import AlreadyExists, MailError, NotEmpty
from pymailcore.base.ids import MailboxId
from pymailcore.jmap.methods.context import Context
from pymailcore.jmap.methods.mailbox_properties import PROPERTIES, RIGHTS
from pymailcore.jmap.methods.sets import SetAnswer, check_unchanged, error_document
from pymailcore.jmap.methods.states import check_if_in_state
from pymailcore.jmap.protocol.arguments import Arguments, only_known
from pymailcore.jmap.protocol.errors import SetError, invalid_properties
from pymailcore.jmap.protocol.patch import parse_patch
from pymailcore.jmap.protocol.standard import set_arguments
from pymailcore.jmap.protocol.values import JsonObject, is_int
from pymailcore.store.types import Mailbox

_SETTABLE = ("name", "parentId", "role", "sortOrder", "isSubscribed")
_ROLES = frozenset(
    ["all", "archive", "drafts", "flagged", "important", "inbox", "junk", "sent", "subscribed", "trash"]
)  # RFC 8621 section 2 and the registry it names
MAX_SORT_ORDER = 2**31 - 1


async def set_(context: Context, arguments: Arguments) -> JsonObject:
    """Mailbox/set (RFC 8621 section 2.5)."""
    context.take_account(arguments)
    taken = set_arguments(arguments, max_objects=context.services.settings.max_objects_in_set)
    with_emails = arguments.flag("onDestroyRemoveEmails")
    arguments.finish()
    store = context.services.store
    old = (await store.states(context.account)).mailbox
    check_if_in_state(taken.if_in_state, old)
    answer = SetAnswer()
    await _create_all(context, taken.create, answer)
    for text, patch in taken.update.items():
        try:
            answer.updated[text] = await _update(context, text, patch)
        except AlreadyExists:
            answer.not_updated[text] = (await _taken(context, patch, context.real_id(text))).document()
        except (SetError, MailError) as error:
            answer.not_updated[text] = error_document(error)
    await _destroy_all(context, taken.destroy, answer, with_emails=with_emails)
    return answer.document(context, old, (await store.states(context.account)).mailbox)


async def _create_all(context: Context, wanted: dict[str, JsonObject], answer: SetAnswer) -> None:
    """Create parents before children, whatever the order given (RFC 8620 section 5.3)."""
    waiting = dict(wanted)
    while waiting:
        ready = [key for key, properties in waiting.items() if not _parent_waits(properties, waiting)]
        for key in ready or list(waiting):
            properties = waiting.pop(key)
            try:
                answer.created[key] = await _create(context, key, properties)
            except AlreadyExists:
                answer.not_created[key] = (await _taken(context, properties, None)).document()
            except (SetError, MailError) as error:
                answer.not_created[key] = error_document(error)


async def _taken(context: Context, properties: JsonObject, own: str | None) -> SetError:
    """Say what another Mailbox has already (RFC 8621 section 2): the role, else the name in this place."""
    role = properties.get("role")
    mailboxes = await context.services.store.mailboxes(context.account)
    others = (mailbox for mailbox in mailboxes if ids.encode_id(ids.MAILBOX, mailbox.id) != own)
    name = "role" if role is not None and any(other.role == role for other in others) else "name"
    return invalid_properties([name], "another Mailbox has it")


def _parent_waits(properties: JsonObject, waiting: dict[str, JsonObject]) -> bool:
    parent = properties.get("parentId")
    return isinstance(parent, str) and parent.startswith("#") and parent[1:] in waiting


async def _create(context: Context, key: str, properties: JsonObject) -> JsonObject:
    if unknown := only_known(properties, _SETTABLE):
        raise invalid_properties(unknown)
    if "name" not in properties:
        raise invalid_properties(["name"], "a Mailbox has a name")
    name = _name(properties["name"], context)
    role = _role(properties.get("role"))
    sort_order = _sort_order(properties.get("sortOrder", 0))
    subscribed = _subscribed(properties.get("isSubscribed", True))
    mailboxes = await context.services.store.mailboxes(context.account)
    parent = _parent(properties.get("parentId"), context, mailboxes)
    made = await context.services.store.create_mailbox(
        context.account,
        _path(parent, name, context),
        role=role,
        subscribed=subscribed,
        sort_order=sort_order,
    )
    text = ids.encode_id(ids.MAILBOX, made.id)
    context.created_ids[key] = text
    defaults: JsonObject = {
        "parentId": None if parent is None else ids.encode_id(ids.MAILBOX, parent.id),
        "role": role,
        "sortOrder": sort_order,
        "isSubscribed": subscribed,
    }
    return {
        "id": text,
        **{key: value for key, value in defaults.items() if key not in properties},
        **dict.fromkeys(("totalEmails", "unreadEmails", "totalThreads", "unreadThreads"), 0),
        "myRights": dict.fromkeys(RIGHTS, True),
        # RFC 8620 section 5.3: what the server set otherwise than the client gave it.
        **({} if name == properties["name"] else {"name": name}),
    }


async def _update(context: Context, text: str, patch: JsonObject) -> JsonObject | None:
    """Change a Mailbox; gives what became other than the client said."""
    store = context.services.store
    mailboxes = await store.mailboxes(context.account)
    mailbox = _find(text, context, mailboxes)
    if mailbox is None:
        raise SetError("notFound")
    values = _settable(mailbox, patch)
    path = None
    if "name" in values or "parentId" in values:
        name = _name(values["name"], context) if "name" in values else mailbox.name
        wanted = values.get(
            "parentId", None if mailbox.parent is None else ids.encode_id(ids.MAILBOX, mailbox.parent)
        )
        parent = _parent(wanted, context, mailboxes)
        if parent is not None and (parent.path + "/").startswith(mailbox.path + "/"):
            raise invalid_properties(["parentId"], "a Mailbox cannot be below itself")
        path = _path(parent, name, context)
        if (name, parent and parent.id) == (mailbox.name, mailbox.parent):  # the Inbox's path is not its name
            path = None
        elif mailbox.role == "inbox":
            raise SetError("forbidden", "the Inbox keeps its name and place")
    role = (_role(values["role"]) or "") if "role" in values else None
    if role is not None and mailbox.role == "inbox" and role != "inbox":
        raise SetError("forbidden", "the Inbox keeps its role")
    await store.update_mailbox(
        context.account,
        mailbox.id,
        path=path,
        role=None if role == (mailbox.role or "") else role,
        sort_order=_sort_order(values["sortOrder"]) if "sortOrder" in values else None,
        subscribed=_subscribed(values["isSubscribed"]) if "isSubscribed" in values else None,
    )
    if "name" in values and (name := _name(values["name"], context)) != values["name"]:
        return {"name": name}
    return None


def _settable(mailbox: Mailbox, patch: JsonObject) -> JsonObject:
    """What a patch sets; it may repeat what only the server sets."""
    values: JsonObject = {}
    for change in parse_patch(patch):
        name = change.path[0]
        if len(change.path) == 1 and name not in _SETTABLE and name in PROPERTIES:
            check_unchanged(name, PROPERTIES[name](mailbox), change.value)
            continue
        if len(change.path) != 1 or name not in _SETTABLE:
            raise invalid_properties(["/".join(change.path)[:255]])
        values[name] = change.value
    return values


async def _destroy_all(
    context: Context, wanted: Sequence[str], answer: SetAnswer, *, with_emails: bool
) -> None:
    """Destroy children before parents, so that a whole tree can go in one call."""
    mailboxes = await context.services.store.mailboxes(context.account)
    found = {text: _find(text, context, mailboxes) for text in wanted}

    def depth(text: str) -> int:
        mailbox = found[text]
        return 0 if mailbox is None else mailbox.path.count("/")

    for text in sorted(wanted, key=depth, reverse=True):
        mailbox = found[text]
        if mailbox is None:
            answer.not_destroyed[text] = SetError("notFound").document()
            continue
        try:
            await context.services.store.remove_mailbox(context.account, mailbox.id, with_emails=with_emails)
            answer.destroyed.append(ids.encode_id(ids.MAILBOX, mailbox.id))
        except NotEmpty:
            answer.not_destroyed[text] = (await _not_empty(context, mailbox.id)).document()
        except MailError as error:
            answer.not_destroyed[text] = error_document(error)


async def _not_empty(context: Context, mailbox: MailboxId) -> SetError:
    """Say which of the two errors of RFC 8621 section 2.5 it is."""
    mailboxes = await context.services.store.mailboxes(context.account)
    if any(other.parent == mailbox for other in mailboxes):
        return SetError("mailboxHasChild")
    return SetError("mailboxHasEmail")


def _find(text: str, context: Context, mailboxes: Sequence[Mailbox]) -> Mailbox | None:
    real = context.real_id(text)
    number = None if real is None else ids.decode_id(ids.MAILBOX, real)
    return next((mailbox for mailbox in mailboxes if mailbox.id == number), None)


def _name(value: object, context: Context) -> str:
    """Check a name: Net-Unicode without `/`, which parts the levels (RFC 8621 section 2)."""
    limit = context.services.settings.max_mailbox_name_octets
    if not isinstance(value, str) or not value.strip() or "/" in value:
        raise invalid_properties(["name"], "a name is a text without /")
    name = unicodedata.normalize("NFC", value) if len(value) <= limit else value
    if len(name.encode()) > limit:
        raise invalid_properties(["name"], f"a name has at most {limit} octets")
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in name):
        raise invalid_properties(["name"], "a name has no control characters")
    return name


def _path(parent: Mailbox | None, name: str, context: Context) -> str:
    path = name if parent is None else f"{parent.path}/{name}"
    most = context.services.settings.max_mailbox_depth
    if path.count("/") >= most:
        raise invalid_properties(["parentId"], f"at most {most} levels")
    return path


def _parent(value: object, context: Context, mailboxes: Sequence[Mailbox]) -> Mailbox | None:
    if value is None:
        return None
    found = _find(value, context, mailboxes) if isinstance(value, str) else None
    if found is None:
        raise invalid_properties(["parentId"], "there is no such Mailbox")
    return found


def _role(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or value not in _ROLES:
        raise invalid_properties(["role"], "there is no such role")
    return value


def _sort_order(value: object) -> int:
    if not isinstance(value, int) or not is_int(value, 0, MAX_SORT_ORDER):
        raise invalid_properties(["sortOrder"], "sortOrder is a whole number from 0 to 2^31 - 1")
    return value


def _subscribed(value: object) -> bool:
    if not isinstance(value, bool):
        raise invalid_properties(["isSubscribed"], "isSubscribed is true or false")
    return value
