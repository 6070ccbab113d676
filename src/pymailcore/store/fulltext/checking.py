"""Looks whether the full-text index says what it should: what is wrong in it hides mail, and nobody is told.

Two looks, on either engine. Of every Email that the index claims to have it is asked whether it has it
(`lacking`). Of some Emails, picked by chance, words and phrases are looked up in the index, which must find
them (`unfound`). Each question is answered from one snapshot, so that nothing that moves is taken for damage.
Emails that are still to be indexed are none of the index's business: searches look through those themselves.
"""

import functools
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple, TypeVar

from pymailcore.base.ids import AccountId
from pymailcore.store import query as q
from pymailcore.store.compiling import Compiler, ask_index
from pymailcore.store.engine import Engine
from pymailcore.store.evaluate import look_into
from pymailcore.store.fulltext.lookup import TextIndex
from pymailcore.store.places import BlobReader
from pymailcore.store.texts import LEFT_OUT, SearchedMessage
from pymailcore.store.types import Reading, Row, Transaction

T = TypeVar("T")

SAMPLE: Final = 200
"""Emails whose words are looked up."""

MOST: Final = 100
"""Emails of one account that are told; more of them tell nobody more."""

_PAGE: Final = 2_000
_MANY: Final = 2**31
"""As many messages as if asking the index always paid."""
_LONGEST: Final = 60
_ENDS: Final = "SELECT min(id), max(id) FROM emails"
_NEXT: Final = "SELECT id, account FROM emails WHERE id >= ?1 ORDER BY id LIMIT 1"
_ENDS_OF: Final = "SELECT 0, modseq FROM accounts WHERE id = ?1"
_NEXT_OF: Final = (
    "SELECT id, account FROM emails WHERE account = ?1 AND changed_modseq >= ?2"
    " ORDER BY changed_modseq LIMIT 1"
)
_CLAIMED: Final = (
    "SELECT e.changed_modseq, e.id, CASE WHEN {unindexed} THEN 1 ELSE 0 END FROM emails e"
    " WHERE e.account = ?1 AND (e.changed_modseq > ?2 OR (e.changed_modseq = ?2 AND e.id > ?3))"
    " AND e.changed_modseq >= ?2 AND e.changed_modseq <= ?4 ORDER BY e.changed_modseq, e.id LIMIT ?5"
)


class Lost(NamedTuple):
    """An Email that searches would not find; `needle` is what was looked up, empty: all of it is lacking."""

    account: int
    email: int
    needle: str = ""


class Checked(NamedTuple):
    """What a check has looked at, and what it has found."""

    emails: int
    sampled: int
    lost: list[Lost]


async def check_index(
    engine: Engine, account: int = 0, *, sample: int = SAMPLE, chance: random.Random | None = None
) -> Checked:
    """Look at all that the index claims to have, and at the words of some Emails.

    Args:
        account: only this one; 0 for all.
        chance: picks the Emails.
    """
    looked, lost = 0, []
    for one in [account] if account else await _accounts(engine):
        number, lacks = await lacking(engine, AccountId(one))
        looked += number
        lost += lacks
    chance = chance or random.Random()  # noqa: S311 - no secret
    number, hidden = await unfound(engine, await _sampled(engine, account, sample, chance), chance)
    there = {one.email for one in lost}
    return Checked(looked, number, lost + [one for one in hidden if one.email not in there])


async def lacking(engine: Engine, account: AccountId) -> tuple[int, list[Lost]]:
    """How many Emails of an account the index claims to have, and those that it has not."""
    looked, at, found = 0, (-1, -1), list[Lost]()
    index = engine.text_index
    sql = _CLAIMED.format(unindexed=index.unindexed)
    while len(found) < MOST:
        here = at

        async def work(tx: Transaction, here: tuple[int, int] = here) -> tuple[list[Row], set[int] | None]:
            spot = await index.spot(tx, account)
            if spot is None or not spot.no:
                return [], set()
            rows = await tx.rows(sql, account, *here, spot.modseq, _PAGE)
            if not any(row[2] for row in rows):
                return rows, set()
            tail = await index.tail(tx, account, spot, _PAGE)  # those that nobody could read are in it
            return rows, None if tail is None else set(tail)

        rows, tail = await _ask(engine, work)
        looked += len(rows)
        if tail is not None:
            found += [Lost(account, row[1]) for row in rows if row[2] and row[1] not in tail]
        if len(rows) < _PAGE:
            break
        at = (rows[-1][0], rows[-1][1])
    return looked, found[:MOST]


