"""Puts mail of a backup back into a store that runs: an account, a Mailbox, or one message.

Messages come as new Emails, with their keywords and time of arrival, into the Mailboxes where they were: the
same Mailbox if it is still there, else one of the same name, which is made if need be. A message that such a
Mailbox has already, octet for octet, is left out; so the same command may run again after it was broken off.
Annotations come with their Mailboxes, and with the account those that it has on the server; what is there
under the same name stays.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import trio

from pymailcore.base.errors import AlreadyExists, NotFound
from pymailcore.base.ids import AccountId, MailboxId, TenantId
from pymailcore.store.backup.cut import scratch_folder
from pymailcore.store.backup.manifest import Manifest
from pymailcore.store.backup.picking import Picked, SavedMailbox, SavedMessage
from pymailcore.store.backup.target import Target
from pymailcore.store.blobs import address_of
from pymailcore.store.keywords import keywords_of
from pymailcore.store.packs import DamagedBlob
from pymailcore.store.recipes import DamagedMessage, unpack_recipe
from pymailcore.store.store import Store
from pymailcore.store.types import Incoming, Row, Transaction
from pymailcore.store.types import Target as Place
from pymailcore.store.verifying.faults import DAMAGED
from pymailcore.store.verifying.sweep import Progress

_BATCH_MESSAGES: Final = 50
_BATCH_OCTETS: Final = 8 * 1024 * 1024
_PAGE: Final = 1_000
_MARK: Final = keywords_of((DAMAGED,))


class Returned(NamedTuple):
    """What a restore of mail did: messages that came back, that were there already, that are not whole."""

    restored: int
    there: int
    damaged: tuple[str, ...]


async def restore_mail(
    store: Store,
    target: Target,
    manifest: Manifest,
    *,
    account: str,
    mailbox: str | None = None,
    message: str | None = None,
    scratch: Path,
    progress: Progress,
) -> Returned:
    """Put mail back.

    Args:
        account: its name, here and in the backup.
        mailbox: path; only what was in it, and only there.
        message: an Email's id, or a Message-ID with angle brackets.
        scratch: a folder with room for the account.

    Raises:
        NotFound: no such account, here or in the backup; no such Mailbox or message in the backup.
        OverQuota: the account cannot take it all; what came until then stays.
        UnfitBackup: the backup is damaged.
    """
    found = await store.database.read(
        lambda tx: tx.row("SELECT id, tenant FROM accounts WHERE name = ?1", account)
    )
    if found is None:
        raise NotFound(f"{account} is no account here; make it first: pymailcore account add {account}")
    with scratch_folder(scratch) as folder:
        picked = Picked(folder, target, manifest, key_file=store.engine.settings.encryption_key_file)
        try:
            number = await trio.to_thread.run_sync(picked.pick, account, mailbox, message, progress)
            run = _Run(store, picked, AccountId(found[0]), TenantId(found[1]))
            return await run.all(number, progress)
        finally:
            picked.close()


class _Run:
    def __init__(self, store: Store, picked: Picked, account: AccountId, tenant: TenantId) -> None:
        self._store = store
        self._picked = picked
        self._account = account
        self._tenant = tenant
        self._mailboxes: dict[int, MailboxId] = {}
        self._batch: list[Incoming] = []
        self._octets = 0
        self._restored = 0
        self._there = 0
        self._damaged: list[str] = []

    async def all(self, number: int, progress: Progress) -> Returned:
        key = await self._store.engine.tenant_key(self._tenant)
        same_key = key == self._picked.tenant_key()
        progress.begin("messages that are there")
        await self._map_mailboxes()
        await self._annotate(same_installation=same_key)
        progress.begin("messages")
        for done, message in enumerate(self._picked.messages(), 1):
            octets = None
            digest = message.digest
            if not same_key:  # the backup of another installation
                octets = await self._read(message)
                digest = b"" if octets is None else address_of(key, octets)
            missing = [mailbox for mailbox in message.mailboxes if not self._take(mailbox, digest)]
            if not missing:
                self._there += 1
            else:
                octets = await self._read(message) if octets is None else octets
                if octets is not None:
                    await self._file(message, octets, missing)
            progress.at(done / number)
        await self._flush()
        return Returned(self._restored, self._there, tuple(self._damaged))

    async def _read(self, message: SavedMessage) -> bytes | None:
        try:
            return await trio.to_thread.run_sync(self._picked.octets, message.email)
        except (NotFound, DamagedBlob, DamagedMessage) as error:
            self._damaged.append(f"Email {message.email}: {error}")
            return None

    async def _file(self, message: SavedMessage, octets: bytes, mailboxes: Sequence[int]) -> None:
        keywords = message.keywords.without(_MARK)
        places = [Place(self._account, self._mailboxes[mailbox], keywords) for mailbox in mailboxes]
        prepared = await self._store.prepare(octets)
        self._batch.append(Incoming(prepared, places, message.received_ms))
        self._octets += len(octets)
        if len(self._batch) >= _BATCH_MESSAGES or self._octets >= _BATCH_OCTETS:
            await self._flush()

    async def _flush(self) -> None:
        if self._batch:
            await self._store.append_many(self._batch, tenant=self._tenant)
            self._restored += len(self._batch)
            self._batch = []
            self._octets = 0

    # --- Mailboxes and what is in them ----------------------------------------------------------

    async def _map_mailboxes(self) -> None:
        scratch = self._picked.connection
        scratch.execute(
            "CREATE TABLE there (mailbox, digest, number, PRIMARY KEY (mailbox, digest)) WITHOUT ROWID"
        )
        for saved in self._picked.mailboxes():
            here = {mailbox.id: mailbox for mailbox in await self._store.mailboxes(self._account)}
            by_path = {mailbox.path: mailbox for mailbox in here.values()}
            found = here.get(MailboxId(saved.id)) or by_path.get(saved.path)
            if found is None:
                roles = {mailbox.role for mailbox in here.values()}
                self._mailboxes[saved.id] = await self._make(saved, roles)
            else:
                self._mailboxes[saved.id] = found.id
                await self._list(saved.id, found.id)

    async def _annotate(self, *, same_installation: bool) -> None:
        """Bring annotations back; those private to others only where these are still the same accounts."""
        others = set[int]()
        if same_installation:
            rows = await self._store.database.read(lambda tx: tx.rows("SELECT id FROM accounts"))
            others = {row[0] for row in rows}
        owners = {one: one for one in others} | {0: 0, self._picked.account: int(self._account)}
        for saved, found in self._picked.annotations():
            mailbox = self._mailboxes.get(saved)
            if mailbox is None and saved:
                continue  # it was removed before the backup was made
            wanted = [one._replace(owner=owners[one.owner]) for one in found if one.owner in owners]
            await self._store.sharing.bring_back_annotations(self._account, mailbox, wanted)

    async def _make(self, saved: SavedMailbox, roles: set[str | None]) -> MailboxId:
        try:
            made = await self._store.create_mailbox(
                self._account,
                saved.path,
                role=None if saved.role in roles else saved.role,
                subscribed=saved.subscribed,
                sort_order=saved.sort_order,
            )
        except AlreadyExists:  # somebody made it meanwhile
            there = await self._store.mailbox_named(self._account, saved.path)
            if there is None:
                raise
            return there.id
        return made.id

    async def _list(self, saved: int, mailbox: MailboxId) -> None:
        """Note the digests of what a Mailbox has."""
        last = 0
        rows: list[Row] = []
        while not last or len(rows) == _PAGE:

            async def page(tx: Transaction, last: int = last) -> list[Row]:
                return await tx.rows(
                    "SELECT p.uid, d.recipe FROM placements p JOIN email_data d ON d.email = p.email"
                    " WHERE p.mailbox = ?1 AND p.uid > ?2 ORDER BY p.uid LIMIT ?3",
                    mailbox,
                    last,
                    _PAGE,
                )

            rows = await self._store.database.read(page)
            if not rows:
                break
            scratch = self._picked.connection
            with scratch:
                scratch.executemany(
                    "INSERT INTO there VALUES (?, ?, 1) ON CONFLICT (mailbox, digest)"
                    " DO UPDATE SET number = number + 1",
                    [(saved, unpack_recipe(bytes(recipe)).digest) for _, recipe in rows],
                )
            last = rows[-1][0]

    def _take(self, mailbox: int, digest: bytes) -> bool:
        """Whether a Mailbox has such a message that no other one of the backup was found to be."""
        scratch = self._picked.connection
        scratch.execute(
            "UPDATE there SET number = number - 1 WHERE mailbox = ? AND digest = ? AND number > 0",
            (mailbox, digest),
        )
        return bool(scratch.changes())
