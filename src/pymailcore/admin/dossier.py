"""All that is kept of one account: every table that has rows of it, for its export and for its erasure.

Contract: a table with an `account` column is named here, or a test fails; so nothing is forgotten. What lets
somebody sign in (verifiers, keys, digests) is counted and never given out.
"""

import base64
from typing import Final, NamedTuple

from pymailcore.admin.operation import Record, moment
from pymailcore.base.ids import AccountId
from pymailcore.directory.audit import record_of
from pymailcore.directory.sql import prefix_end
from pymailcore.directory.types import Account
from pymailcore.store.types import Row, Transaction


class Table(NamedTuple):
    """Rows of an account in one table.

    Attributes:
        columns: what is exported; nothing where the mail itself has it, or where it is secret.
        mine: which rows; ?1 is the account's id.
    """

    name: str
    columns: str = ""
    mine: str = "account = ?1"


TABLES: Final = (
    Table("addresses", "display, kind, created_ms", "target_account = ?1"),
    Table("identities", "name, email, text_signature, html_signature"),
    Table("forwards", "target, keep_copy, created_ms"),
    Table("send_rights", "address, kind, created_ms"),
    Table("group_members", "(SELECT g.display FROM groups g WHERE g.id = group_id) AS in_group, created_ms"),
    Table("role_grants", "role, scope, created_ms"),
    Table("limits", "name, value", "scope = 'account' AND scope_id = ?1"),
    Table("sent", "window_ms, begun_ms, messages, recipients, first_recipients",
          "scope = 'account' AND scope_id = ?1"),
    Table("correspondents"),
    Table("sending_blocks", "blocked_by, since_ms, why"),
    Table("queue_messages", "reverse_path, size_octets, created_ms"),
    Table("mailboxes", "path, role, subscribed, messages, size_octets"),
    Table("rights", "identifier, rights",
          "account = ?1 OR mailbox IN (SELECT id FROM mailboxes WHERE account = ?1)"),
    Table("annotations", "entry, value"),
    Table("submissions", "envelope, send_at_ms, undo_status"),
    Table("credentials", "kind, created_ms"),
    Table("scram_keys"),
    Table("app_passwords", "name, protocols, networks, read_only, created_ms, expires_ms, last_used_ms,"
          " last_peer"),
    Table("api_keys", "name, role, scope, networks, created_ms, expires_ms, last_used_ms, last_peer"),
    Table("oauth_tokens", "client, scopes, created_ms, expires_ms"),
    Table("client_certificates", "name, created_ms, expires_ms, last_used_ms"),
    Table("second_factors", "kind, name, confirmed, created_ms, last_used_ms"),
    Table("sessions", "mechanism, peer, user_agent, created_ms, last_used_ms, expires_ms"),
    Table("sign_ins", "protocol, mechanism, peer, first_ms, last_ms, count"),
    Table("presences", "protocol, mechanism, peer, client, since_ms"),
    Table("emails"),
    Table("kept_emails", "size_octets, received_ms, gone_ms"),
    Table("kept_mailboxes", "path, gone_ms"),
    Table("uploads", "size_octets, created_ms, expires_ms"),
    Table("imports", "source, folder"),
    Table("restored_emails"),
    Table("threads"),
    Table("thread_keys"),
    Table("removed"),
    Table("blob_refs", mine="owner IN (SELECT id FROM emails WHERE account = ?1"
          " UNION ALL SELECT id FROM kept_emails WHERE account = ?1"
          " UNION ALL SELECT id FROM uploads WHERE account = ?1)"),
)  # fmt: skip
"""Every table with rows of an account, beside its own row."""

AUDIT_OF: Final = (
    "SELECT seq, moment_ms, tenant, actor, peer, action, subject, old, new, digest FROM audit WHERE seq IN"
    " (SELECT seq FROM audit WHERE actor = ?1"
    " UNION ALL SELECT seq FROM audit WHERE tenant = ?3 AND subject IN (?1, ?2, 'account ' || ?1)"
    " UNION ALL SELECT seq FROM audit WHERE tenant = ?3 AND subject >= ?4 AND subject < ?5)"
    " ORDER BY seq DESC LIMIT ?6"
)
"""?1, ?2: name and display; ?3: tenant; ?4, ?5: where names of its things begin and end. Read by indexes."""

_MOST_AUDIT: Final = 10_000


async def rows_of(tx: Transaction, account: AccountId) -> Record:
    """What is exported of each table, by its name; times in RFC 3339 form."""
    found: Record = {}
    for table in TABLES:
        if table.columns:
            names = _names(table.columns)
            sql = f"SELECT {table.columns} FROM {table.name} WHERE {table.mine}"  # noqa: S608 - constants
            found[table.name] = [_record(names, row) for row in await tx.rows(sql, account)]
    return found


async def counts_of(tx: Transaction, account: AccountId) -> dict[str, int]:
    """How many rows an account has in each table."""
    counts: dict[str, int] = {}
    for table in TABLES:
        row = await tx.row(f"SELECT count(*) FROM {table.name} WHERE {table.mine}", account)  # noqa: S608 - constants
        counts[table.name] = 0 if row is None else int(row[0])
    return counts


async def audit_of(tx: Transaction, account: Account) -> list[Record]:
    """What the audit log has of an account: what it did and what was done to it, the newest first.

    What was done to others who had its address in another tenant is not among it.
    """
    things = f"{account.name} / "
    rows = await tx.rows(
        AUDIT_OF, account.name, account.display, account.tenant, things, prefix_end(things), _MOST_AUDIT
    )
    return [
        {
            "seq": one.seq,
            "moment": moment(one.moment_ms),
            "actor": one.actor,
            "peer": one.peer,
            "action": one.action,
            "subject": one.subject,
            "old": one.old,
            "new": one.new,
        }
        for one in map(record_of, rows)
    ]


def _names(columns: str) -> list[str]:
    """The names under which columns are exported."""
    return [column.rpartition(" AS ")[2].strip() for column in columns.split(", ")]


def _record(names: list[str], row: Row) -> Record:
    return dict(_value(name, value) for name, value in zip(names, row, strict=True))


def _value(name: str, value: object) -> tuple[str, object]:
    """A value as JSON has it."""
    if name.endswith("_ms") and name != "window_ms":
        return name.removesuffix("_ms"), moment(value) if isinstance(value, int) else None
    if isinstance(value, bytes | memoryview):
        octets = bytes(value)
        try:
            return name, octets.decode()
        except UnicodeDecodeError:
            return name, base64.b64encode(octets).decode()
    return name, value
