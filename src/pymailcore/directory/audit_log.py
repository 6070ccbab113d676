"""Reading the audit log: lists, the check of the chain, export, and letting go of what is old.

Contract: nothing here changes a record. `verify` and `export` read pages, each on a snapshot of its own,
while others write; what is written after they began may or may not be in what they give, and never breaks
it.
"""

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from pymailcore.base.errors import InvalidValue
from pymailcore.base.ids import TenantId
from pymailcore.directory import audit
from pymailcore.directory.actors import SYSTEM, Actor
from pymailcore.directory.audit import HEAD, PRUNED, ZERO, Entry, Fields, Place, Record, digest_of
from pymailcore.directory.changes import Change
from pymailcore.directory.ground import Ground
from pymailcore.directory.permissions import View
from pymailcore.store.types import Row, Transaction

FORMAT: Final = "pymailcore-audit-1"

REFUSED: Final = "refused"
"""The action of what somebody tried and must not do; its subject is the name of the operation."""

_PAGE: Final = 1_000
_MOST_LISTED: Final = 1_000
_DAY_MS: Final = 86_400_000
_COLUMNS: Final = "seq, moment_ms, tenant, actor, peer, action, subject, old, new, digest"
_WHOM: Final = "substr(audit.subject, 1, instr(audit.subject || ' / ', ' / ') - 1)"
"""The first part of a subject: behind it stands the name of something of him, such as an app password."""
_ABOUT: Final = (
    "audit.action NOT LIKE 'apikey.%' AND audit.action NOT LIKE 'tenant.%'"
    " AND audit.action NOT IN ('role.add', 'role.set', 'role.remove') AND substr(audit.subject, 1, 1) <> '\"'"
    f" AND ({_WHOM} IN (d.name, 'domain ' || d.name)"
    f" OR substr({_WHOM}, length({_WHOM}) - length(d.name)) = '@' || d.name)"
)
"""Which records are about a domain: those whose subject is it, or an address in it that needs no quotes."""
_LIST: Final = (
    f"SELECT {_COLUMNS} FROM audit WHERE seq < ?1 AND moment_ms >= ?2 AND moment_ms < ?3"  # noqa: S608 - constants
    " AND (?4 = 1 OR tenant IN (SELECT value FROM json_each(?5)) OR EXISTS (SELECT 1 FROM domains d"
    f" WHERE d.id IN (SELECT value FROM json_each(?10)) AND d.tenant = audit.tenant AND {_ABOUT}))"
    " AND (?6 = '' OR actor = ?6)"
    " AND (?7 = '' OR action = ?7 OR substr(action, 1, length(?7) + 1) = ?7 || '.')"
    " AND (?8 = '' OR subject = ?8) ORDER BY seq DESC LIMIT ?9"
)
_NEXT: Final = f"SELECT {_COLUMNS} FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2"  # noqa: S608 - constants
_TEXTS: Final = ("actor", "peer", "action", "subject", "old", "new")
_LARGEST: Final = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which records a list is of; what is empty or None is not looked at.

    Attributes:
        action: the name of an operation, or the first part: "account" is all of "account.add",
            "account.set" …
        since_ms, until_ms: from this moment, and before that one.
    """

    actor: str = ""
    action: str = ""
    subject: str = ""
    since_ms: int | None = None
    until_ms: int | None = None


class Verified(NamedTuple):
    """What a check of the chain found.

    Attributes:
        records: how many were looked at.
        head: the last one of the chain, as far as it holds.
        broken: number of the first record that is not as it was written, or is missing; None when all is
            well.
        fault: what is wrong with it, in words.
    """

    records: int
    head: Place
    broken: int | None = None
    fault: str = ""


class AuditLog:
    """The audit log of one installation, to be read."""

    def __init__(self, ground: Ground) -> None:
        self._database = ground.database
        self._changes = ground.changes
        self._settings = ground.settings
        self._now_ms = ground.now_ms

    async def listing(
        self, view: View, wanted: Filter, *, before: int | None = None, limit: int = 100
    ) -> list[Record]:
        """Records, the newest first; only those of tenants of the view, and those about its domains.

        Args:
            before: number of the last record of the page before.
        """

        async def work(tx: Transaction) -> list[Row]:
            return await tx.rows(
                _LIST, _LARGEST if before is None else before, wanted.since_ms or 0,
                _LARGEST if wanted.until_ms is None else wanted.until_ms, int(view.everything),
                json.dumps(sorted(view.tenants)), wanted.actor, wanted.action, wanted.subject,
                max(1, min(limit, _MOST_LISTED)), json.dumps(sorted(view.domains)),
            )  # fmt: skip

        return [audit.record_of(row) for row in await self._database.read(work)]

    async def head(self) -> Place:
        """The newest record: written down elsewhere, it proves later that all before it is as it was."""

        async def work(tx: Transaction) -> Place:
            return await audit.place(tx, HEAD)

        return await self._database.read(work)

    async def verify(self, *, known: Place | None = None) -> Verified:
        """Walk the chain from its oldest record to its newest.

        Args:
            known: a place that was written down elsewhere; the chain has to go through it.
        """
        at, count, met = Place(0, ZERO), 0, known is None
        while True:
            page = await self._page(at)
            if at.seq < page.pruned.seq:
                at = page.pruned
            met = met or at == known
            for record in page.records:
                fault = _fault(at, record)
                if fault:
                    return Verified(count, at, at.seq + 1, fault)
                at, count = Place(record.seq, record.digest), count + 1
                met = met or at == known
            if not page.records:
                break
        if at != page.head:
            fault = f"the log goes to record {page.head.seq}; its end was cut off"
            return Verified(count, at, at.seq + 1, fault)
        if not met and known is not None:
            return Verified(count, at, known.seq, "this record has another digest than was written down")
        return Verified(count, at)

    async def export_page(
        self, *, tenant: TenantId | None = None, after: int | None = None
    ) -> tuple[list[str], int | None]:
        """The log as lines of JSON, the oldest record first, which `verify_export` checks without a server.

        Args:
            tenant: only its records: each can be checked by itself, but not that none is missing.
            after: what the page before gave; None for the first one.

        Returns:
            Some lines, and what to give for the next page; None when there is no more.
        """
        lines, at = [], await self._place_of(after or 0)
        page = await self._page(at)
        if at.seq < page.pruned.seq:
            at = page.pruned
        if after is None:
            begin = {"format": FORMAT, "whole": tenant is None, "after": at.seq, "digest": at.digest.hex()}
            lines.append(json.dumps(begin))
        for record in page.records:
            if tenant is None or record.tenant == tenant:
                lines.append(json.dumps(as_line(at.digest, record), ensure_ascii=False))
            at = Place(record.seq, record.digest)
        return lines, at.seq if page.records else None

    async def refused(self, actor: Actor, operation: str) -> None:
        """Record that somebody tried what he must not do."""
        await self.note(actor, REFUSED, operation, tenant=actor.tenant)

    async def note(
        self,
        actor: Actor,
        action: str,
        subject: str,
        *,
        tenant: TenantId | None,
        new: Fields | None = None,
    ) -> None:
        """Record something that changes nothing here."""

        async def work(_tx: Transaction, change: Change) -> None:
            change.record(action, subject, tenant=tenant, new=new)

        await self._changes.run(actor, work)

    def beside(
        self,
        actor: Actor,
        action: str,
        subject: str,
        *,
        tenant: TenantId | None,
        new: Fields | None = None,
    ) -> Callable[[Transaction], Awaitable[None]]:
        """What writes a record in the transaction of a change that is made outside of the directory.

        It asks first whether the actor still may (`Actor.confirm`), and raises what refuses him.
        """
        now_ms = self._now_ms()

        async def write(tx: Transaction) -> None:
            await tx.lock("directory")
            acting = actor if actor.confirm is None else await actor.confirm(tx, now_ms)
            await audit.append(tx, acting, [Entry(action, subject, tenant, new=new)], now_ms)

        return write

    async def prune(self) -> int:
        """Let go what is older than the settings say, and keep the digest of the last one; gives how many."""
        if self._settings.audit_log_days <= 0:
            return 0
        limit_ms = self._now_ms() - int(self._settings.audit_log_days * _DAY_MS)
        count = 0
        while slice_ := await self._changes.run(SYSTEM, lambda tx, change: _prune(tx, change, limit_ms)):
            count += slice_
        return count

    async def _place_of(self, seq: int) -> Place:
        async def work(tx: Transaction) -> Place:
            row = await tx.row("SELECT digest FROM audit WHERE seq = ?1", seq)
            return Place(0, ZERO) if row is None else Place(seq, bytes(row[0]))

        return await self._database.read(work)

    async def _page(self, at: Place) -> "_Page":
        async def work(tx: Transaction) -> _Page:
            rows = await tx.rows(_NEXT, at.seq, _PAGE)
            records = [audit.record_of(row) for row in rows]
            return _Page(records, await audit.place(tx, HEAD), await audit.place(tx, PRUNED))

        return await self._database.read(work)


class _Page(NamedTuple):
    records: list[Record]
    head: Place
    pruned: Place


def _fault(at: Place, record: Record) -> str:
    """What is wrong with the record behind a place."""
    if record.seq != at.seq + 1:
        return f"record {at.seq + 1} is missing"
    if not hmac.compare_digest(record.digest, digest_of(at.digest, record)):
        return f"record {record.seq} is not as it was written"
    return ""


async def _prune(tx: Transaction, change: Change, limit_ms: int) -> int:
    """Let go some of the oldest records, never the newest."""
    head = await audit.place(tx, HEAD)
    rows = await tx.rows(_NEXT, 0, _PAGE)
    old: list[Record] = []
    for row in rows:
        record = audit.record_of(row)
        if record.moment_ms >= limit_ms or record.seq == head.seq:
            break
        old.append(record)
    if not old:
        return 0
    last = old[-1]
    await tx.run("DELETE FROM audit WHERE seq <= ?1", last.seq)
    await audit.keep(tx, PRUNED, Place(last.seq, last.digest))
    gone = {"first": old[0].seq, "last": last.seq, "digest": last.digest.hex()}
    change.record("audit.prune", "audit log", tenant=None, old=gone)
    return len(old)


def as_line(previous: bytes, record: Record) -> dict[str, object]:
    """A record as an object of an export; `previous` is the digest before it."""
    fields = record._asdict()
    fields["previous"] = previous.hex()
    fields["digest"] = record.digest.hex()
    return fields


def verify_export(lines: Iterable[str]) -> Verified:
    """Check exported lines; needs nothing but them.

    Raises:
        InvalidValue: that is no export of an audit log.
    """
    reader = iter(lines)
    begin = _object(next(reader, ""))
    if begin.get("format") != FORMAT:
        raise InvalidValue("this is no exported audit log")
    at, count = Place(_number(begin, "after"), _octets(begin, "digest")), 0
    for line in reader:
        fields = _object(line)
        actor, peer, action, subject, old, new = [str(fields.get(name, "")) for name in _TEXTS]
        record = Record(
            _number(fields, "seq"),
            _number(fields, "moment_ms"),
            _number(fields, "tenant"),
            actor,
            peer,
            action,
            subject,
            old,
            new,
            _octets(fields, "digest"),
        )
        if record.seq <= at.seq:
            return Verified(count, at, record.seq, f"record {record.seq} is out of order")
        linked = begin.get("whole") or record.seq == at.seq + 1
        before = at if linked else Place(record.seq - 1, _octets(fields, "previous"))
        fault = _fault(before, record)
        if fault:
            return Verified(count, at, before.seq + 1, fault)
        at, count = Place(record.seq, record.digest), count + 1
    return Verified(count, at)


def _object(line: str) -> dict[str, object]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InvalidValue("this is no exported audit log")
    return found


def _number(fields: dict[str, object], name: str) -> int:
    value = fields.get(name)
    if not isinstance(value, int):
        raise InvalidValue(f"a line of the export has no {name}")
    return value


def _octets(fields: dict[str, object], name: str) -> bytes:
    try:
        octets = bytes.fromhex(str(fields.get(name)))
    except ValueError:
        octets = b""
    if len(octets) != hashlib.sha256().digest_size:
        raise InvalidValue(f"a line of the export has no {name}")
    return octets
