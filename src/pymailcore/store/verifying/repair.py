"""What is done about each kind of damage, in an order in which one repair does not undo another."""

import contextlib
import functools
from collections.abc import Awaitable, Callable, Container, Iterable, Mapping, Sequence
from typing import Final

from pymailcore.base.errors import AlreadyExists, MailError
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.store.fulltext.job import index_writing
from pymailcore.store.ops import blob_rows
from pymailcore.store.store import Store
from pymailcore.store.types import Row, Transaction
from pymailcore.store.verifying import repair_blobs, repair_messages, repair_rows
from pymailcore.store.verifying.faults import DAMAGED, KINDS, MOST_LISTED, Fault
from pymailcore.store.verifying.healing import heal_blobs
from pymailcore.store.verifying.messages import KNOWN, look_at_messages
from pymailcore.store.verifying.repair_blobs import Place
from pymailcore.store.verifying.sweep import Progress, slices

RECOVERED: Final = "Recovered"
"""The Mailbox for Emails that are in none."""

_CLOCK: Final = frozenset(
    {
        "email-modseq", "placement-modseq", "thread-modseq", "mailbox-modseq", "expunged-modseq",
        "account-modseq", "removed-modseq",
    }
)  # fmt: skip
_OCTETS: Final = frozenset({"pack-missing", "blob-truncated", "blob-damaged", "blob-unreachable"})
_LATE: Final = (
    "thread-without-email",
    "thread-counts",
    "thread-mailboxes",
    "mailbox-counts",
    "account-counts",
)

Done = list[tuple[Fault, str]]


def _without(wanted: Mapping[int, TenantId], numbers: Container[int]) -> dict[int, TenantId]:
    return {number: tenant for number, tenant in wanted.items() if number not in numbers}


