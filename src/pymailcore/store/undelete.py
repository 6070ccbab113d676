"""Undelete: what was expunged, and bringing it back as it was at a moment.

Theory of operation. A plan is made on reading connections: which Emails were in which Mailboxes at the
moment and are not there now. Then Mailboxes that are gone are made again at their paths, and the Emails come
back in slices. Each slice looks again at what it is to do (ops.kept.restore), so a call that was cut short is
simply made again: what came back already stays, the rest follows.

Nothing is taken away: what came since stays beside what comes back.
"""

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from pymailcore.base.errors import NotFound, OverQuota
from pymailcore.base.ids import AccountId, EmailId, MailboxId
from pymailcore.store.engine import Engine
from pymailcore.store.ops import accounts, annotations, kept, mailboxes, quota
from pymailcore.store.types import Kept, Quota, Restored, RestoredMailbox, Transaction

SLICE_EMAILS: Final = 60
PURGE_EMAILS: Final = 500
PAGE: Final = 5_000
DAY_MS: Final = 86_400_000

_Wanted = dict[int, kept.Missing]


class Undelete:
    """Expunged mail of all accounts."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def listed(
        self,
        account: AccountId,
        *,
        since_ms: int = 0,
        before: tuple[int, int] | None = None,
        limit: int = 100,
    ) -> list[Kept]:
        """What can be brought back of what went since a moment, the last that went first.

        Args:
            before: (gone_ms, email) of the last of the page before.
        """
        return await self._engine.database.read(lambda tx: kept.listed(tx, account, since_ms, before, limit))

    async def restore(
        self,
        account: AccountId,
        *,
        at_ms: int,
        path: str | None = None,
        emails: Sequence[EmailId] | None = None,
        moved: bool = True,
        dry_run: bool = False,
    ) -> Restored:
        """Make Mailboxes hold again what they held at a moment.

        New Emails with new ids and UIDs; keywords are those that they had last. Mailboxes that are gone are
        made again at their path, with their role where it is free. Emails that are still somewhere else get
        one more placement. Idempotent: what is there already stays as it is.

        Args:
            path: of the only Mailbox to look at; one that is gone counts, too.
            emails: the only ones to bring back, by the ids that they had.
            moved: also what is in another Mailbox now; else only what is in none.
            dry_run: change nothing; tell what would be done.

        Raises:
            NotFound: no such account, or no Mailbox had this path.
            OverQuota: not all of it fits; nothing was done then, unless others filled the account meanwhile.
        """
        found = await self._engine.database.read(lambda tx: self._places(tx, account, at_ms, path))
        wanted: list[tuple[kept.Place, _Wanted]] = []
        only = None if emails is None else await self._known(emails)
        for place, to in found:
            missing = await self._missing(place, to, at_ms)
            wanted.append(
                (
                    place,
                    {
                        one.email: one
                        for one in sorted(missing, key=lambda one: one.uid)
                        if (moved or one.thread is not None) and (only is None or one.email in only)
                    },
                )
            )
        return await self._do(account, [pair for pair in wanted if pair[1]], dry_run=dry_run)

    async def restore_emails(
        self,
        account: AccountId,
        emails: Sequence[EmailId],
        *,
        to: MailboxId | None = None,
        dry_run: bool = False,
    ) -> Restored:
        """Bring kept Emails back to the Mailbox that they left last, or to another one.

        Raises:
            NotFound: no such account or Mailbox.
            OverQuota: they do not all fit; see `restore`.
        """

        async def look(tx: Transaction) -> tuple[list[kept.Place], list[tuple[int, int, int, int]]]:
            there = await kept.places(tx, account, 0)
            return there, await kept.left_last(tx, account, emails)

        places, rows = await self._engine.database.read(look)
        by_id = {place.mailbox: place for place in places}
        inbox = next((place for place in places if place.there and place.path == mailboxes.INBOX), None)
        if to is not None and (to not in by_id or not by_id[to].there):
            raise NotFound("no such Mailbox")
        wanted: dict[kept.Place, _Wanted] = {}
        for email, mailbox, size, thread in rows:
            place = by_id.get(mailbox if to is None else to, inbox)
            if place is None:
                raise NotFound("no such Mailbox")
            wanted.setdefault(place, {})[email] = kept.Missing(0, 0, email, size, thread)
        return await self._do(account, list(wanted.items()), dry_run=dry_run)

    async def purge(self, account: AccountId | None = None, *, everything: bool = False) -> int:
        """Let go of what was kept long enough, or is more than an account's quota; gives how many Emails.

        In slices; what is let go is gone for good.

        Args:
            account: of this one only.
            everything: all that is kept.
        """
        engine = self._engine
        now_ms = engine.now_ms()
        before_ms = now_ms + 1 if everything else now_ms - int(engine.settings.undelete_days * DAY_MS)
        chosen = [account] if account is not None else await engine.database.read(kept.accounts_with_kept)
        gone = 0
        for one in chosen:

            async def some(tx: Transaction, one: int = one) -> int:
                return await kept.purge(tx, AccountId(one), before_ms, PURGE_EMAILS)

            while number := await engine.database.write(some):
                gone += number
                if number < PURGE_EMAILS:
                    break
        if account is None:
            while await engine.database.read(lambda tx: kept.names_before(tx, before_ms)):
                await engine.database.write(lambda tx: kept.purge_names(tx, before_ms, PURGE_EMAILS))
        return gone

    # --- planning ---------------------------------------------------------------------------------

    async def _places(
        self, tx: Transaction, account: AccountId, at_ms: int, path: str | None
    ) -> list[tuple[kept.Place, int]]:
        """The Mailboxes to look at, each with the Mailbox that its mail goes to, or 0."""
        await accounts.tenant_of(tx, account)
        found = await kept.places(tx, account, at_ms)
        if path is not None:
            path = mailboxes.normal_path(path)
            found = [place for place in found if place.path == path]
            if not found:
                raise NotFound("there was no such Mailbox")
        out = []
        for place in found:
            to = place.mailbox
            if not place.there:
                to = (await kept.stand_in(tx, account, place.mailbox)).mailbox or 0
            out.append((place, to))
        return out

    async def _known(self, emails: Sequence[int]) -> set[int]:
        newest = await self._engine.database.read(lambda tx: kept.newest(tx, emails))
        return {newest.get(email, email) for email in emails}

    async def _missing(self, place: kept.Place, to: int, at_ms: int) -> list[kept.Missing]:
        found: list[kept.Missing] = []
        after = (0, 0)
        while True:
            page = await self._engine.database.read(
                functools.partial(kept.missing, place=place, to=to, at_ms=at_ms, after=after, limit=PAGE)
            )
            found += page
            if len(page) < PAGE:
                return found
            after = page[-1][:2]

    # --- doing ------------------------------------------------------------------------------------

    async def _do(
        self, account: AccountId, wanted: list[tuple[kept.Place, _Wanted]], *, dry_run: bool
    ) -> Restored:
        sizes = {
            email: one.size_octets
            for _, some in wanted
            for email, one in some.items()
            if one.thread is not None
        }
        limits = await self._engine.quotas.limits()
        await self._engine.look(lambda tx: _require(tx, account, limits, sum(sizes.values()), len(sizes)))
        done = Restored(
            len(sizes),
            sum(sizes.values()),
            tuple([RestoredMailbox(place.path, len(some), made=not place.there) for place, some in wanted]),
        )
        if dry_run or not wanted:
            return done
        targets: dict[int, list[int]] = {}
        threads: dict[int, int | None] = {}
        for place, some in wanted:
            mailbox = place.mailbox if place.there else await self._make_again(account, place)
            for email, one in some.items():
                targets.setdefault(email, []).append(mailbox)
                threads.setdefault(email, one.thread)
        await self._bring_back(account, targets, threads)
        return done

    async def _bring_back(
        self, account: AccountId, targets: dict[int, list[int]], threads: dict[int, int | None]
    ) -> None:
        engine = self._engine
        tenant = await engine.tenant_of(account)
        tenant_key = await engine.tenant_key(tenant)
        now_ms = engine.now_ms()
        fresh: dict[int | None, int] = {}
        for some in _slices(list(targets.items()), SLICE_EMAILS):
            limits = await engine.quotas.limits()
            backs = [
                kept.Back(
                    email, engine.ids.new(), _thread(fresh, threads[email], engine.ids.new), tuple(mailboxes_)
                )
                for email, mailboxes_ in some
            ]

            async def work(
                tx: Transaction, backs: list[kept.Back] = backs, limits: quota.Limits = limits
            ) -> int:
                return await kept.restore(tx, account, backs, tenant_key, limits, now_ms)

            await engine.database.write(work)

    async def _make_again(self, account: AccountId, place: kept.Place) -> int:
        """Make a removed Mailbox again, if nothing stands for it yet; gives its id."""
        engine = self._engine
        ids = [engine.ids.new() for _ in place.path.split("/")]
        now_ms = engine.now_ms()
        limits = await engine.quotas.limits()
        given = annotations.AnnotationLimits.of(engine.settings)

        async def work(tx: Transaction) -> int:
            await tx.lock("accounts", (account,))
            there = await kept.stand_in(tx, account, place.mailbox)
            mailbox = there.mailbox
            if mailbox is None:
                made = await mailboxes.create(
                    tx, account, place.path, ids, role=there.role, subscribed=there.subscribed,
                    sort_order=10, now_ms=now_ms, most=engine.settings.mailboxes_per_account, limits=limits,
                )  # fmt: skip
                mailbox = made.id
            await kept.stands_in(tx, place.mailbox, mailbox)
            await annotations.stand_in(tx, account, place.mailbox, mailbox, limits=given)
            return mailbox

        return await engine.database.write(work)


def _thread(fresh: dict[int | None, int], thread: int | None, new: Callable[[], int]) -> int:
    """One new id for all Emails of a Thread that is gone."""
    if thread not in fresh:
        fresh[thread] = new()
    return fresh[thread]


def _slices(items: list[tuple[int, list[int]]], size: int) -> Iterable[list[tuple[int, list[int]]]]:
    return (items[start : start + size] for start in range(0, len(items), size))


async def _require(
    tx: Transaction, account: AccountId, shared: quota.Limits, octets: int, emails: int
) -> None:
    """Refuse what does not fit, before anything is done.

    Raises:
        OverQuota: says how much is missing.
    """
    limits, used = await quota.of_account(tx, account)
    for what, limit, held, more in (
        ("octets", limits.octets, used.octets, octets),
        ("Emails", limits.emails, used.emails, emails),
    ):
        if limit is not None and more and (held or 0) + more > limit:
            room = max(limit - (held or 0), 0)
            raise OverQuota(f"over the account's quota of {what}: {more} are to come back, {room} fit")
    row = await tx.row("SELECT name, tenant FROM accounts WHERE id = ?1", account)
    if row is not None:
        quota.require_shared(shared, row[0], row[1], Quota(octets, emails, 0))