async def unfound(
    engine: Engine, emails: Sequence[tuple[int, int]], chance: random.Random
) -> tuple[int, list[Lost]]:
    """Of some Emails, with their accounts: how many the index was asked about, and those that it misses."""
    pick = functools.partial(_needles, chance=chance)
    needles: dict[int, list[q.Contains]] = {}
    for account in sorted({account for _, account in emails}):
        theirs = [email for email, owner in emails if owner == account]
        needles |= await look_into(engine, AccountId(account), theirs, pick)
    looked, found = 0, list[Lost]()
    for email, account in emails:
        ask = _Question(engine.text_index, AccountId(account), email, needles.get(email, ()))
        missed = await _ask(engine, ask.missed)
        if missed is not None:
            looked += 1
            found += [Lost(account, email, needle) for needle in missed[:1]]
    return looked, found


class _Question(NamedTuple):
    """Whether the index has some words of one Email."""

    text_index: TextIndex
    account: AccountId
    email: int
    nodes: Sequence[q.Contains]

    async def missed(self, tx: Transaction) -> list[str] | None:
        """Those that it misses; None where the Email is none of its business."""
        spot = await self.text_index.spot(tx, self.account)
        missed = []
        asked = False
        for node in self.nodes:
            known = await ask_index(tx, self.text_index, self.account, spot, node, _MANY)
            if known.tail is None or self.email in known.tail:
                return None
            if id(node) not in known.expressions:
                continue
            compiler = Compiler([self.email], known._replace(tail=(), few=True), placed=False)
            has = compiler.bound(node, upper=True)
            sql = f"SELECT CASE WHEN {has} THEN 1 ELSE 0 END FROM emails e WHERE e.id = ?1"  # noqa: S608
            row = await tx.row(sql, *compiler.args)
            if row is None:
                return None
            asked = True
            if not row[0]:
                missed.append(node.needle)
        return missed if asked else None


def _needles(message: SearchedMessage, chance: random.Random) -> list[q.Contains]:
    """Words, and words in a row, of a message. Pure but for chance."""
    found = []
    values = [value for name, value in message.fields() if value and name not in LEFT_OUT]
    some = chance.choice(values) if values else ""
    for field, text in ((q.Field.BODY, message.body()), (q.Field.TEXT, some)):
        words = text.split()
        for length in (1, 2):
            if len(words) >= length:
                at = chance.randrange(len(words) - length + 1)
                found.append(q.Contains(field, " ".join(words[at : at + length])[:_LONGEST].strip()))
    return found


async def _ask(engine: Engine, work: Callable[[Transaction], Awaitable[T]]) -> T:
    """Ask something on one snapshot of the mail and of the index."""

    def plan(_: BlobReader) -> Reading[T]:
        answer: T = yield work
        return answer

    return await engine.reading(plan)


async def _sampled(engine: Engine, account: int, count: int, chance: random.Random) -> list[tuple[int, int]]:
    """Some Emails with their accounts, from anywhere between the oldest and the newest."""
    of = (account,) if account else ()
    ends_sql, next_sql = (_ENDS_OF, _NEXT_OF) if account else (_ENDS, _NEXT)

    async def ends(tx: Transaction) -> Row | None:
        return await tx.row(ends_sql, *of)

    row = await engine.database.read(ends)
    if row is None or row[0] is None:
        return []
    numbers = [chance.randint(row[0], row[1]) for _ in range(count)]

    async def work(tx: Transaction) -> list[Row]:
        found = [await tx.row(next_sql, *of, number) for number in numbers]
        return [one for one in found if one is not None]

    return sorted({(email, owner) for email, owner in await engine.database.read(work)})


async def _accounts(engine: Engine) -> list[int]:
    async def work(tx: Transaction) -> list[Row]:
        return await tx.rows("SELECT id FROM accounts ORDER BY id")

    return [row[0] for row in await engine.database.read(work)]
