"""Messages of one Mailbox in an order, and what Threads of them are made of.

Standards: RFC 5256 sections 2.2 and 3 (SORT, THREAD), RFC 5957 section 4, RFC 6203 section 4 (relevancy).

What is looked at never changes for a message, so UIDs may come from an earlier search; those that are gone
meanwhile are left out.
"""

# ruff: noqa: S608 - statements are put together from constants of this package; values are always bound

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

import orjson

from pymailcore.base.ids import AccountId, MailboxId
from pymailcore.message.threading_values import EMPTY, FIXED_OCTETS, Threading, unpack_threading
from pymailcore.store import query as q
from pymailcore.store.compiling import ORDER
from pymailcore.store.engine import Engine
from pymailcore.store.folding import normal
from pymailcore.store.ops import mailboxes
from pymailcore.store.types import Transaction

T = TypeVar("T")

_EMAILS: Final = " JOIN emails e ON e.id = p.email"
_HEADERS: Final = " JOIN email_headers h ON h.email = p.email"
_ORDER: Final = {**ORDER, q.SortKey.RECEIVED: "p.received_ms"}
MOST_NEEDLES: Final = 16
"""Needles that count for relevance."""

_WEIGHTS: Final = (("h.subject_text", 12), ("h.from_text", 8), ("h.to_text", 4), ("h.cc_text", 2))


class Arranging:
    """The operations of this module over an open store."""

    def __init__(self, engine: Engine) -> None:
        self._database = engine.database
        self._lane = engine.lane

    async def ordered(
        self, account: AccountId, mailbox: MailboxId, uids: Sequence[int], sort: Sequence[q.Sort]
    ) -> list[int]:
        """See `ordered`."""
        async with self._lane.place(account):
            return await self._database.read(lambda tx: ordered(tx, account, mailbox, uids, sort))

    async def threading(
        self, account: AccountId, mailbox: MailboxId, uids: Sequence[int]
    ) -> tuple[list[int], Threading]:
        """See `threading`."""
        async with self._lane.place(account):
            return await self._database.read(lambda tx: threading(tx, account, mailbox, uids))

    async def ranks(
        self, account: AccountId, mailbox: MailboxId, uids: Sequence[int], sort: Sequence[q.Sort]
    ) -> dict[int, int]:
        """See `ranks`."""
        async with self._lane.place(account):
            return await self._database.read(lambda tx: ranks(tx, account, mailbox, uids, sort))

    async def highest_modseq(self, account: AccountId, mailbox: MailboxId, uids: Sequence[int]) -> int:
        """See `highest_modseq`."""
        async with self._lane.place(account):
            return await self._database.read(lambda tx: highest_modseq(tx, account, mailbox, uids))

    async def relevance(
        self, account: AccountId, mailbox: MailboxId, uids: Sequence[int], needles: Sequence[str]
    ) -> dict[int, int]:
        """See `relevance`."""
        async with self._lane.place(account):
            return await self._database.read(lambda tx: relevance(tx, account, mailbox, uids, needles))


async def ordered(
    tx: Transaction, account: AccountId, mailbox: MailboxId, uids: Sequence[int], sort: Sequence[q.Sort]
) -> list[int]:
    """Give ascending UIDs in an order; ties are broken by UID (RFC 5256 section 3).

    Raises:
        NotFound: no such Mailbox.
    """
    await mailboxes.get(tx, account, mailbox)
    if not uids:
        return []
    order, tables = _by(sort)
    where, args, whole = _these(uids)
    row = await tx.row(
        f"SELECT json_group_array(uid) FROM (SELECT p.uid FROM {tables} WHERE p.mailbox = ?1 AND {where}"
        f" ORDER BY {order}, p.uid ASC) x",
        mailbox,
        *args,
    )
    found: list[int] = orjson.loads(row[0]) if row is not None else []
    return found if whole else _only(found, uids, lambda uid: uid)


async def ranks(
    tx: Transaction, account: AccountId, mailbox: MailboxId, uids: Sequence[int], sort: Sequence[q.Sort]
) -> dict[int, int]:
    """Give ascending UIDs numbers that ascend in an order; those that are equal in it share one.

    Raises:
        NotFound: no such Mailbox.
    """
    await mailboxes.get(tx, account, mailbox)
    if not uids:
        return {}
    order, tables = _by(sort)
    where, args, _ = _these(uids)
    rows = await tx.rows(
        f"SELECT p.uid, dense_rank() OVER (ORDER BY {order}) FROM {tables} WHERE p.mailbox = ?1 AND {where}",
        mailbox,
        *args,
    )
    return dict(_only(rows, uids, lambda row: row[0]))


def _by(sort: Sequence[q.Sort]) -> tuple[str, str]:
    """What an order is by, and the tables for it."""
    order = ", ".join([f"{_ORDER[key.key]} {'ASC' if key.ascending else 'DESC'}" for key in sort])
    tables = "placements p" + (_EMAILS if "e." in order else "") + (_HEADERS if "h." in order else "")
    return order or "p.mailbox", tables


