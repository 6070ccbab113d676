"""THREAD.

Standards: RFC 5256 sections 3 and 4 (THREAD).
"""

from collections.abc import Sequence
from typing import Final

from pymailcore.imap.answers import digest
from pymailcore.imap.commands.criteria import UndefinedFilter
from pymailcore.imap.commands.search import DONE, undefined_filter
from pymailcore.imap.commands.searching import TOO_LONG, Progress, find, resolved, within_limits
from pymailcore.imap.protocol import commands as c
from pymailcore.imap.protocol.responses import Status
from pymailcore.imap.protocol.sort_grammar import ThreadAlgorithm
from pymailcore.imap.protocol.threading import encode_threads, ordered_subject, references
from pymailcore.imap.session import Session
from pymailcore.message.threading_values import Threading
from pymailcore.runtime.threads import compute

_INLINE: Final = 500
"""Messages whose Threads are made on the loop; more take some milliseconds and go to another thread."""


async def thread(session: Session, command: c.Thread) -> Status:
    """THREAD and UID THREAD."""
    try:
        key = await resolved(session, command.key)
    except UndefinedFilter as undefined:
        return undefined_filter(session, None, undefined)
    view = session.selected

    async def work(progress: Progress) -> bytes:
        found = await find(session, key, progress, gone=True)
        asked = found if command.uid else view.numbered(found)
        question = (view.mailbox, command.algorithm, digest(found), digest(asked))
        kept = session.services.places.arranged
        if (answer := kept.get(question)) is not None:
            return answer
        there, values = await session.store.arranging.threading(session.account, view.mailbox, found)
        numbers = there if command.uid else view.numbered(there)
        if len(there) <= _INLINE:
            return threads(command.algorithm, values, numbers)
        answer = await compute(threads, command.algorithm, values, numbers)
        kept.keep(question, answer)
        return answer

    listed = await within_limits(session, work)
    if listed is None:
        return TOO_LONG
    await session.send(b"* THREAD%b%b\r\n" % (b" " if listed else b"", listed))
    return DONE


def threads(algorithm: ThreadAlgorithm, values: Threading, numbers: Sequence[int]) -> bytes:
    """Make Threads, and write them."""
    if algorithm is ThreadAlgorithm.ORDERED_SUBJECT:
        forest = ordered_subject(values.dates, values.subjects)
    else:
        forest = references(
            values.dates, values.ids, values.subjects, values.replies, values.references, values.ends
        )
    return encode_threads(forest, numbers)
