"""The audit log: who changed what, from where, before and after, in a chain that shows tampering.

Theory. Each record's digest is SHA-256 over the digest before it and the record's own fields, each with its
length in front (`digest_of`). So a record that was changed, taken out, put in or moved breaks the chain
there. How far the chain goes (number and digest of the newest record) is kept apart, in `secrets`, and
moves in the same transaction, so that a cut tail shows, too. Old records may go: then number and digest of
the last one that went are kept, and the chain begins with them. Who can write to the database can make all
of it anew; therefore the digest of every record is also in the server's log, and `verify` takes one that
was written down elsewhere.
"""

import hashlib
import json
import struct
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from pymailcore.base.ids import TenantId
from pymailcore.directory.actors import Actor
from pymailcore.store.types import Row, Transaction

NO_TENANT: Final = TenantId(0)
"""What records of the installation itself have for a tenant."""

ZERO: Final = bytes(32)
"""The digest before the first record."""

HEAD: Final = "audit head"
PRUNED: Final = "audit pruned"

Fields = Mapping[str, object]
"""What a thing was or became: names and plain values (text, numbers, truth values, lists of these, None)."""

_DOMAIN: Final = b"pymailcore audit 1\0"
_PLACE: Final = struct.Struct("!q32s")
_MOST_TEXT_OCTETS: Final = 32 * 1024
_SECRET_NAMES: Final = frozenset({"password", "secret", "token", "verifier", "key", "code", "codes", "seed"})
_COLUMNS: Final = "seq, moment_ms, tenant, actor, peer, action, subject, old, new, digest"


class Place(NamedTuple):
    """A place in the chain: the number of a record and its digest; (0, 32 zero octets) before the first."""

    seq: int
    digest: bytes


class Record(NamedTuple):
    """One line of the log.

    Attributes:
        old, new: JSON objects as text; empty for none.
    """

    seq: int
    moment_ms: int
    tenant: int
    actor: str
    peer: str
    action: str
    subject: str
    old: str
    new: str
    digest: bytes


class Entry(NamedTuple):
    """What is to be recorded.

    Attributes:
        tenant: to which the subject belongs; None: the installation.
        action: such as "account.set".
        subject: what was acted on, as text: "anna@example.org".
    """

    action: str
    subject: str
    tenant: TenantId | None
    old: Fields | None = None
    new: Fields | None = None


def digest_of(previous: bytes, record: Record) -> bytes:
    """The digest of a record, whose own is not looked at, behind the one before it."""
    digest = hashlib.sha256(_DOMAIN + previous)
    for field in record[:-1]:
        octets = str(field).encode()
        digest.update(len(octets).to_bytes(4, "big") + octets)
    return digest.digest()


async def place(tx: Transaction, name: str) -> Place:
    """A place that is kept: `HEAD` or `PRUNED`."""
    row = await tx.row("SELECT value FROM secrets WHERE name = ?1", name)
    return Place(0, ZERO) if row is None else Place(*_PLACE.unpack(bytes(row[0])))


async def keep(tx: Transaction, name: str, at: Place) -> None:
    """Keep a place."""
    await tx.run(
        "INSERT INTO secrets (name, value) VALUES (?1, ?2)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        name,
        _PLACE.pack(*at),
    )


async def append(tx: Transaction, actor: Actor, entries: Sequence[Entry], now_ms: int) -> list[Record]:
    """Add records; the caller holds the lock "directory", so that records come one behind the other."""
    if not entries:
        return []
    head, records = await place(tx, HEAD), list[Record]()
    for entry in entries:
        record = Record(
            head.seq + 1,
            now_ms,
            NO_TENANT if entry.tenant is None else entry.tenant,
            _line(actor.name),
            _line(actor.peer),
            entry.action,
            _line(entry.subject),
            as_text(entry.old),
            as_text(entry.new),
            b"",
        )
        records.append(record._replace(digest=digest_of(head.digest, record)))
        head = Place(records[-1].seq, records[-1].digest)
    await tx.run_many(
        f"INSERT INTO audit ({_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",  # noqa: S608 - constants
        [tuple(record) for record in records],
    )
    await keep(tx, HEAD, head)
    return records


def as_text(fields: Fields | None) -> str:
    """Write fields as JSON, names in order; what is very long leaves its length and digest.

    Raises:
        ValueError: a field with the name of a secret has a value. True says that it was set.
    """
    if fields is None:
        return ""
    for name, value in fields.items():
        if name in _SECRET_NAMES and not (value is None or isinstance(value, bool)):
            raise ValueError(f"{name} does not belong into the audit log")
    text = json.dumps(dict(fields), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    octets = text.encode("utf-8", "surrogatepass")
    if len(octets) <= _MOST_TEXT_OCTETS:
        return json.dumps(dict(fields), ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return json.dumps({"octets": len(octets), "sha256": hashlib.sha256(octets).hexdigest()})


def _line(text: str) -> str:
    """One line without control characters."""
    return "".join(character if character.isprintable() else "�" for character in text)[:512]


def record_of(row: Row) -> Record:
    """A record as a row has it."""
    seq, moment_ms, tenant, actor, peer, action, subject, old, new, digest = row
    return Record(seq, moment_ms, tenant, actor, peer, action, subject, old, new, bytes(digest))
