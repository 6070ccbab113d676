"""Email/get and Email/parse.

Standards: RFC 8621 sections 4.2 and 4.9.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import cast

from pymailcore.base import ids
from pymailcore.base.errors import NotFound
from pymailcore.base.ids import BlobId, EmailId
from pymailcore.jmap.methods.context import Context
from pymailcore.jmap.methods.email_parts import BodyValueWish, PartWriter, needs_octets, write_parts
from pymailcore.jmap.methods.email_properties import DEFAULT, FROM_ROW, Wish
from pymailcore.jmap.methods.header_forms import header_list
from pymailcore.jmap.protocol.arguments import Arguments
from pymailcore.jmap.protocol.errors import MethodError, invalid_arguments
from pymailcore.jmap.protocol.standard import get_arguments, property_names
from pymailcore.jmap.protocol.values import JsonObject
from pymailcore.message import facts, structure
from pymailcore.message.headers import split_fields
from pymailcore.message.structure import Part, walk
from pymailcore.runtime.threads import compute
from pymailcore.store.blobids import part_blob
from pymailcore.store.types import EmailRow

_THREAD_OCTETS = 1_048_576  # messages above are decoded off the loop (DESIGN.md section 4.5)


def _body_values(context: Context, arguments: Arguments) -> BodyValueWish:
    most = context.services.settings.max_body_value_octets
    wanted = arguments.number("maxBodyValueBytes", default=0, least=0)
    return BodyValueWish(
        text=arguments.flag("fetchTextBodyValues"),
        html=arguments.flag("fetchHTMLBodyValues"),
        everything=arguments.flag("fetchAllBodyValues"),
        max_octets=min(wanted, most) if wanted else most,
    )


async def get(context: Context, arguments: Arguments) -> JsonObject:
    """Email/get (RFC 8621 section 4.2). All Emails at once are too many: `ids` must be given."""
    context.take_account(arguments)
    wanted = get_arguments(arguments, max_objects=context.services.settings.max_objects_in_get)
    wish = Wish(wanted.properties, property_names(arguments, "bodyProperties"))
    values = _body_values(context, arguments)
    arguments.finish()
    if wanted.ids is None:
        raise MethodError("requestTooLarge", "ids must be given")
    store = context.services.store
    numbers = [number for text in wanted.ids if (number := ids.decode_id(ids.EMAIL, text)) is not None]
    states = await store.states(context.account)
    rows = await store.emails(
        context.account,
        numbers,
        facts=bool(wish.facts),
        parts=bool(wish.parts) or wish.needs_header,
    )
    if wish.parts or wish.needs_header:
        found = {}
        for row in rows:
            # One that was destroyed since the rows were read is not found.
            with suppress(NotFound):
                found[row.id] = await _with_message(context, row, wish, values)
    else:
        found = {row.id: _from_row(row, wish) for row in rows}
    listed: list[JsonObject] = []
    missing: list[str] = []
    for text in wanted.ids:
        number = ids.decode_id(ids.EMAIL, text)
        if number is not None and number in found:
            listed.append(found[number])
        else:
            missing.append(text)
    return {
        "accountId": context.account_id,
        "state": str(states.email),
        "list": listed,
        "notFound": missing,
    }


def _from_row(row: EmailRow, wish: Wish) -> JsonObject:
    document: JsonObject = {name: make(row) for name, make in wish.row}
    if wish.facts and row.facts is not None:
        known = facts.unpack(row.facts)
        for name, make_fact in wish.facts:
            document[name] = make_fact(known)
    return document


async def _with_message(context: Context, row: EmailRow, wish: Wish, values: BodyValueWish) -> JsonObject:
    document = _from_row(row, wish)
    if row.parts is None:
        raise NotFound("parts")
    root = structure.unpack(row.parts)
    octets = b""
    wants_values = "bodyValues" in wish.parts and values.any
    if wants_values or wish.needs_header or needs_octets(wish, root):
        octets = await context.services.store.message(context.account, EmailId(row.id))
    blob_id = partial(part_blob, row.id)
    work = partial(_from_message, octets, root, wish, values, blob_id)
    written = await compute(work) if len(octets) > _THREAD_OCTETS else work()
    context.count_answer(_weight(written, root, wish))
    return document | written


def _weight(document: JsonObject, root: Part, wish: Wish) -> int:
    """Roughly how many octets an answer grows by what is not bounded by the size of a row."""
    body_values = cast("dict[str, JsonObject]", document.get("bodyValues") or {})
    weight = sum(len(cast(str, value["value"])) for value in body_values.values())
    if wish.needs_header:
        weight += (root.body_start - root.header_start) * (1 + len(wish.header_properties))
    if wish.shows_parts:
        parts = walk(root)
        each = 300 + 100 * len(wish.body_headers)
        weight += sum(part.body_start - part.header_start + each for part in parts)
    return weight


def _from_message(
    octets: bytes, root: Part, wish: Wish, values: BodyValueWish, blob_id: Callable[[str], str | None]
) -> JsonObject:
    document = write_parts(wish, root, PartWriter(wish, octets, blob_id))
    if "bodyValues" in wish.parts:
        document["bodyValues"] = values.write(octets, root)
    if wish.needs_header:
        fields = split_fields(octets[root.header_start : root.body_start])
        if wish.headers:
            document["headers"] = header_list(fields)
        for name, header in wish.header_properties:
            document[name] = header.value(fields)
    return document


async def parse(context: Context, arguments: Arguments) -> JsonObject:
    """Email/parse (RFC 8621 section 4.9): blobs as Emails, without what only a stored one has.

    Parts of a message that is parsed here have no blob ids.
    """
    context.take_account(arguments)
    blob_ids = arguments.identifiers("blobIds")
    properties = property_names(arguments, "properties")
    default = [name for name in DEFAULT if name not in FROM_ROW]
    wish = Wish(default if properties is None else properties, property_names(arguments, "bodyProperties"))
    values = _body_values(context, arguments)
    arguments.finish()
    if blob_ids is None:
        raise invalid_arguments("blobIds is a list of Ids")
    if len(blob_ids) > context.services.settings.max_objects_in_get:
        raise MethodError("requestTooLarge")
    parsed: dict[str, JsonObject] = {}
    missing: list[str] = []
    for text in blob_ids:
        real = context.real_id(text)
        try:
            octets = await context.services.store.blob(context.account, BlobId(real or ""))
        except NotFound:
            missing.append(text)
            continue
        prepared = await context.services.store.prepare(octets)
        root = structure.unpack(prepared.parts)
        known = facts.unpack(prepared.facts)
        document: JsonObject = {name: None for name, _ in wish.row if name in (properties or ())}
        for name, make_fact in wish.facts:
            document[name] = make_fact(known)
        written = await compute(_from_message, octets, root, wish, values, _no_blob)
        context.count_answer(_weight(written, root, wish))
        document |= written
        for name, _ in wish.row:
            if name == "blobId" and name in document:
                document[name] = text
            elif name == "size" and name in document:
                document[name] = len(octets)
        parsed[text] = document
    return {
        "accountId": context.account_id,
        "parsed": parsed or None,
        "notParsable": None,
        "notFound": missing or None,
    }


def _no_blob(path: str) -> None:  # noqa: ARG001
    return None
