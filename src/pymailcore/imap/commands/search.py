"""SEARCH: compiled to the store's filters.

Standards: RFC 3501 section 6.4.4.
"""

from typing import Final

import trio

from pymailcore.imap.protocol import commands as c
from pymailcore.imap.protocol import search_keys as k
from pymailcore.imap.protocol.dates import day_ms
from pymailcore.imap.protocol.responses import Status, no, ok
from pymailcore.imap.session import Session
from pymailcore.imap.view import View
from pymailcore.store import query as q
from pymailcore.store.keywords import keywords_of

_LARGEST_UID: Final = 2**32 - 1
_FIELD: Final = {field.value: field for field in q.Field}
_EVERYTHING: Final = q.And(())
_NOTHING: Final = q.Or(())


async def search(session: Session, command: c.Search) -> Status:
    """SEARCH and UID SEARCH."""
    view = session.selected
    found: list[int] | None = None
    with trio.move_on_after(session.settings.search_seconds):
        async with session.services.places.searches.place(session.account):
            key = compile_key(command.key, view)
            found = await session.store.search(session.account, view.mailbox, key)
    if found is None:
        return no("The search takes too long", b"LIMIT")
    last = view.last_uid
    known = [uid for uid in found if uid <= last] if found and found[-1] > last else found
    numbers = known if command.uid else [seq for seq in view.seqs(known) if seq]
    await session.send(b"* SEARCH%b\r\n" % b"".join([b" %d" % number for number in numbers]))
    return ok("Done")


def compile_key(key: k.SearchKey, view: View) -> q.Filter:  # noqa: C901 - one case for each key
    """Give the filter that takes what a key takes; the depth is bounded by the grammar."""
    match key:
        case k.All():
            return _EVERYTHING
        case k.Both(keys):
            return q.And(tuple(compile_key(each, view) for each in keys))
        case k.Either(first, second):
            return q.Or((compile_key(first, view), compile_key(second, view)))
        case k.Without(inner):
            return q.Not(compile_key(inner, view))
        case k.Messages(messages, uid):
            ranges = view.ranges(messages, uid=uid, lenient=True)
            return q.Uids(ranges) if ranges else _NOTHING
        case k.HasKeyword(name):
            return q.HasKeywords(keywords_of((name,)))
        case k.IsDeleted():
            return q.Deleted()
        case k.IsRecent():
            return q.Uids(((view.recent_from, _LARGEST_UID),))
        case k.Dated(clock, since, before):
            since_ms = None if since is None else day_ms(since)
            before_ms = None if before is None else day_ms(before)
            if clock is k.Clock.SENT:
                return q.Sent(since_ms, before_ms)
            return q.Received(since_ms, before_ms)
        case k.Larger(octets):
            return q.Size(least=octets + 1)
        case k.Smaller(octets):
            return q.Size(below=octets)
        case k.Holds(field, needle):
            # An empty needle is in every string, also in that of a field which is not there.
            return q.Contains(_FIELD[field], needle) if needle else _EVERYTHING
        case k.HeaderHolds(name, needle):
            return q.HeaderContains(name, needle)
