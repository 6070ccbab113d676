"""Counts everything anew and compares: what `pymailcore verify` and the tests rely on."""

# ruff: noqa: S608 - statements are put together from constants of this package; values are always bound

from typing import Final

from pymailcore.store.types import Transaction

_VISIBLE: Final = "SELECT 1 FROM placements p WHERE p.email = e.id AND p.deleted = 0"
_TRASH: Final = "(SELECT t.id FROM mailboxes t WHERE t.account = e.account AND t.role = 'trash')"
_UNREAD: Final = "(e.flags & 9) = 0"

_MAILBOXES: Final = (
    "SELECT m.id, m.path, m.messages, m.unseen, m.deleted, m.size_octets, m.total_emails, m.unread_emails,"
    " m.total_threads, m.unread_threads, m.highest_modseq, m.uid_next, m.role FROM mailboxes m"
)
_PLACED: Final = (
    "SELECT p.mailbox, count(*), sum((e.flags & 1) = 0), sum(p.deleted), sum(e.size_octets), max(p.uid),"
    " max(p.modseq), max(e.flags_modseq) FROM placements p JOIN emails e ON e.id = p.email GROUP BY p.mailbox"
)
_EMAILS: Final = (
    "SELECT p.mailbox, count(DISTINCT p.email), count(DISTINCT CASE WHEN (e.flags & 9) = 0 THEN p.email END),"
    " count(DISTINCT e.thread) FROM placements p JOIN emails e ON e.id = p.email WHERE p.deleted = 0"
    " GROUP BY p.mailbox"
)
_UNREAD_THREADS: Final = (
    "SELECT count(DISTINCT e.thread) FROM placements p JOIN emails e ON e.id = p.email"
    " WHERE p.mailbox = ?1 AND p.deleted = 0 AND EXISTS (SELECT 1 FROM emails u"
    " JOIN placements up ON up.email = u.id JOIN mailboxes um ON um.id = up.mailbox"
    " WHERE u.thread = e.thread AND up.deleted = 0 AND (u.flags & 9) = 0"
    " AND (um.role IS NOT DISTINCT FROM 'trash') = ?2)"
)
_FAULTS: Final = (
    (
        "Email whose `visible` is wrong",
        f"SELECT e.id FROM emails e WHERE e.visible <> EXISTS ({_VISIBLE})",
    ),
    (
        "Email without a placement",
        "SELECT id FROM emails e WHERE NOT EXISTS (SELECT 1 FROM placements p WHERE p.email = e.id)",
    ),
    ("placement without an Email", "SELECT email FROM placements WHERE email NOT IN (SELECT id FROM emails)"),
    (
        "placement without a Mailbox",
        "SELECT uid FROM placements WHERE mailbox NOT IN (SELECT id FROM mailboxes)",
    ),
    ("Email without data", "SELECT id FROM emails WHERE id NOT IN (SELECT email FROM email_data)"),
    ("data without an Email", "SELECT email FROM email_data WHERE email NOT IN (SELECT id FROM emails)"),
    ("Email without header text", "SELECT id FROM emails WHERE id NOT IN (SELECT email FROM email_headers)"),
    (
        "header text without an Email",
        "SELECT email FROM email_headers WHERE email NOT IN (SELECT id FROM emails)",
    ),
    ("Email without blobs", "SELECT id FROM emails WHERE id NOT IN (SELECT owner FROM blob_refs)"),
    ("reference to no blob", "SELECT owner FROM blob_refs WHERE blob NOT IN (SELECT id FROM blobs)"),
    (
        "reference of nobody",
        "SELECT owner FROM blob_refs WHERE owner NOT IN (SELECT id FROM emails"
        " UNION ALL SELECT id FROM uploads UNION ALL SELECT id FROM queue_messages)",
    ),
    ("Thread without an Email", "SELECT id FROM threads WHERE id NOT IN (SELECT thread FROM emails)"),
    ("Email without a Thread", "SELECT id FROM emails WHERE thread NOT IN (SELECT id FROM threads)"),
    (
        "Thread with wrong counts",
        "SELECT t.id FROM threads t WHERE t.members <> (SELECT count(*) FROM emails e WHERE e.thread = t.id)"
        " OR t.emails <> (SELECT count(*) FROM emails e WHERE e.thread = t.id AND e.visible = 1)"
        f" OR t.unread <> (SELECT count(*) FROM emails e WHERE e.thread = t.id AND {_UNREAD}"
        f" AND EXISTS ({_VISIBLE} AND p.mailbox IS NOT {_TRASH}))"
        f" OR t.unread_trash <> (SELECT count(*) FROM emails e WHERE e.thread = t.id AND {_UNREAD}"
        f" AND EXISTS ({_VISIBLE} AND p.mailbox = {_TRASH}))",
    ),
    (
        "Thread with wrong Mailboxes",
        "SELECT thread FROM (SELECT thread, mailbox, emails FROM thread_mailboxes EXCEPT"
        " SELECT e.thread, p.mailbox, count(DISTINCT e.id) FROM emails e JOIN placements p ON p.email = e.id"
        " WHERE p.deleted = 0 GROUP BY e.thread, p.mailbox)",
    ),
    (
        "Thread that lacks a Mailbox",
        "SELECT thread FROM (SELECT e.thread, p.mailbox, count(DISTINCT e.id) AS emails FROM emails e"
        " JOIN placements p ON p.email = e.id WHERE p.deleted = 0 GROUP BY e.thread, p.mailbox EXCEPT"
        " SELECT thread, mailbox, emails FROM thread_mailboxes)",
    ),
    (
        "account whose octets are wrong",
        "SELECT a.id FROM accounts a WHERE a.used_octets <>"
        " coalesce((SELECT sum(e.size_octets) FROM emails e WHERE e.account = a.id), 0)",
    ),
    (
        "modseq above the account's clock",
        "SELECT e.id FROM emails e JOIN accounts a ON a.id = e.account WHERE e.changed_modseq > a.modseq"
        " OR e.flags_modseq > e.changed_modseq OR e.created_modseq > e.changed_modseq",
    ),
    (
        "Mailbox with the wrong parent",
        "SELECT m.id FROM mailboxes m LEFT JOIN mailboxes p ON p.id = m.parent WHERE (m.parent IS NULL) <>"
        " (instr(m.path, '/') = 0) OR (m.parent IS NOT NULL AND substr(m.path, 1, length(p.path) + 1)"
        " IS NOT p.path || '/')",
    ),
)


