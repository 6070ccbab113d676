"""SORT.

Standards: RFC 5256 section 3 (SORT), RFC 5957 section 4 (DISPLAYFROM, DISPLAYTO), RFC 5267 section 3.1
(RETURN), RFC 6203 section 6 (RELEVANCY), RFC 7162 section 3.1.9.
"""

from array import array
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from pymailcore.imap.answers import digest
from pymailcore.imap.commands.criteria import UndefinedFilter
from pymailcore.imap.commands.search import (
    NO_FUZZY,
    Found,
    answer,
    modseq_of,
    relevance,
    undefined_filter,
)
from pymailcore.imap.commands.searching import Progress, find, resolved, within_limits
from pymailcore.imap.protocol import commands as c
from pymailcore.imap.protocol import search_keys as k
from pymailcore.imap.protocol.responses import Status
from pymailcore.imap.protocol.sort_grammar import SortCriterion, SortKey
from pymailcore.imap.session import Session
from pymailcore.store import query as q

_KEYS: Final[Mapping[SortKey, q.SortKey]] = MappingProxyType(
    {
        SortKey.ARRIVAL: q.SortKey.RECEIVED,
        SortKey.CC: q.SortKey.CC_MAILBOX,
        SortKey.DATE: q.SortKey.SENT,
        SortKey.DISPLAY_FROM: q.SortKey.FROM,
        SortKey.DISPLAY_TO: q.SortKey.TO,
        SortKey.FROM: q.SortKey.FROM_MAILBOX,
        SortKey.SIZE: q.SortKey.SIZE,
        SortKey.SUBJECT: q.SortKey.SUBJECT,
        SortKey.TO: q.SortKey.TO_MAILBOX,
    }
)
"""Every key but RELEVANCY, which is not a thing of the message."""


KEPT_FROM: Final = 500
"""Of more messages the order is kept."""


async def sort(session: Session, command: c.Sort) -> Status:
    """SORT and UID SORT."""
    options = command.options
    try:
        key = await resolved(session, command.key)
    except UndefinedFilter as undefined:
        return undefined_filter(session, options, undefined)
    by_relevancy = any(criterion.key is SortKey.RELEVANCY for criterion in command.criteria)
    asked = by_relevancy or (options is not None and options.relevancy)
    if asked and not k.contains(key, k.Fuzzy):
        return NO_FUZZY

    async def work(progress: Progress) -> Found:
        uids = await find(session, key, progress, gone=True)
        scores = await relevance(session, key, uids) if asked else {}
        ordered = await _ordered(session, uids, command.criteria, scores)
        return Found(ordered, scores if asked else None, await modseq_of(session, key, ordered, options))

    found = await within_limits(session, work)
    return await answer(session, b"SORT", found, options, uid=command.uid)


async def _ordered(
    session: Session, uids: Sequence[int], criteria: Sequence[SortCriterion], scores: Mapping[int, int]
) -> list[int]:
    arranging, account, mailbox = session.store.arranging, session.account, session.selected.mailbox
    place = next((n for n, one in enumerate(criteria) if one.key is SortKey.RELEVANCY), len(criteria))
    first, rest = _sorts(criteria[:place]), _sorts(criteria[place + 1 :])
    if place == len(criteria):
        return await _in_order(session, uids, first)
    # The highest score comes first. The least key sorts first; what is equal in a key keeps its order.
    down = 1 if criteria[place].reverse else -1
    ordered = await arranging.ordered(account, mailbox, uids, rest)
    ordered.sort(key=lambda uid: down * scores.get(uid, 0))
    if first:
        ranks = await arranging.ranks(account, mailbox, uids, first)
        ordered.sort(key=lambda uid: ranks.get(uid, 0))
    return ordered


async def _in_order(session: Session, uids: Sequence[int], sort: Sequence[q.Sort]) -> list[int]:
    """UIDs in an order. That of many messages is kept: nothing of it changes while they are the same."""
    view = session.selected
    arranging = session.store.arranging
    if len(uids) <= KEPT_FROM:
        return await arranging.ordered(session.account, view.mailbox, uids, sort)
    question = (view.mailbox, tuple(sort), digest(uids))
    kept = session.services.places.arranged
    found = array("I", kept.get(question) or b"")
    if not found:
        found = array("I", await arranging.ordered(session.account, view.mailbox, uids, sort))
        kept.keep(question, found.tobytes())
    return found.tolist()


def _sorts(criteria: Sequence[SortCriterion]) -> list[q.Sort]:
    return [q.Sort(_KEYS[one.key], ascending=not one.reverse) for one in criteria]
