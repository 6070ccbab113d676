"""SearchSnippet/get.

Standards: RFC 8621 section 5.
"""

import html
import re
from functools import partial
from typing import Final

from pymailcore.base import ids
from pymailcore.base.ids import EmailId
from pymailcore.jmap.methods.context import Context, DataType
from pymailcore.jmap.methods.email_filter import FilterCompiler, needles_of
from pymailcore.jmap.protocol.arguments import Arguments
from pymailcore.jmap.protocol.capabilities import MAIL
from pymailcore.jmap.protocol.errors import MethodError, invalid_arguments
from pymailcore.jmap.protocol.values import JsonObject
from pymailcore.message import facts, structure
from pymailcore.message.structure import Part
from pymailcore.message.text import searchable_text
from pymailcore.runtime.threads import run_in_thread
from pymailcore.store.types import EmailRow

MAX_SNIPPET_OCTETS: Final = 255  # RFC 8621 section 5: preview
_TEXT_OCTETS: Final = 262_144
_THREAD_OCTETS: Final = 32_768  # looking through more is not for the loop
_BEFORE: Final = 40


async def get(context: Context, arguments: Arguments) -> JsonObject:
    """SearchSnippet/get (RFC 8621 section 5.1)."""
    context.take_account(arguments)
    condition = arguments.take("filter")
    wanted = arguments.identifiers("emailIds")
    arguments.finish()
    if condition is not None and not isinstance(condition, dict):
        raise invalid_arguments("filter is an object or null")
    if wanted is None:
        raise invalid_arguments("emailIds is a list of Ids")
    settings = context.services.settings
    if len(wanted) > settings.max_objects_in_get:
        raise MethodError("requestTooLarge")
    FilterCompiler(
        max_depth=settings.max_filter_depth, max_conditions=settings.max_filter_conditions
    ).compile(condition)
    needles = needles_of(condition)
    numbers = {text: ids.decode_id(ids.EMAIL, text) for text in wanted}
    known = [number for number in numbers.values() if number is not None]
    rows = {
        row.id: row
        for row in await context.services.store.emails(context.account, known, parts=bool(needles))
    }
    listed: list[JsonObject] = []
    missing: list[str] = []
    for text, number in numbers.items():
        row = None if number is None else rows.get(number)
        if row is None:
            missing.append(text)
        else:
            listed.append({"emailId": text, **await _snippet(context, row, needles)})
    return {"accountId": context.account_id, "list": listed, "notFound": missing or None}


async def _snippet(context: Context, row: EmailRow, needles: list[str]) -> JsonObject:
    if not needles or row.facts is None or row.parts is None:
        return {"subject": None, "preview": None}
    pattern = re.compile(
        "|".join(re.escape(needle) for needle in sorted(needles, key=len, reverse=True)), re.IGNORECASE
    )
    subject = facts.unpack(row.facts).subject or ""
    octets = await context.services.store.message(context.account, EmailId(row.id))
    work = partial(_preview, octets, structure.unpack(row.parts), pattern)
    return {
        "subject": mark(subject, pattern) if pattern.search(subject) else None,
        "preview": await run_in_thread(work) if len(octets) > _THREAD_OCTETS else work(),
    }


def _preview(octets: bytes, root: Part, pattern: re.Pattern[str]) -> str | None:
    return cut_preview(searchable_text(octets, root, _TEXT_OCTETS), pattern)


def mark(text: str, pattern: re.Pattern[str]) -> str:
    """Escape a text for HTML and put what matches between mark tags."""
    out: list[str] = []
    place = 0
    for match in pattern.finditer(text):
        out += [html.escape(text[place : match.start()], quote=False), "<mark>"]
        out += [html.escape(match[0], quote=False), "</mark>"]
        place = match.end()
    out.append(html.escape(text[place:], quote=False))
    return "".join(out)


def cut_preview(text: str, pattern: re.Pattern[str]) -> str | None:
    """The place round the first match, marked, at most 255 octets; None without a match."""
    text = " ".join(text.split())
    match = pattern.search(text)
    if match is None:
        return None
    start = max(0, match.start() - _BEFORE)
    if start:
        start = text.find(" ", start, match.start()) + 1 or start
    end = min(len(text), start + MAX_SNIPPET_OCTETS)
    while end > start:
        marked = mark(text[start:end], pattern)
        over = len(marked.encode("utf-8", "replace")) - MAX_SNIPPET_OCTETS
        if over <= 0:
            return marked
        end -= max(1, over // 8)
    return None


DATA_TYPE: Final = DataType(MAIL, {"SearchSnippet/get": get})
