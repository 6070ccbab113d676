"""Repairs of messages: what was prepared from them is made again, and what is lost is marked.

An Email whose octets are lost stays where it is, with its envelope, its flags and its UID, so that people
see what is missing and clients are not told that it was deleted. It gets the keyword `$damaged`. Reading its
octets fails as long as they are not back: from a backup, or because the lost part arrives once more.
"""

import functools
from typing import Final

import msgspec

from pymailcore.base.ids import AccountId
from pymailcore.message import facts as message_facts
from pymailcore.message.encode import encode_header
from pymailcore.message.prepare import Prepared, prepare
from pymailcore.store.columns import DamagedColumn, pack_columns, unpack_column
from pymailcore.store.engine import Engine
from pymailcore.store.folding import HeaderValues, header_values
from pymailcore.store.keywords import keywords_of
from pymailcore.store.ops.append import INSERT_HEADERS
from pymailcore.store.ops.revision import Revision
from pymailcore.store.places import BlobReader
from pymailcore.store.recipes import Recipe, pack_recipe
from pymailcore.store.types import Reading, Transaction
from pymailcore.store.verifying.faults import DAMAGED
from pymailcore.store.verifying.messages import ROWS, Differs, Lost, read_rows, rebuild
from pymailcore.store.verifying.repair_rows import tick

_MARK: Final = keywords_of((DAMAGED,))
_NOWHERE: Final = bytes(32)  # an address that no octets have
_LOST: Final = b"(The octets of this message are lost.)\r\n"


async def prepare_again(engine: Engine, account: int, email: int) -> bool:
    """Make the prepared forms of an Email anew from its octets; False when they cannot be had."""

    def plan(blobs: BlobReader) -> Reading[bytes | None]:
        for table in ROWS:
            messages, sources = yield functools.partial(read_rows, table=table, ids=[email])
            for message in messages:
                try:
                    return rebuild(blobs, message, sources)
                except (Lost, Differs):
                    return None
        return None

    octets = await engine.reading(plan)
    if octets is None:
        return False
    prepared = prepare(octets)
    header = header_values(message_facts.unpack(prepared.facts), prepared.envelope)
    await engine.database.write(lambda tx: _store(tx, account, email, prepared, header))
    return True


async def _store(tx: Transaction, account: int, email: int, prepared: Prepared, header: HeaderValues) -> None:
    await tx.run(
        "UPDATE kept_emails SET size_octets = ?2, sent_ms = ?3, sent_local_ms = ?4, has_attachment = ?5"
        " WHERE id = ?1",
        email,
        prepared.size_octets,
        prepared.sent_ms,
        header.sent_local_ms,
        int(prepared.has_attachment),
    )
    modseq = await tick(tx, account)
    await tx.run(
        "UPDATE emails SET size_octets = ?2, sent_ms = ?3, sent_local_ms = ?4, has_attachment = ?5,"
        " changed_modseq = ?6 WHERE id = ?1",
        email,
        prepared.size_octets,
        prepared.sent_ms,
        header.sent_local_ms,
        int(prepared.has_attachment),
        modseq,
    )
    await tx.run(
        "UPDATE email_data SET envelope = ?2, bodystructure = ?3, parts = ?4, facts = ?5 WHERE email = ?1",
        email,
        *pack_columns(prepared),
    )
    await _store_header(tx, email, header)


async def _store_header(tx: Transaction, email: int, header: HeaderValues) -> None:
    await tx.run("DELETE FROM email_headers WHERE email = ?1", email)
    await tx.run(
        INSERT_HEADERS,
        email,
        *header.columns,
    )


async def stand_in(engine: Engine, account: int, email: int) -> None:
    """Give an Email that lost its data some that says so, so that it can be listed; its octets are lost."""

    async def subject_of(tx: Transaction) -> str:
        row = await tx.row("SELECT subject_text FROM email_headers WHERE email = ?1", email)
        return "" if row is None else str(row[0])

    subject = await engine.database.read(subject_of)
    header = encode_header("Subject", " ".join(subject.split())[:200] or "(lost)")
    prepared = prepare(header + b"\r\n" + _LOST)
    values = header_values(message_facts.unpack(prepared.facts), prepared.envelope)
    recipe = pack_recipe(Recipe(_NOWHERE, prepared.recipe, (_NOWHERE,)))

    async def work(tx: Transaction) -> None:
        await tick(tx, account)
        await tx.run(
            "INSERT INTO email_data (email, envelope, bodystructure, parts, facts, recipe)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (email) DO NOTHING",
            email,
            *pack_columns(prepared),
            recipe,
        )
        if await tx.row("SELECT 1 FROM email_headers WHERE email = ?1", email) is None:
            await _store_header(tx, email, values)

    await engine.database.write(work)


async def stand_in_headers(engine: Engine, email: int) -> None:
    """Give an Email whose octets are lost header text from its facts, so that it can be listed."""

    async def work(tx: Transaction) -> None:
        row = await tx.row("SELECT facts, envelope FROM email_data WHERE email = ?1", email)
        if row is None:
            return
        try:
            facts = message_facts.unpack(unpack_column(bytes(row[0])))
        except (msgspec.MsgspecError, ValueError, DamagedColumn):
            return
        await _store_header(tx, email, header_values(facts, bytes(row[1])))

    await engine.database.write(work)


async def mark(engine: Engine, account: int, email: int, *, damaged: bool) -> None:
    """Set or clear the keyword that says that octets are lost; clients learn of it as of any flag."""
    now_ms = engine.now_ms()

    async def work(tx: Transaction) -> None:
        revision = await Revision.begin(tx, AccountId(account), now_ms)
        await revision.load([email])
        message = revision.messages.get(email)
        if message is not None:
            keywords = message.keywords
            revision.set_keywords(message, keywords | _MARK if damaged else keywords.without(_MARK))
            await revision.finish()

    await engine.database.write(work)