class Repairs:
    """One round of repairs of what a report lists."""

    def __init__(self, store: Store, faults: Sequence[Fault], progress: Progress) -> None:
        self._store = store
        self._engine = store.engine
        self._database = store.engine.database
        self._packs = store.engine.settings.pack_folder
        self._faults = faults
        self._progress = progress
        self._done: Done = []
        self._now_ms = store.engine.now_ms()

    async def run(self) -> Done:
        """Repair what can be; gives what was done. A fault that resists is left for the next look to list."""
        self._progress.begin("repairs")
        await self._clocks()
        await self._blobs()
        await self._heads()
        await self._text_index()
        early = [fault for fault in self._faults if fault.kind in _BY_KIND and fault.kind not in _LATE]
        late = [fault for kind in _LATE for fault in self._faults if fault.kind == kind]
        for number, fault in enumerate((*early, *late)):
            try:
                said = await _BY_KIND[fault.kind](self, fault)
            except MailError as error:
                said = None
                self._progress.begin(f"{fault.text}: {error}")
            if said is not None:
                self._done.append((fault, said or KINDS[fault.kind].remedy))
            self._progress.at((number + 1) / (len(early) + len(late)))
        return self._done

    async def salvage(self) -> Done:
        """Look for the octets of Emails that are marked as damaged: their pack may have been put back."""
        self._progress.begin("lost octets")

        async def missing(tx: Transaction, first: int, last: int) -> list[Row]:
            return await tx.rows(_MARKED, first, last)

        lost: dict[int, TenantId] = {}
        owners: dict[int, tuple[int, int]] = {}
        async for slice_ in slices(self._database, "emails", "id", missing, self._progress):
            for email, account, blob, tenant in slice_.result:
                lost[blob] = TenantId(tenant)
                owners[blob] = email, account
        if not lost:
            return []
        by_blob = {
            blob: Fault("reference-without-blob", account, email, str(blob))
            for blob, (email, account) in owners.items()
        }
        await self._found_elsewhere(lost, {}, by_blob)
        for email, _ in dict.fromkeys(owners.values()):
            for fault in await look_at_messages(self._engine, "emails", [email], None):
                if fault.kind == "message-recovered":
                    await self.recovered(fault)
                    self._done.append((fault, KINDS[fault.kind].remedy))
        return self._done

    async def _text_index(self) -> None:
        """Do without an index that hides mail; who keeps the index makes another."""
        lost = [fault for fault in self._faults if fault.kind == "index-lost"]
        if lost:
            await index_writing(self._engine).distrust()
            self._done += [(fault, KINDS[fault.kind].remedy) for fault in lost]

    async def _clocks(self) -> None:
        for account in dict.fromkeys(fault.account for fault in self._faults if fault.kind in _CLOCK):
            await self._write(functools.partial(repair_rows.raise_clock, account=account))
            self._done += [
                (fault, "the clock is raised and the change log begins anew")
                for fault in self._faults
                if fault.kind in _CLOCK and fault.account == account
            ]

    async def _write(self, work: Callable[[Transaction], Awaitable[object]]) -> None:
        await self._database.write(work)

    # --- blobs ----------------------------------------------------------------------------------

    async def _blobs(self) -> None:
        wanted, by_blob = await self._wanted()
        if not wanted:
            return
        owners = {
            number: fault.subject
            for number, fault in by_blob.items()
            if fault.kind == "reference-without-blob"
        }
        before = await repair_blobs.places_of(self._engine, wanted)
        restored = await repair_blobs.restore_rows(self._engine, wanted, owners)
        self._tell(by_blob, restored)
        restored |= await self._found_elsewhere(_without(wanted, restored), before, by_blob)
        lost = []
        for number in _without(wanted, restored):
            place = before.get(number)
            if await self._database.write(
                functools.partial(repair_blobs.drop_blob, number=number, before=place)
            ):
                lost.append(number)
        if lost:
            await self._let_owners_know(lost, by_blob)

    async def _wanted(self) -> tuple[dict[int, TenantId], dict[int, Fault]]:
        """The blobs that are damaged or gone, whose they are, and why we think so."""
        wanted: dict[int, TenantId] = {}
        by_blob: dict[int, Fault] = {}
        for fault in self._faults:
            if fault.kind == "reference-without-blob":
                number, sql = int(fault.detail), "SELECT tenant FROM blob_refs WHERE owner = ?1 AND blob = ?2"
                args: tuple[int, ...] = (fault.subject, number)
            elif fault.kind in _OCTETS:
                number, sql, args = fault.subject, "SELECT tenant FROM blobs WHERE id = ?1", (fault.subject,)
            else:
                continue

            async def tenant_of(tx: Transaction, sql: str = sql, args: tuple[int, ...] = args) -> Row | None:
                return await tx.row(sql, *args)

            row = await self._database.read(tenant_of)
            if row is not None:
                wanted[number] = TenantId(row[0])
                by_blob.setdefault(number, fault)
        return wanted, by_blob

    async def _found_elsewhere(
        self, wanted: Mapping[int, TenantId], before: Mapping[int, Place], by_blob: Mapping[int, Fault]
    ) -> set[int]:
        """Look for octets in all packs, and then in the replica."""
        if not wanted:
            return set()
        found = await repair_blobs.restore_blobs(self._engine, self._packs, wanted, before)
        self._tell(by_blob, found)
        healed = await heal_blobs(self._engine, self._packs, _without(wanted, found), before)
        self._tell(by_blob, healed, "its octets were fetched from the replica and written anew")
        return found | healed

    def _tell(
        self,
        by_blob: Mapping[int, Fault],
        numbers: Iterable[int],
        said: str = "its octets were found; its row is made anew",
    ) -> None:
        self._done += [(by_blob[number], said) for number in sorted(numbers)]

    async def _let_owners_know(self, lost: list[int], by_blob: dict[int, Fault]) -> None:
        """Mark the Emails that need a lost blob; expunged ones and uploads go."""
        numbers = frozenset(lost)

        async def owners(tx: Transaction, first: int, last: int) -> list[Row]:
            rows = await tx.rows(
                "SELECT owner, blob, account FROM blob_refs WHERE owner > ?1 AND owner <= ?2", first, last
            )
            return [row for row in rows if row[1] in numbers]

        async for slice_ in slices(self._database, "blob_refs", "owner", owners, self._progress):
            for owner, blob, account in slice_.result:
                said = await self._lose(owner, account)
                if said:
                    self._done.append((by_blob[blob], said))

    async def _lose(self, owner: int, account: int) -> str:
        async def holder_of(tx: Transaction) -> str:
            for table in ("emails", "kept_emails", "uploads"):
                if await tx.row(f"SELECT 1 FROM {table} WHERE id = ?1", owner):  # noqa: S608 - constants
                    return table
            return ""

        holder = await self._database.read(holder_of)
        if holder == "emails":
            await repair_messages.mark(self._engine, account, owner, damaged=True)
            return f"its octets are lost; Email {owner} of account {account} is marked as damaged"
        if holder == "kept_emails":
            await self._write(lambda tx: repair_rows.stop_keeping(tx, account, owner))
            return f"its octets are lost; the expunged Email {owner} is no longer kept"
        if holder == "uploads":
            await self._write(lambda tx: repair_rows.remove_upload(tx, owner))
            return f"its octets are lost; the upload {owner} is removed"
        return ""

    async def _heads(self) -> None:
        heads = {fault.subject: fault for fault in self._faults if fault.kind == "record-head"}
        if heads:
            for number in await repair_blobs.write_again(self._engine, self._packs, list(heads)):
                self._done.append((heads[number], KINDS["record-head"].remedy))

    # --- by kind --------------------------------------------------------------------------------

    async def thread(self, fault: Fault) -> str | None:
        """Count a Thread; one of `thread_mailboxes` that is not there loses its rows."""
        thread = int(fault.detail) if fault.kind == "email-without-thread" else fault.subject
        if not fault.account:
            await self._write(lambda tx: tx.run("DELETE FROM thread_mailboxes WHERE thread = ?1", thread))
            return ""
        await self._write(lambda tx: repair_rows.recount_thread(tx, fault.account, thread))
        return ""

    async def mailbox(self, fault: Fault) -> str | None:
        """Count a Mailbox."""
        await self._write(lambda tx: repair_rows.recount_mailbox(tx, fault.account, fault.subject))
        return ""

    async def account(self, fault: Fault) -> str | None:
        """Sum an account up."""
        await self._write(lambda tx: repair_rows.resum_account(tx, fault.account))
        return ""

    async def visible(self, fault: Fault) -> str | None:
        """Set whether an Email is visible."""
        await self._write(lambda tx: repair_rows.show_email(tx, fault.account, fault.subject, self._now_ms))
        return ""

    async def place(self, fault: Fault) -> str | None:
        """Put an Email into the Mailbox for what is in none."""
        account = AccountId(fault.account)
        mailbox = await self._store.mailbox_named(account, RECOVERED)
        if mailbox is None:
            mailbox = await self._store.create_mailbox(account, RECOVERED)
        id_ = mailbox.id
        await self._write(lambda tx: repair_rows.place_email(tx, account, fault.subject, id_, self._now_ms))
        return ""

    async def expunge(self, fault: Fault) -> str | None:
        """Take a placement away."""
        mailbox = int(fault.detail)
        await self._write(
            lambda tx: repair_rows.expunge_placement(tx, fault.account, mailbox, fault.subject, self._now_ms)
        )
        return ""

    async def data(self, fault: Fault) -> str | None:
        """Stand-in data for an Email that has none."""
        await repair_messages.stand_in(self._engine, fault.account, fault.subject)
        await repair_messages.mark(self._engine, fault.account, fault.subject, damaged=True)
        return ""

    async def prepared(self, fault: Fault) -> str | None:
        """Prepared forms, from the octets."""
        if await repair_messages.prepare_again(self._engine, fault.account, fault.subject):
            return ""
        if fault.kind == "email-without-headers":
            await repair_messages.stand_in_headers(self._engine, fault.subject)
            return "made anew from its facts"
        return None

    async def references(self, fault: Fault) -> str | None:
        """References of an Email, from its recipe."""
        found = False

        async def work(tx: Transaction) -> None:
            nonlocal found
            found = await repair_rows.refer_again(tx, fault.subject)

        await self._write(work)
        return "" if found else None

    async def nobodys_email(self, fault: Fault) -> str | None:
        """Remove an Email of no account."""
        await self._write(lambda tx: repair_rows.remove_email(tx, fault.subject))
        return ""

    async def unkeep(self, fault: Fault) -> str | None:
        """Keep an expunged Email no longer; look again first, where octets were to blame."""
        if fault.kind == "kept-lost" and not await look_at_messages(
            self._engine, "kept_emails", [fault.subject], None
        ):
            return None
        await self._write(lambda tx: repair_rows.stop_keeping(tx, fault.account, fault.subject))
        return ""

    async def upload(self, fault: Fault) -> str | None:
        """Forget an upload."""
        await self._write(lambda tx: repair_rows.remove_upload(tx, fault.subject))
        return ""

    async def nobodys_rows(self, fault: Fault) -> str | None:
        """Delete rows that belong to nothing."""
        sql = _NOBODYS[fault.kind]
        await self._write(lambda tx: tx.run(sql, fault.subject))
        return ""

    async def nobodys_references(self, fault: Fault) -> str | None:
        """Delete references of nobody; the collector looks at their blobs."""
        await self._write(lambda tx: blob_rows.let_go(tx, [fault.subject]))
        return ""

    async def parent(self, fault: Fault) -> str | None:
        """Give a Mailbox the parent that its path names, making it first."""
        account = AccountId(fault.account)
        above = fault.detail.rpartition("/")[0]
        if above and await self._store.mailbox_named(account, above) is None:
            with contextlib.suppress(AlreadyExists):  # somebody made it meanwhile
                await self._store.create_mailbox(account, above)
        await self._write(lambda tx: repair_rows.set_parent(tx, account, fault.subject))
        return ""

    async def role(self, fault: Fault) -> str | None:
        """Take a role that another Mailbox has."""
        await self._write(lambda tx: repair_rows.drop_role(tx, fault.account, fault.subject))
        return ""

    async def inbox(self, fault: Fault) -> str | None:
        """Give an account an Inbox."""
        made = False

        async def work(tx: Transaction) -> None:
            nonlocal made
            made = await repair_rows.give_inbox(tx, fault.account)

        await self._write(work)
        if not made:
            await self._store.create_mailbox(AccountId(fault.account), "INBOX", role="inbox", sort_order=1)
        return ""

    async def uid_next(self, fault: Fault) -> str | None:
        """Raise the next UID."""
        await self._write(lambda tx: repair_rows.raise_uid_next(tx, fault.account, fault.subject))
        return ""

    async def uid_validity(self, fault: Fault) -> str | None:
        """Raise the last UIDVALIDITY."""
        await self._write(lambda tx: repair_rows.raise_uid_validity(tx, fault.account))
        return ""

    async def loosen(self, fault: Fault) -> str | None:
        """Leave a blob to the collector."""
        await self._write(lambda tx: repair_blobs.loosen(tx, fault.subject))
        return ""

    async def lost(self, fault: Fault) -> str | None:
        """Mark an Email as damaged, if it is so still: its blobs may have been found.

        Not while there are more blobs to look for than a report lists: the next round comes to them.
        """
        if sum(one.kind == "reference-without-blob" for one in self._faults) >= MOST_LISTED:
            return None
        for found in await look_at_messages(self._engine, "emails", [fault.subject], None):
            if found.kind in ("message-lost", "message-digest", KNOWN):
                await repair_messages.mark(self._engine, fault.account, fault.subject, damaged=True)
                return ""
        return None

    async def recovered(self, fault: Fault) -> str | None:
        """Take the mark off an Email."""
        await repair_messages.mark(self._engine, fault.account, fault.subject, damaged=False)
        return ""


