"""What the owner of an account may ask for: a copy of everything, and that it is erased.

Standards: Regulation (EU) 2016/679, articles 15 and 20 (access, portability) and 17 (erasure).

The mail itself is written by `admin.transfer.exporter`, after "account.export" has allowed it.
"""

from typing import Final

from pymailcore.admin import dossier, finders
from pymailcore.admin.operation import Call, Operation, Record, read_address
from pymailcore.admin.operations import accounts
from pymailcore.admin.operations.accounts import Named, record_of
from pymailcore.directory.permissions import Permission
from pymailcore.store.types import Transaction

_STAYS: Final = (
    "records of the audit log about the account: nothing is taken out of it before its time is over",
    "copies that others have of mail to and from the account",
    "mail of it that was being relayed when it was erased",
    "the mail in backups, until these are pruned; and lines of the server's own log",
    "blobs that nothing refers to any more, until the next housekeeping removes them",
)


async def _export(call: Call, given: Named) -> Record:
    account = await call.directory.accounts.get(read_address(given.account))

    async def work(tx: Transaction) -> Record:
        rows = await dossier.rows_of(tx, account.id)
        return {**rows, "audit": await dossier.audit_of(tx, account)}

    found = await call.directory.read(work)
    limits = await call.directory.limits.show("account", account.name)
    await call.directory.audit.note(call.actor, "account.export", account.display, tenant=account.tenant)
    used = [{"limit": one.name, "value": one.value, "used": one.used} for one in limits]
    return {"account": record_of(account), **found, "limits": used}


async def _erase(call: Call, given: Named) -> Record:
    account = await call.directory.accounts.get(read_address(given.account))
    before = await call.directory.read(lambda tx: dossier.counts_of(tx, account.id))
    await call.directory.audit.note(call.actor, "account.erase", account.display, tenant=account.tenant)
    dropped = await accounts.remove(call, read_address(given.account))
    after = await call.directory.read(lambda tx: dossier.counts_of(tx, account.id))
    logged = await call.directory.read(lambda tx: dossier.audit_of(tx, account))
    tables: list[Record] = [
        {"table": name, "removed": count - after[name], "left": after[name]}
        for name, count in before.items()
        if count or after[name]
    ]
    return {
        "account": account.display,
        "tables": tables,
        "messages": before["emails"] + before["kept_emails"],
        "queue_dropped": dropped,
        "blobs_released": before["blob_refs"] - after["blob_refs"],
        "audit_records": len(logged),
        "stays": list(_STAYS),
    }


OPERATIONS = (
    Operation(name="account.export", permission=Permission.ACCOUNT_EXPORT, own=Permission.OWN_EXPORT,
              arguments=Named, run=_export, finders=(finders.account,), guarded=True),
    Operation(name="account.erase", permission=Permission.ACCOUNT_ERASE, arguments=Named, run=_erase,
              finders=(finders.account,), guarded=True),
)  # fmt: skip
"""All of this module."""
