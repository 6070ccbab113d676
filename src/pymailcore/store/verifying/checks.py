"""Checks that one statement can make: rows that nothing holds, and numbers that contradict each other.

Each check is a SELECT of (key, account, subject, detail) over a stretch of keys of one table, so that a
large table is looked at in slices, and one suspect again by its own key. A single statement sees one
moment, in which everything of an account agrees; so what it finds is not the shadow of mail that moves.
"""

# ruff: noqa: S608 - statements are put together from constants of this module; values are always bound

from collections.abc import Sequence
from typing import Final, NamedTuple

from pymailcore.store.types import Row, Transaction
from pymailcore.store.verifying.faults import DAMAGED, Fault

FIRST: Final = -(2**62)
LAST: Final = 2**63 - 1


class Check(NamedTuple):
    """A check.

    Attributes:
        table, column: what is gone through, in stretches.
        sql: the SELECT; ends with a condition, to which the stretch (?1, ?2] of `key` is added.
        key: the column as the statement names it.
        sliced: condition that keeps to the account ?3, where stretches of all accounts are gone through.
        direct: the same where one account is looked at in one go.
        group: what follows the conditions.
    """

    kind: str
    table: str
    column: str
    sql: str
    key: str
    sliced: str | None
    direct: str | None
    group: str = ""

    def statement(self, narrow: str | None) -> str:
        """The whole statement."""
        return (
            f"{self.sql} AND {self.key} > ?1 AND {self.key} <= ?2"
            f"{'' if narrow is None else f' AND {narrow}'}{self.group}"
        )


def _of_email(kind: str, condition: str, detail: str = "''") -> Check:
    sql = f"SELECT e.id, e.account, e.id, {detail} FROM emails e WHERE {condition}"
    return Check(kind, "emails", "id", sql, "e.id", "+e.account = ?3", "e.account = ?3")


def _of_placement(kind: str, condition: str, detail: str = "p.mailbox", joins: str = "") -> Check:
    mine = "(SELECT n.account FROM mailboxes n WHERE n.id = p.mailbox)"
    sql = f"SELECT p.email, coalesce({mine}, 0), p.uid, {detail} FROM placements p{joins} WHERE {condition}"
    return Check(
        kind, "placements", "email", sql, "p.email", f"{mine} = ?3",
        "p.mailbox IN (SELECT n.id FROM mailboxes n WHERE n.account = ?3)",
    )  # fmt: skip


def _of_thread(kind: str, condition: str, detail: str = "''", joins: str = "") -> Check:
    sql = f"SELECT t.id, t.account, t.id, {detail} FROM threads t{joins} WHERE {condition}"
    mine = "t.id IN (SELECT n.thread FROM emails n WHERE n.account = ?3)"
    return Check(kind, "threads", "id", sql, "t.id", "+t.account = ?3", mine)


def _of_mailbox(kind: str, condition: str, detail: str = "m.path", joins: str = "") -> Check:
    sql = f"SELECT m.id, m.account, m.id, {detail} FROM mailboxes m{joins} WHERE {condition}"
    return Check(kind, "mailboxes", "id", sql, "m.id", "+m.account = ?3", "m.account = ?3")


def _of_account(kind: str, condition: str, detail: str = "a.name") -> Check:
    sql = f"SELECT a.id, a.id, a.id, {detail} FROM accounts a WHERE {condition}"
    return Check(kind, "accounts", "id", sql, "a.id", "a.id = ?3", "a.id = ?3")


def _of_nobody(kind: str, table: str, column: str, condition: str, detail: str = "''") -> Check:
    sql = f"SELECT x.{column}, 0, x.{column}, {detail} FROM {table} x WHERE {condition}"
    return Check(kind, table, column, sql, f"x.{column}", None, None)


def _missing(table: str, column: str, value: str) -> str:
    return f"NOT EXISTS (SELECT 1 FROM {table} y WHERE y.{column} = {value})"


def _all_missing(value: str, *tables: str) -> str:
    return " AND ".join(_missing(table, "id", value) for table in tables)


_SHOWN: Final = "SELECT 1 FROM placements p WHERE p.email = e.id AND p.deleted = 0"
_SHOWN_IN: Final = (
    "EXISTS (SELECT 1 FROM placements p JOIN mailboxes m ON m.id = p.mailbox WHERE p.email = e.id"
    " AND p.deleted = 0 AND m.role {} 'trash')"
)
OUTSIDE: Final = _SHOWN_IN.format("IS DISTINCT FROM")
INSIDE: Final = _SHOWN_IN.format("IS NOT DISTINCT FROM")
UNREAD: Final = "(e.flags & 9) = 0"
_CLOCK: Final = "(SELECT c.modseq FROM accounts c WHERE c.id = {}.account)"
_MEMBERS: Final = "(SELECT count(*) FROM emails e WHERE e.thread = t.id{})"
_PAIRS: Final = (
    "SELECT e.thread, p.mailbox, count(DISTINCT e.id) AS emails FROM emails e JOIN placements p"
    " ON p.email = e.id WHERE p.deleted = 0 AND e.thread = t.id GROUP BY e.thread, p.mailbox"
)
_RECORDED: Final = "SELECT w.thread, w.mailbox, w.emails FROM thread_mailboxes w WHERE w.thread = t.id"

