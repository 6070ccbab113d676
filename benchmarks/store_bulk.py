"""What work on a large Mailbox costs the store: reads, STORE, COPY, MOVE, changes, searches.

python -m benchmarks.store_bulk [--messages 50000] [--octets 2048] [--no-search] [--folder DIR]

Goals (issue 4): 50,000 prepared envelopes read in 150 ms at most, flags of 50,000 changed in 0.5 s at most.
"""

import argparse
import functools
from pathlib import Path

from benchmarks.store_fill import fill
from benchmarks.store_support import ALL, EVERY, command_line, mailbox_id, opened, start, timed
from pymailcore.base.ids import AccountId, EmailId, MailboxId
from pymailcore.store.keywords import keywords_of
from pymailcore.store.query import Contains, Field, InMailbox, Sort, SortKey
from pymailcore.store.store import Store
from pymailcore.store.types import EmailUpdate, FlagChange, Want
from pymailcore.store.verifying.counts import verify_account

ACCOUNT = AccountId(1)


async def _read(store: Store, inbox: MailboxId, emails: list[int]) -> None:
    await timed("snapshot", lambda: store.snapshot(ACCOUNT, inbox))
    for name, want in (
        ("fetch flags", Want.NONE),
        ("fetch flags, size, date", Want.FACTS),
        ("fetch envelope", Want.ENVELOPE),
        ("fetch envelope, bodystructure", Want.ENVELOPE | Want.BODYSTRUCTURE),
    ):
        await timed(name, functools.partial(store.fetch, ACCOUNT, inbox, ALL, want, limit=EVERY))

    async def octets() -> None:
        left = emails[:10_000]
        while left:
            left = left[len(await store.messages(ACCOUNT, left)) :]

    await timed("all octets of 10,000", octets, 2)


async def _change_flags(store: Store, inbox: MailboxId) -> None:
    for name in ("$flagged", "$seen", "label"):
        for how in (FlagChange.ADD, FlagChange.REMOVE):
            work = functools.partial(store.set_flags, ACCOUNT, inbox, ALL, how, keywords_of([name]))
            await timed(f"STORE 1:* {how.value}{name}", work, 1)


async def _jmap(store: Store, inbox: MailboxId, emails: list[int]) -> None:
    sort = [Sort(SortKey.RECEIVED, ascending=False)]
    in_inbox = InMailbox(frozenset([inbox]))
    for collapse in (False, True):
        work50 = functools.partial(
            store.query, ACCOUNT, in_inbox, sort, collapse_threads=collapse, limit=50, total=True
        )
        await timed(f"query newest 50 of the Mailbox, collapse={collapse}", work50)
    await timed("emails 50", lambda: store.emails(ACCOUNT, emails[-50:]))
    await timed("threads 50", lambda: store.threads(ACCOUNT, emails[-50:]))
    await timed(
        "keyword of one Email",
        lambda: store.update_emails(ACCOUNT, [EmailUpdate(EmailId(emails[5]), add=keywords_of(["$seen"]))]),
    )
    begun_at = (await store.states(ACCOUNT)).modseq
    await store.set_flags(ACCOUNT, inbox, [(5, 5)], FlagChange.ADD, keywords_of(["$answered"]))
    await timed("delta of one change", lambda: store.delta(ACCOUNT, inbox, begun_at))
    await timed("Email/changes of one change", lambda: store.changes(ACCOUNT, "email", begun_at, 100))
    await timed("Thread/changes of one change", lambda: store.changes(ACCOUNT, "thread", begun_at, 100))


async def _search(store: Store, inbox: MailboxId) -> None:
    await timed("SEARCH FROM", lambda: store.search(ACCOUNT, inbox, Contains(Field.FROM, "sender7@")))
    await timed("SEARCH SUBJECT", lambda: store.search(ACCOUNT, inbox, Contains(Field.SUBJECT, "port 77")))
    await timed("SEARCH BODY", lambda: store.search(ACCOUNT, inbox, Contains(Field.BODY, "qqqzz")), 1)


async def _move(store: Store, inbox: MailboxId, archive: MailboxId, junk: MailboxId) -> None:
    await timed("COPY 1:*", lambda: store.copy(ACCOUNT, inbox, ALL, archive), 1)
    await timed("MOVE 1:*", lambda: store.move(ACCOUNT, inbox, ALL, junk), 1)
    for name, mailbox in (("of copies", archive), ("for good", junk)):
        mark = functools.partial(
            store.set_flags, ACCOUNT, mailbox, ALL, FlagChange.ADD, keywords_of([]), deleted=True
        )
        await timed(f"STORE 1:* +\\Deleted, {name}", mark, 1)
        await timed(f"EXPUNGE, {name}", functools.partial(store.expunge, ACCOUNT, mailbox, None), 1)


async def main(arguments: argparse.Namespace, folder: Path) -> None:
    """Fill a Mailbox and time each kind of work."""
    await fill(folder, arguments.messages, octets=arguments.octets)
    async with opened(folder) as store:
        faults = await store.database.read_long(lambda tx: verify_account(tx, ACCOUNT))
        assert not faults, faults[:5]
        inbox, archive = await mailbox_id(store, 1, "INBOX"), await mailbox_id(store, 1, "Archive")
        emails = [row.email for row in await store.fetch(ACCOUNT, inbox, ALL, Want.NONE, limit=EVERY)]
        await _read(store, inbox, emails)
        await _change_flags(store, inbox)
        await _jmap(store, inbox, emails)
        if not arguments.no_search:
            await _search(store, inbox)
        await _move(store, inbox, archive, await mailbox_id(store, 1, "Junk"))


if __name__ == "__main__":
    parser = command_line(__doc__)
    parser.add_argument("--messages", type=int, default=50_000)
    parser.add_argument("--octets", type=int, default=2048)
    parser.add_argument("--no-search", action="store_true")
    start(parser, main)
