"""SEARCH.

Standards: RFC 9051 section 6.4.4 and RFC 3501 section 6.4.4; RFC 4731 section 3.1 (RETURN); RFC 5182 section
2.1 (SAVE); RFC 7162 sections 3.1.6 and 3.1.10 (MODSEQ in the answer); RFC 6203 section 4 (RELEVANCY).
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from pymailcore.imap.commands.criteria import UndefinedFilter, fuzzy_needles
from pymailcore.imap.commands.searching import TOO_LONG, Progress, find, resolved, within_limits
from pymailcore.imap.protocol import commands as c
from pymailcore.imap.protocol import search_keys as k
from pymailcore.imap.protocol.responses import Status, bad, no, ok
from pymailcore.imap.protocol.search_options import ReturnOptions
from pymailcore.imap.protocol.search_results import extended, numbers, returned
from pymailcore.imap.protocol.server import UNKNOWN_CHARSET
from pymailcore.imap.session import Session

_ALL: Final = ReturnOptions(all=True)
NO_FUZZY: Final = bad("RELEVANCY needs FUZZY")
DONE: Final = ok("Done")


class Found(NamedTuple):
    """What was found.

    Attributes:
        uids: in the order of the answer.
        scores: relevancy by UID, where it is asked for.
        modseq: the highest of what the answer names, where it was searched for.
    """

    uids: Sequence[int]
    scores: dict[int, int] | None = None
    modseq: int | None = None


async def search(session: Session, command: c.Search) -> Status:
    """SEARCH and UID SEARCH."""
    options = command.options
    try:
        key = await resolved(session, command.key)
    except UndefinedFilter as undefined:
        return undefined_filter(session, options, undefined)
    asked = options is not None and options.relevancy
    if asked and not k.contains(key, k.Fuzzy):
        return NO_FUZZY

    async def work(progress: Progress) -> Found:
        uids = await find(session, key, progress)
        scores = await relevance(session, key, uids) if asked else None
        return Found(uids, scores, await modseq_of(session, key, uids, options))

    found = await within_limits(session, work)
    return await answer(session, b"SEARCH", found, options, uid=command.uid)


async def cannot_search(session: Session, _command: c.CannotSearch) -> Status:
    """A SEARCH with SAVE that is refused: nothing is saved."""
    session.selected.save(())
    return UNKNOWN_CHARSET


def undefined_filter(session: Session, options: ReturnOptions | None, fault: UndefinedFilter) -> Status:
    """A filter is not there, or is none (RFC 5466 section 3.1)."""
    if options is not None and options.save:
        session.selected.save(())
    return no("There is no such filter", b"UNDEFINED-FILTER " + fault.name.encode("ascii"))


async def relevance(session: Session, key: k.SearchKey, uids: Sequence[int]) -> dict[int, int]:
    """Give each UID its score."""
    mailbox = session.selected.mailbox
    return await session.store.arranging.relevance(session.account, mailbox, uids, fuzzy_needles(key))


async def modseq_of(
    session: Session, key: k.SearchKey, uids: Sequence[int], options: ReturnOptions | None
) -> int | None:
    """The highest mod-sequence of what is returned, if MODSEQ was searched for."""
    if not uids or not k.contains(key, k.ModifiedSince):
        return None
    some = sorted(returned(uids, options or _ALL))
    return await session.store.arranging.highest_modseq(session.account, session.selected.mailbox, some)


async def answer(
    session: Session, name: bytes, found: Found | None, options: ReturnOptions | None, *, uid: bool
) -> Status:
    """Answer with what was found, as it was asked for.

    Args:
        name: of the plain answer.
        found: None when it took too long.
    """
    view = session.selected
    if found is None:
        if options is not None and options.save:
            view.save(())
        return TOO_LONG
    if options is None and session.enabled.rev2:  # RFC 9051 section 6.4.4
        options = _ALL
    listed = found.uids if uid else view.numbered(found.uids)
    if options is None:
        await session.send(numbers(name, listed, found.modseq))
        return DONE
    if options.save:
        view.save(returned(found.uids, options))
    if not options.silent:
        scores = None if found.scores is None else [found.scores.get(one, 1) for one in found.uids]
        await session.send(
            extended(session.protocol.tag, listed, options, uid=uid, modseq=found.modseq, scores=scores)
        )
    return DONE