_MARKED: Final = (
    "SELECT e.id, e.account, r.blob, r.tenant FROM emails e JOIN blob_refs r ON r.owner = e.id"  # noqa: S608
    f" WHERE e.id > ?1 AND e.id <= ?2 AND instr(e.extra, '{DAMAGED}') > 0"
    " AND NOT EXISTS (SELECT 1 FROM blobs b WHERE b.id = r.blob)"
)
_NO_EMAIL: Final = (
    "NOT EXISTS (SELECT 1 FROM emails e WHERE e.id = ?1)"
    " AND NOT EXISTS (SELECT 1 FROM kept_emails k WHERE k.id = ?1)"
)
_NOBODYS: Final = {
    "data-without-email": f"DELETE FROM email_data WHERE email = ?1 AND {_NO_EMAIL}",  # noqa: S608
    "headers-without-email": f"DELETE FROM email_headers WHERE email = ?1 AND {_NO_EMAIL}",  # noqa: S608
    "octets-without-blob": (
        "DELETE FROM blob_octets WHERE blob = ?1 AND NOT EXISTS (SELECT 1 FROM blobs b WHERE b.id = ?1)"
    ),
    "mailbox-without-account": (
        "DELETE FROM mailboxes WHERE id = ?1"
        " AND NOT EXISTS (SELECT 1 FROM accounts a WHERE a.id = mailboxes.account)"
    ),
}
_BY_KIND: Final[dict[str, Callable[[Repairs, Fault], Awaitable[str | None]]]] = {
    "email-visible": Repairs.visible,
    "email-without-placement": Repairs.place,
    "email-without-data": Repairs.data,
    "email-without-headers": Repairs.prepared,
    "email-without-blobs": Repairs.references,
    "email-without-thread": Repairs.thread,
    "email-without-account": Repairs.nobodys_email,
    "placement-without-email": Repairs.expunge,
    "placement-without-mailbox": Repairs.expunge,
    "placement-elsewhere": Repairs.expunge,
    "kept-without-data": Repairs.unkeep,
    "kept-and-there": Repairs.unkeep,
    "kept-lost": Repairs.unkeep,
    "reference-of-nobody": Repairs.nobodys_references,
    "upload-without-blob": Repairs.upload,
    "thread-without-email": Repairs.thread,
    "thread-counts": Repairs.thread,
    "thread-mailboxes": Repairs.thread,
    "mailbox-parent": Repairs.parent,
    "mailbox-role": Repairs.role,
    "mailbox-uid-next": Repairs.uid_next,
    "mailbox-counts": Repairs.mailbox,
    "account-without-inbox": Repairs.inbox,
    "account-counts": Repairs.account,
    "account-uid-validity": Repairs.uid_validity,
    "blob-unreferenced": Repairs.loosen,
    "message-lost": Repairs.lost,
    "message-digest": Repairs.lost,
    "message-recovered": Repairs.recovered,
    "message-prepared": Repairs.prepared,
    **dict.fromkeys(_NOBODYS, Repairs.nobodys_rows),
}