async def verify_counts(tx: Transaction) -> list[str]:
    """Give one line for each thing in the database that contradicts another; none when all is well."""
    faults = []
    for what, sql in _FAULTS:
        faults += [f"{what}: {row[0]}" for row in await tx.rows(sql)]
    placed = {row[0]: row[1:] for row in await tx.rows(_PLACED)}
    visible = {row[0]: row[1:] for row in await tx.rows(_EMAILS)}
    for row in await tx.rows(_MAILBOXES):
        id_, path, *there, highest, uid_next, role = row
        messages, unseen, deleted, octets, last, *modseqs = placed.get(id_, (0, 0, 0, 0, 0, 0, 0))
        total, unread, threads = visible.get(id_, (0, 0, 0))
        unread_threads = await tx.row(_UNREAD_THREADS, id_, int(role == "trash"))
        counted = [
            messages,
            unseen,
            deleted,
            octets,
            total,
            unread,
            threads,
            unread_threads and unread_threads[0],
        ]
        if there != counted:
            faults.append(f"Mailbox {path} ({id_}) counts {there}, has {counted}")
        if last >= uid_next:
            faults.append(f"Mailbox {path} ({id_}) gives UID {uid_next} next and has {last}")
        if max(modseqs) > highest:
            faults.append(
                f"Mailbox {path} ({id_}) has highest modseq {highest}, a message has {max(modseqs)}"
            )
    return faults
