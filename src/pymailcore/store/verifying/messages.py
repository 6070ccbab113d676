"""Reads every message: it must come out as it went in, and what was prepared from it must be what it says.

Standards: RFC 9051 section 7.5.2 (ENVELOPE, BODYSTRUCTURE), RFC 8621 section 4.1.
"""

# ruff: noqa: S608 - statements are put together from constants of this module; values are always bound

import contextlib
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
import orjson

from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import TenantId
from pymailcore.message import facts as message_facts
from pymailcore.message.prepare import Prepared, prepare
from pymailcore.message.split import join
from pymailcore.store.blobs import address_of
from pymailcore.store.columns import DamagedColumn, unpack_column
from pymailcore.store.engine import Engine
from pymailcore.store.folding import HEADER_COLUMNS, header_values
from pymailcore.store.packs import DamagedBlob, Location
from pymailcore.store.places import BlobReader
from pymailcore.store.reading import Address, locate_all
from pymailcore.store.recipes import Recipe, unpack_recipe
from pymailcore.store.types import Reading, Row, Transaction
from pymailcore.store.verifying.faults import DAMAGED, Fault, Report
from pymailcore.store.verifying.sweep import Progress, slices

_HEADERS: Final = ", ".join(f"h.{column}" for column in HEADER_COLUMNS)
_ROWS: Final = (
    "SELECT e.id, e.account, a.tenant, {extra}, e.size_octets, e.sent_ms, e.sent_local_ms, e.has_attachment,"
    f" d.envelope, d.bodystructure, d.parts, d.facts, d.recipe, {_HEADERS}"
    " FROM {table} e JOIN email_data d ON d.email = e.id JOIN accounts a ON a.id = e.account"
    " LEFT JOIN email_headers h ON h.email = e.id WHERE "
)
ROWS: Final = {
    table: _ROWS.format(table=table, extra="e.extra" if table == "emails" else "''")
    for table in ("emails", "kept_emails")
}
_KEY: Final = "SELECT value FROM secrets WHERE name = ?1"
_SLICE: Final = 200
_STEP_OCTETS: Final = 16 * 1024 * 1024
_STEP_MESSAGES: Final = 50


class Message(NamedTuple):
    """A message's rows."""

    id: int
    account: int
    tenant: TenantId
    extra: str
    numbers: tuple[object, ...]  # size_octets, sent_ms, sent_local_ms, has_attachment
    forms: tuple[bytes, ...]  # envelope, bodystructure, parts, facts
    recipe: bytes
    headers: tuple[object, ...]


def message_of(row: Row) -> Message:
    """Make a value of a row of `ROWS`."""
    forms = tuple([_form(bytes(kept)) for kept in row[8:12]])
    return Message(row[0], row[1], row[2], row[3], tuple(row[4:8]), forms, bytes(row[12]), tuple(row[13:]))


def _form(kept: bytes) -> bytes:
    """A column; nothing where it does not come out, which no message has."""
    try:
        return unpack_column(kept)
    except DamagedColumn:
        return b""


class Lost(Exception):
    """A message cannot be rebuilt; the text says why."""


class Differs(Exception):
    """A message comes out, but not as it went in."""


class Sources(NamedTuple):
    """What rebuilds some messages: where their blobs lie, and the keys of their tenants."""

    locations: Mapping[Address, Location]
    keys: Mapping[int, bytes]


def rebuild(blobs: BlobReader, message: Message, sources: Sources) -> bytes:
    """Give the octets of a message.

    Raises:
        Lost, Differs: as their names say.
    """
    recipe = recipe_of(message)
    octets = []
    for key in recipe.keys:
        location = sources.locations.get((message.tenant, key))
        if location is None:
            raise Lost("a blob of it is gone")
        try:
            octets.append(blobs.read(message.tenant, key, location))
        except DamagedBlob as damage:
            raise Lost(f"a blob of it is damaged: {damage}") from damage
    try:
        skeleton, leaves = recipe.pieces(octets)
        whole = join(recipe.join, skeleton, leaves)
    except (ValueError, IndexError, msgspec.MsgspecError, StopIteration) as error:
        raise Lost(f"its recipe does not fit its blobs: {error}") from error
    tenant_key = sources.keys.get(message.tenant)
    if tenant_key is None or address_of(tenant_key, whole) != recipe.digest:
        raise Differs
    return whole


def recipe_of(message: Message) -> Recipe:
    """The recipe of a message.

    Raises:
        Lost: it cannot be read.
    """
    try:
        return unpack_recipe(message.recipe)
    except (msgspec.MsgspecError, ValueError) as error:
        raise Lost(f"its recipe cannot be read: {error}") from error