async def highest_modseq(tx: Transaction, account: AccountId, mailbox: MailboxId, uids: Sequence[int]) -> int:
    """The highest mod-sequence of ascending UIDs, 0 without any (RFC 7162 section 3.1.6).

    Raises:
        NotFound: no such Mailbox.
    """
    await mailboxes.get(tx, account, mailbox)
    if not uids:
        return 0
    where, args, _ = _these(uids, exactly=True)
    row = await tx.row(
        f"SELECT max(e.flags_modseq), max(p.modseq) FROM placements p{_EMAILS}"
        f" WHERE p.mailbox = ?1 AND {where}",
        mailbox,
        *args,
    )
    return max(row[0] or 0, row[1] or 0) if row is not None else 0


async def threading(
    tx: Transaction, account: AccountId, mailbox: MailboxId, uids: Sequence[int]
) -> tuple[list[int], Threading]:
    """Read what Threads of ascending UIDs are made of: the UIDs that are there, and their values.

    What has no Date field is dated by when it came (RFC 5256 section 2.2).

    Raises:
        NotFound: no such Mailbox.
    """
    await mailboxes.get(tx, account, mailbox)
    if not uids:
        return [], unpack_threading(b"", b"")
    where, args, _ = _these(uids, exactly=True)
    # A few long texts are several times as fast as ten thousand rows.
    row = await tx.row(
        f"SELECT json_group_array(uid), string_agg(substr(value, 1, {2 * FIXED_OCTETS}), ''),"
        f" string_agg(substr(value, {2 * FIXED_OCTETS + 1}), '') FROM (SELECT p.uid,"
        f" CASE WHEN h.threading = x'' THEN '{EMPTY.hex()}' ELSE hex(h.threading) END AS value"
        f" FROM placements p{_HEADERS} WHERE p.mailbox = ?1 AND {where} ORDER BY p.uid) x",
        mailbox,
        *args,
    )
    listed, fixed, references = row or ("[]", None, None)
    there: list[int] = orjson.loads(listed)
    values = unpack_threading(bytes.fromhex(fixed or ""), bytes.fromhex(references or ""))
    if values.undated:
        undated = orjson.dumps([there[place] for place in values.undated]).decode()
        came: dict[int, int] = dict(
            await tx.rows(
                "SELECT uid, received_ms FROM placements WHERE mailbox = ?1"
                " AND uid IN (SELECT value FROM json_each(?2))",
                mailbox,
                undated,
            )
        )
        for place in values.undated:
            values.dates[place] = came[there[place]]
    return there, values


async def relevance(
    tx: Transaction,
    account: AccountId,
    mailbox: MailboxId,
    uids: Sequence[int],
    needles: Iterable[str],
) -> dict[int, int]:
    """Score messages from 1 to 100 by where needles stand: Subject, From, To, Cc, elsewhere.

    The best get 100 and the worst 1, where they differ.

    Raises:
        NotFound: no such Mailbox.
    """
    await mailboxes.get(tx, account, mailbox)
    if not uids:
        return {}
    where, args, _ = _these(uids)
    values: list[object] = [mailbox, *args]
    terms = ["0"]
    for needle in [folded for one in needles if (folded := normal(one))][:MOST_NEEDLES]:
        values.append(needle)
        place = len(values)
        terms += [
            f"CASE WHEN instr({text}, ?{place}) > 0 THEN {weight} ELSE 0 END" for text, weight in _WEIGHTS
        ]
    rows = await tx.rows(
        f"SELECT p.uid, {' + '.join(terms)} FROM placements p{_HEADERS}"
        f" WHERE p.mailbox = ?1 AND {where} ORDER BY p.uid",
        *values,
    )
    points: dict[int, int] = dict(_only(rows, uids, lambda row: row[0]))
    low, high = min(points.values(), default=0), max(points.values(), default=0)
    if low == high:
        return dict.fromkeys(points, 100)
    return {uid: 1 + (point - low) * 99 // (high - low) for uid, point in points.items()}


def _these(uids: Sequence[int], *, exactly: bool = False) -> tuple[str, tuple[object, ...], bool]:
    """A condition that takes ascending UIDs, its arguments from ?2 on, and whether it takes no others.

    Where UIDs are close together a range is faster than a list, though it may take some more.
    """
    low, high = uids[0], uids[-1]
    whole = high - low + 1 == len(uids)
    if whole or (not exactly and high - low < 2 * len(uids)):
        return "p.uid BETWEEN ?2 AND ?3", (low, high), whole
    return (
        "p.uid IN (SELECT value FROM json_each(?2))",
        (orjson.dumps(list(uids)).decode(),),
        True,
    )


def _only(found: list[T], uids: Sequence[int], uid_of: Callable[[T], int]) -> list[T]:
    wanted = set(uids)
    return [one for one in found if uid_of(one) in wanted]
