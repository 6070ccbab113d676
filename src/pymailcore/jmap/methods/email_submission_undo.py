"""undoStatus: what can still be taken back, and taking it back.

Standards: RFC 8621 section 7 (undoStatus).

Theory. A submission is pending while its message waits in the queue for its release. Nobody wakes up to write
down that the release has come; so each method that shows submissions looks first whether it has, and what a
client reads is final from then on, with a new state. Whether a message can be taken back is for the queue to
say, in the transaction that takes it.
"""

import json
from typing import Final

from pymailcore.base.errors import StateMismatch
from pymailcore.jmap import submissions
from pymailcore.jmap.methods.context import Context
from pymailcore.jmap.protocol.errors import SetError
from pymailcore.jmap.submissions import SubmissionRow
from pymailcore.store.types import Transaction

PENDING: Final = "pending"
FINAL: Final = "final"
CANCELED: Final = "canceled"


async def settle(context: Context) -> None:
    """Call those final whose release has come."""
    now_ms = context.services.now_ms()

    async def look(tx: Transaction) -> list[int]:
        return await submissions.released(tx, context.account, now_ms)

    numbers = await context.services.store.database.read(look)
    if numbers:
        await _note(context, numbers, FINAL)


async def cancel(context: Context, row: SubmissionRow) -> None:
    """Take a message back that waits for its release.

    Raises:
        SetError: cannotUnsend: it has begun to leave, or never waited.
    """
    queued = row.queue_message
    if row.undo_status != PENDING or queued is None:
        raise SetError("cannotUnsend")
    services = context.services
    count = len(json.loads(row.envelope)["rcptTo"])

    async def work(tx: Transaction) -> int:
        await services.submission.recall(tx, context.principal, queued, recipients_count=count)
        return await _write(tx, context, [row.id], CANCELED)

    try:
        services.publish(context.account, await services.store.database.write(work))
    except StateMismatch:
        await _note(context, [row.id], FINAL)
        raise SetError("cannotUnsend") from None


async def _note(context: Context, numbers: list[int], status: str) -> None:
    modseq = await context.services.store.database.write(lambda tx: _write(tx, context, numbers, status))
    context.services.publish(context.account, modseq)


async def _write(tx: Transaction, context: Context, numbers: list[int], status: str) -> int:
    modseq = await context.services.store.bump(tx, context.account, submissions.KIND)
    await submissions.set_undo_status(tx, context.account, numbers, status, modseq)
    return modseq