async def read_rows(tx: Transaction, table: str, ids: Sequence[int]) -> tuple[list[Message], Sources]:
    """Some messages' rows, and where their blobs lie; those that are not there are left out."""
    listed = orjson.dumps(list(ids)).decode()
    rows = await tx.rows(f"{ROWS[table]}e.id IN (SELECT value FROM json_each(?1)) ORDER BY e.id", listed)
    messages = [message_of(row) for row in rows]
    addresses: dict[Address, None] = {}
    for message in messages:
        with contextlib.suppress(Lost):
            addresses.update(dict.fromkeys((message.tenant, key) for key in recipe_of(message).keys))
    keys = {}
    for tenant in {message.tenant for message in messages}:
        row = await tx.row(_KEY, f"tenant:{tenant}")
        if row is not None:
            keys[int(tenant)] = bytes(row[0])
    locations = await locate_all(tx, list(addresses)) if addresses else {}
    return messages, Sources(locations, keys)


def differences(message: Message, prepared: Prepared) -> list[str]:
    """What was prepared from a message and would be another thing today."""
    header = header_values(message_facts.unpack(prepared.facts), prepared.envelope)
    fresh = {
        "numbers": (
            prepared.size_octets,
            prepared.sent_ms,
            header.sent_local_ms,
            int(prepared.has_attachment),
        ),
        "ENVELOPE": prepared.envelope,
        "BODYSTRUCTURE": prepared.bodystructure,
        "part tree": prepared.parts,
        "facts": prepared.facts,
        "header text": header.columns,
    }
    there = {
        "numbers": message.numbers,
        **dict(zip(("ENVELOPE", "BODYSTRUCTURE", "part tree", "facts"), message.forms, strict=True)),
        "header text": message.headers,
    }
    return [what for what, value in fresh.items() if there[what] != value]


class MessageSweep:
    """Looks at all messages, or those of one account; also at expunged ones that are kept."""

    def __init__(self, engine: Engine, report: Report, progress: Progress, *, account: int = 0) -> None:
        self._engine = engine
        self._report = report
        self._progress = progress
        self._account = account

    async def run(self) -> None:
        """Do it all."""
        for table, what in (("emails", "messages"), ("kept_emails", "kept messages")):
            self._progress.begin(what)

            async def some(tx: Transaction, first: int, last: int, table: str = table) -> list[Row]:
                return await tx.rows(
                    f"SELECT id, size_octets FROM {table} WHERE id > ?1 AND id <= ?2"
                    " AND (+account = ?3 OR ?3 = 0) ORDER BY id",
                    first,
                    last,
                    self._account,
                )

            database = self._engine.database
            async for slice_ in slices(
                database, table, "id", some, self._progress, size=_SLICE, largest=1_000
            ):
                for ids in _steps(slice_.result):
                    await self._look(table, ids)

    async def _look(self, table: str, ids: list[int]) -> None:
        for fault in await look_at_messages(self._engine, table, ids, self._report):
            again = await look_at_messages(self._engine, table, [fault.subject], None)
            for one in again:
                if one.kind == KNOWN:
                    self._report.add_lost(one._replace(kind="message-lost"))
                else:
                    self._report.add(one)


KNOWN: Final = "known"


def _steps(rows: list[Row]) -> list[list[int]]:
    """Ids of messages in steps that are not too long."""
    out: list[list[int]] = []
    octets = _STEP_OCTETS
    for id_, size in rows:
        if octets >= _STEP_OCTETS or len(out[-1]) >= _STEP_MESSAGES:
            out.append([])
            octets = 0
        out[-1].append(id_)
        octets += size
    return out


async def look_at_messages(engine: Engine, table: str, ids: list[int], report: Report | None) -> list[Fault]:
    """Rebuild and parse some messages; gives what is wrong with them."""

    def plan(blobs: BlobReader) -> Reading[list[Fault]]:
        messages, sources = yield lambda tx: read_rows(tx, table, ids)
        found = [_look(blobs, message, sources, kept=table == "kept_emails") for message in messages]
        return [fault for fault in found if fault is not None]

    try:
        faults = await engine.reading(plan)
    except TemporaryFailure as failure:
        if report is not None:
            report.notes.append(f"{len(ids)} messages from {ids[0]} on could not be read: {failure}")
        return []
    if report is not None:
        report.saw("messages", len(ids))
    return faults


def _look(blobs: BlobReader, message: Message, sources: Sources, *, kept: bool) -> Fault | None:
    marked = DAMAGED in message.extra.split()

    def fault(kind: str, detail: str = "") -> Fault:
        return Fault("kept-lost" if kept else kind, message.account, message.id, detail)

    try:
        octets = rebuild(blobs, message, sources)
    except Lost as lost:
        return fault(KNOWN if marked else "message-lost", str(lost))
    except Differs:
        return fault(KNOWN if marked else "message-digest", "its octets have another digest")
    if marked and not kept:
        return fault("message-recovered")
    try:
        prepared = prepare(octets)
    except Exception as error:
        return Fault("message-prepared", message.account, message.id, f"it cannot be parsed: {error!r}")
    found = differences(message, prepared)
    if found:
        return Fault("message-prepared", message.account, message.id, f"differs in {', '.join(found)}")
    return None