_EMAILS: Final = (
    _of_email("email-visible", f"e.visible <> CASE WHEN EXISTS ({_SHOWN}) THEN 1 ELSE 0 END"),
    _of_email("email-without-placement", _missing("placements", "email", "e.id")),
    _of_email("email-without-data", _missing("email_data", "email", "e.id")),
    _of_email("email-without-headers", _missing("email_headers", "email", "e.id")),
    _of_email("email-without-blobs", _missing("blob_refs", "owner", "e.id")),
    _of_email("email-without-thread", _missing("threads", "id", "e.thread"), "e.thread"),
    _of_email("email-without-account", _missing("accounts", "id", "e.account")),
    _of_email(
        "email-modseq",
        f"(e.changed_modseq > {_CLOCK.format('e')} OR e.flags_modseq > e.changed_modseq"
        " OR e.created_modseq > e.changed_modseq)",
        "e.changed_modseq",
    ),
)
_PLACEMENTS: Final = (
    _of_placement("placement-without-email", _missing("emails", "id", "p.email")),
    _of_placement("placement-without-mailbox", _missing("mailboxes", "id", "p.mailbox")),
    _of_placement(
        "placement-elsewhere",
        "m.account <> e.account",
        joins=" JOIN mailboxes m ON m.id = p.mailbox JOIN emails e ON e.id = p.email",
    ),
    _of_placement(
        "placement-modseq",
        f"(p.arrived_modseq > p.modseq OR p.modseq > {_CLOCK.format('m')})",
        joins=" JOIN mailboxes m ON m.id = p.mailbox",
    ),
)
_THREADS: Final = (
    _of_thread("thread-without-email", _missing("emails", "thread", "t.id")),
    _of_thread(
        "thread-counts",
        f"(t.members <> {_MEMBERS.format('')}"
        f" OR t.emails <> {_MEMBERS.format(' AND e.visible = 1')}"
        f" OR t.unread <> {_MEMBERS.format(f' AND {UNREAD} AND {OUTSIDE}')}"
        f" OR t.unread_trash <> {_MEMBERS.format(f' AND {UNREAD} AND {INSIDE}')})",
    ),
    _of_thread(
        "thread-modseq",
        f"(t.changed_modseq > {_CLOCK.format('t')} OR t.created_modseq > t.changed_modseq)",
        "t.changed_modseq",
    ),
    _of_thread(
        "thread-mailboxes",
        f"(EXISTS ({_RECORDED} EXCEPT {_PAIRS}) OR EXISTS ({_PAIRS} EXCEPT {_RECORDED}))",
    ),
    Check(
        "thread-mailboxes",
        "thread_mailboxes",
        "thread",
        f"SELECT w.thread, 0, w.thread, w.mailbox FROM thread_mailboxes w"
        f" WHERE {_missing('threads', 'id', 'w.thread')}",
        "w.thread",
        None,
        None,
    ),
)
_GONE: Final = "coalesce((SELECT max(x.modseq) FROM expunged x WHERE x.mailbox = m.id), 0)"
_MAILBOXES: Final = (
    _of_mailbox("mailbox-without-account", _missing("accounts", "id", "m.account")),
    _of_mailbox(
        "mailbox-parent",
        "((m.parent IS NULL AND instr(m.path, '/') > 0) OR (m.parent IS NOT NULL AND (q.id IS NULL"
        " OR q.account <> m.account OR substr(m.path, 1, length(q.path) + 1) <> q.path || '/'"
        " OR instr(substr(m.path, length(q.path) + 2), '/') > 0)))",
        joins=" LEFT JOIN mailboxes q ON q.id = m.parent",
    ),
    _of_mailbox(
        "mailbox-role",
        "m.role IS NOT NULL AND EXISTS (SELECT 1 FROM mailboxes q WHERE q.account = m.account"
        " AND q.role = m.role AND q.id < m.id)",
    ),
    _of_mailbox(
        "mailbox-uid-next",
        "m.uid_next <= max(coalesce((SELECT max(p.uid) FROM placements p WHERE p.mailbox = m.id), 0),"
        " coalesce((SELECT max(x.uid) FROM expunged x WHERE x.mailbox = m.id), 0))",
    ),
    _of_mailbox(
        "mailbox-modseq",
        "max(m.highest_modseq, max(m.created_modseq, max(m.changed_modseq, m.counts_modseq)))"
        f" > {_CLOCK.format('m')}",
    ),
    _of_mailbox(
        "expunged-modseq",
        f"({_GONE} > {_CLOCK.format('m')} OR {_GONE} > m.highest_modseq)",
    ),
)
_NEWEST: Final = "coalesce((SELECT max(e.changed_modseq) FROM emails e WHERE e.account = a.id), 0)"
_ACCOUNTS: Final = (
    _of_account(
        "account-without-inbox",
        "NOT EXISTS (SELECT 1 FROM mailboxes m WHERE m.account = a.id AND m.role = 'inbox')",
    ),
    _of_account(
        "account-modseq",
        "(max(a.email_modseq, max(a.mailbox_modseq, max(a.thread_modseq, max(a.identity_modseq,"
        " max(a.submission_modseq, a.log_floor))))) > a.modseq"
        f" OR (a.email_modseq < {_NEWEST} AND {_NEWEST} <= a.modseq))",
    ),
    _of_account(
        "account-uid-validity",
        "a.last_uid_validity < coalesce((SELECT max(m.uid_validity) FROM mailboxes m WHERE m.account = a.id),"
        " 0)",
    ),
    _of_account(
        "removed-modseq",
        "EXISTS (SELECT 1 FROM removed r WHERE r.account = a.id AND r.kind IN"
        " ('email', 'thread', 'mailbox', 'identity', 'submission') AND r.modseq > a.modseq)",
    ),
)
_HOLDERS: Final = ("emails", "kept_emails", "uploads", "queue_messages")
_OTHERS: Final = (
    _of_nobody("data-without-email", "email_data", "email", _all_missing("x.email", "emails", "kept_emails")),
    _of_nobody(
        "headers-without-email", "email_headers", "email", _all_missing("x.email", "emails", "kept_emails")
    ),
    _of_nobody("octets-without-blob", "blob_octets", "blob", _missing("blobs", "id", "x.blob")),
    Check(
        "kept-without-data",
        "kept_emails",
        "id",
        "SELECT k.id, k.account, k.id, '' FROM kept_emails k"
        f" WHERE {_missing('email_data', 'email', 'k.id')}",
        "k.id",
        "+k.account = ?3",
        "k.account = ?3",
    ),
    Check(
        "kept-and-there",
        "kept_emails",
        "id",
        "SELECT k.id, k.account, k.id, '' FROM kept_emails k"
        " WHERE EXISTS (SELECT 1 FROM emails y WHERE y.id = k.id)",
        "k.id",
        "+k.account = ?3",
        "k.account = ?3",
    ),
    Check(
        "reference-without-blob",
        "blob_refs",
        "owner",
        "SELECT r.owner, r.account, r.owner, r.blob FROM blob_refs r"
        f" WHERE {_missing('blobs', 'id', 'r.blob')} AND NOT EXISTS (SELECT 1 FROM emails d"
        f" WHERE d.id = r.owner AND instr(d.extra, '{DAMAGED}') > 0)",
        "r.owner",
        "+r.account = ?3",
        "r.owner IN (SELECT n.id FROM emails n WHERE n.account = ?3)",
    ),
    Check(
        "reference-of-nobody",
        "blob_refs",
        "owner",
        "SELECT r.owner, r.account, r.owner, r.blob FROM blob_refs r"
        f" WHERE {_all_missing('r.owner', *_HOLDERS)}",
        "r.owner",
        "+r.account = ?3",
        None,
    ),
    _of_nobody(
        "blob-unreachable", "blobs", "id", f"x.pack = 0 AND {_missing('blob_octets', 'blob', 'x.id')}"
    ),
    Check(
        "upload-without-blob",
        "uploads",
        "id",
        "SELECT u.id, u.account, u.id, '' FROM uploads u WHERE NOT EXISTS (SELECT 1 FROM blob_refs r"
        " JOIN blobs b ON b.id = r.blob WHERE r.owner = u.id AND b.key = u.key)",
        "u.id",
        "+u.account = ?3",
        "u.account = ?3",
    ),
)

CHECKS: Final = (*_EMAILS, *_PLACEMENTS, *_THREADS, *_MAILBOXES, *_ACCOUNTS, *_OTHERS)
"""All of them."""


async def run_check(
    tx: Transaction,
    check: Check,
    first: int = FIRST,
    last: int = LAST,
    account: int = 0,
    *,
    direct: bool = False,
) -> list[tuple[int, Fault]]:
    """Make a check over the keys behind `first` up to `last`; gives what is wrong, with its key.

    Args:
        account: only its rows; 0 for all.
        direct: the stretch is everything, so the account's rows are best found by the account.
    """
    if not account:
        return _faults(check, await tx.rows(check.statement(None), first, last))
    narrow = check.direct if direct else check.sliced
    if narrow is None:
        return []
    return _faults(check, await tx.rows(check.statement(narrow), first, last, account))


def _faults(check: Check, rows: Sequence[Row]) -> list[tuple[int, Fault]]:
    return [
        (int(key), Fault(check.kind, int(account), int(subject), str(detail)))
        for key, account, subject, detail in rows
    ]
