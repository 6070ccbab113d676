"""What was brought to accounts here by way of the queue: so that nothing comes twice.

Theory: a lease may run out, or its process die, just behind the transaction that brought a message; then
another process brings it again. So that transaction also keeps a token of the message and the recipient, and
whoever finds it there brings nothing. Tokens go when nothing that they could stop can still be in the queue.
"""

from typing import Final

from pymailcore.store.types import Transaction

KEPT_MS: Final = 30 * 86_400_000

_PRUNED_EVERY: Final = 64
_FORGET: Final = "DELETE FROM brought WHERE moment_ms < ?1"


class BroughtBefore(Exception):
    """The recipient has this message; the transaction is to be undone."""


async def once(tx: Transaction, token: bytes, now_ms: int) -> None:
    """Keep a token, in the transaction that brings the message.

    Raises:
        BroughtBefore: it is there.
    """
    new = await tx.run(
        "INSERT INTO brought (token, moment_ms) VALUES (?1, ?2) ON CONFLICT (token) DO NOTHING", token, now_ms
    )
    if not new:
        raise BroughtBefore
    if now_ms % _PRUNED_EVERY == 0:
        await tx.run_many(_FORGET, [(now_ms - KEPT_MS,)])
