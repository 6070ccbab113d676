"""The audit log."""

from typing import Annotated

import msgspec

from pymailcore.admin import finders
from pymailcore.admin.operation import Arguments, Call, Found, Operation, Record, moment, read_moment
from pymailcore.base.errors import InvalidValue
from pymailcore.directory.audit import Place
from pymailcore.directory.audit import Record as Line
from pymailcore.directory.audit_log import Filter
from pymailcore.directory.permissions import Permission, View
from pymailcore.store.types import Transaction


class Some(Arguments):
    """Which records, the newest first; `before`: the number of the last one of the page before."""

    tenant: str | None = None
    domain: str | None = None
    actor: str = ""
    action: str = ""
    subject: str = ""
    since: str | None = None
    until: str | None = None
    before: int | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 100


class Known(Arguments):
    """A record that was written down elsewhere: its number, and its digest in hexadecimal."""

    seq: int | None = None
    digest: str | None = None


class Export(Arguments):
    """Lines of an export; `after`: what stood as "next" before."""

    tenant: str | None = None
    after: int | None = None


async def _list(call: Call, given: Some) -> Record:
    wanted = Filter(
        actor=given.actor,
        action=given.action,
        subject=given.subject,
        since_ms=read_moment(given.since),
        until_ms=read_moment(given.until),
    )
    found = await call.directory.audit.listing(_view(call), wanted, before=given.before, limit=given.limit)
    more = found[-1].seq if len(found) >= given.limit else None
    return {"items": [_record(line) for line in found], "next": more}


def _view(call: Call) -> View:
    """What is shown: all that one may see, or what is named of it; of a tenant and a domain the domain."""
    if not call.subjects:
        return call.view
    named = call.subjects[-1]
    if named.domain is not None:
        return View(False, frozenset(), frozenset({named.domain}))
    return View(False, frozenset({named.tenant or 0}), frozenset())


async def _head(call: Call, _given: Arguments) -> Record:
    head = await call.directory.audit.head()
    return {"seq": head.seq, "digest": head.digest.hex()}


async def _verify(call: Call, given: Known) -> Record:
    verified = await call.directory.audit.verify(known=_place(given))
    return {
        "records": verified.records,
        "seq": verified.head.seq,
        "digest": verified.head.digest.hex(),
        "broken": verified.broken,
        "fault": verified.fault,
    }


async def _export(call: Call, given: Export) -> Record:
    lines, more = await call.directory.audit.export_page(tenant=call.tenant, after=given.after)
    return {"lines": lines, "next": more}


def _place(given: Known) -> Place | None:
    if given.seq is None and given.digest is None:
        return None
    try:
        digest = bytes.fromhex(given.digest or "")
    except ValueError:
        digest = b""
    if given.seq is None or len(digest) != 32:
        raise InvalidValue("a record is known by its number and its digest of 64 hexadecimal digits")
    return Place(given.seq, digest)


async def _named_tenant(tx: Transaction, given: Some) -> Found | None:
    return None if given.tenant is None else await finders.tenant_named(tx, given.tenant)


async def _named_domain(tx: Transaction, given: Some) -> Found | None:
    return await finders.maybe_domain(tx, given.domain)


def _record(line: Line) -> Record:
    return {
        "seq": line.seq,
        "moment": moment(line.moment_ms),
        "actor": line.actor,
        "peer": line.peer,
        "action": line.action,
        "subject": line.subject,
        "old": msgspec.json.decode(line.old) if line.old else None,
        "new": msgspec.json.decode(line.new) if line.new else None,
        "digest": line.digest.hex(),
    }


OPERATIONS = (
    Operation(name="audit.list", permission=Permission.AUDIT_READ, arguments=Some, run=_list,
              filters=(_named_tenant, _named_domain)),
    Operation(name="audit.head", permission=Permission.AUDIT_READ, arguments=Arguments, run=_head,
              finders=(finders.installation,)),
    Operation(name="audit.verify", permission=Permission.AUDIT_READ, arguments=Known, run=_verify,
              finders=(finders.installation,)),
    Operation(name="audit.export", permission=Permission.AUDIT_READ, arguments=Export, run=_export,
              finders=(finders.maybe_tenant,)),
)  # fmt: skip
"""All of this module."""
