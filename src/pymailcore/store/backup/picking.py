"""One account's messages out of a backup, readable: rows in a scratch database, octets in scratch packs.

Only the records that its blobs need are fetched; they lie in sparse files at the places where they lay in
their packs, so that they are read as ever.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from pymailcore.base.errors import NotFound
from pymailcore.base.ids import decode_id
from pymailcore.message import facts as message_facts
from pymailcore.store import reading
from pymailcore.store.backup.manifest import Manifest, PackFiles
from pymailcore.store.backup.rebuilding import account_of, pick_account
from pymailcore.store.backup.target import Target
from pymailcore.store.columns import unpack_column
from pymailcore.store.keywords import Keywords
from pymailcore.store.ops.annotations import Annotation
from pymailcore.store.ops.sealing_keys import KEYS_OF_TENANT
from pymailcore.store.packs import RECORD_OCTETS, PackReader, pack_path
from pymailcore.store.places import BlobReader
from pymailcore.store.recipes import unpack_recipe
from pymailcore.store.sealing import Sealing, WrappedKey
from pymailcore.store.transaction import SqliteTransaction, drive
from pymailcore.store.types import Row
from pymailcore.store.verifying.sweep import Progress

_WINDOW_OCTETS: Final = 4 * 1024 * 1024
_GAP_OCTETS: Final = 64 * 1024
_NEEDED: Final = (
    "SELECT DISTINCT b.pack, b.position, b.stored_octets FROM chosen c JOIN blob_refs r ON r.owner = c.email"
    " JOIN blobs b ON b.id = r.blob WHERE b.pack <> 0 ORDER BY b.pack, b.position"
)


class SavedMailbox(NamedTuple):
    """A Mailbox of a backup."""

    id: int
    path: str
    role: str | None
    sort_order: int
    subscribed: bool


class SavedMessage(NamedTuple):
    """A message of a backup and where it was."""

    email: int
    keywords: Keywords
    received_ms: int
    mailboxes: tuple[int, ...]
    digest: bytes


class Picked:
    """What was picked; blocks, for one thread at a time.

    Attributes:
        account: its number in the backup, once it was picked.

    Args:
        folder: empty; for scratch files, which the caller removes.
        key_file: of the master key, if the backup holds encrypted blobs.
    """

    def __init__(self, folder: Path, target: Target, manifest: Manifest, *, key_file: Path | None) -> None:
        self._folder = folder
        self._target = target
        self._manifest = manifest
        self._key_file = key_file
        self._packs = folder / "packs"
        self._packs.mkdir()
        self.account = 0
        self._one_message = False

    def pick(self, name: str, mailbox: str | None, message: str | None, progress: Progress) -> int:
        """Fetch an account's messages, or those of one Mailbox, or one message; gives how many.

        Args:
            message: an Email's id, or its Message-ID with angle brackets.

        Raises:
            NotFound: the backup has no such account, Mailbox or message.
            UnfitBackup: the backup is damaged.
        """
        progress.begin("accounts")
        self.account = account = account_of(self._target, self._manifest, name)
        self._one_message = message is not None
        rows = self._folder / "rows.sqlite"
        self.connection = pick_account(rows, self._target, self._manifest, account, progress)
        self.connection.execute(
            "CREATE TABLE chosen (email INTEGER PRIMARY KEY, taken INTEGER NOT NULL DEFAULT 0)"
        )
        self._only: int | None = None
        if mailbox is not None:
            row = self.connection.execute("SELECT id FROM mailboxes WHERE path = ?", (mailbox,)).fetchone()
            if row is None:
                raise NotFound(f"the backup has no Mailbox {mailbox} in this account")
            self._only = int(row[0])
        self._choose(message)
        (number,) = self.connection.execute("SELECT count(*) FROM chosen").fetchone() or (0,)
        if message is not None and not number:
            raise NotFound(f"the backup has no message {message} there")
        self._fetch_records(progress)
        sealing = Sealing(self._key_file, self._keys_of)
        self._tx = SqliteTransaction(self.connection)
        self._blobs = BlobReader(PackReader(self._packs), sealing)
        return int(number)

    def _choose(self, message: str | None) -> None:
        condition = "?1 = ?1" if self._only is None else "p.mailbox = ?1"
        self.connection.execute(
            "INSERT INTO chosen (email) SELECT DISTINCT p.email FROM placements p"  # noqa: S608 - constants
            f" JOIN email_data d ON d.email = p.email WHERE {condition}",
            (self._only or 0,),
        )
        if message is None:
            return
        email = decode_id("e", message)
        if email is not None:
            self.connection.execute("DELETE FROM chosen WHERE email <> ?", (email,))
            return
        wanted = message.strip("<> ")
        rows: Sequence[Row] = self.connection.execute(
            "SELECT c.email, d.facts FROM chosen c JOIN email_data d ON d.email = c.email"
        ).fetchall()
        for email_, facts in rows:
            if wanted not in (message_facts.unpack(unpack_column(bytes(facts))).message_id or ()):
                self.connection.execute("DELETE FROM chosen WHERE email = ?", (email_,))

    def _keys_of(self, tenant: int) -> Sequence[WrappedKey]:
        return [WrappedKey(*row) for row in self.connection.execute(KEYS_OF_TENANT, (tenant,))]

    def _fetch_records(self, progress: Progress) -> None:
        progress.begin("octets of blobs")
        packs = {pack.pack: pack for pack in self._manifest.packs}
        needed: Sequence[Row] = self.connection.execute(_NEEDED).fetchall()
        for number, (pack, start, end) in enumerate(_windows(needed)):
            files = packs.get(pack)
            if files is not None:
                self._fetch(files, start, end)
            progress.at(min(1.0, (number + 1) / len(needed)))
        self.connection.execute("UPDATE blobs SET pack = -pack WHERE pack < 0")
        progress.at(1.0)

    def _fetch(self, pack: PackFiles, start: int, end: int) -> None:
        descriptor = os.open(pack_path(self._packs, abs(pack.pack)), os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            for piece in pack.pieces:
                first = max(start, piece.start)
                last = min(end, piece.start + piece.file.octets)
                if first < last:
                    octets = self._target.get(piece.file.name, first - piece.start, last - first)
                    os.pwrite(descriptor, octets, first)
        finally:
            os.close(descriptor)

    def mailboxes(self) -> list[SavedMailbox]:
        """The Mailboxes that messages are restored into, parents before children."""
        return [
            SavedMailbox(id_, path, role, sort_order, bool(subscribed))
            for id_, path, role, sort_order, subscribed in self.connection.execute(
                "SELECT m.id, m.path, m.role, m.sort_order, m.subscribed FROM mailboxes m"
                " WHERE (m.id = ?1 OR ?1 = 0) AND (EXISTS (SELECT 1 FROM placements p"
                " JOIN chosen c ON c.email = p.email WHERE p.mailbox = m.id)"
                " OR (?2 AND EXISTS (SELECT 1 FROM annotations a WHERE a.mailbox = m.id))) ORDER BY m.path",
                (self._only or 0, not self._one_message),
            )
        ]

    def annotations(self) -> Iterator[tuple[int, list[Annotation]]]:
        """Annotations by Mailbox, 0 being the server; owners are accounts of the backup.

        With a Mailbox that was picked only its own, with one message none.
        """
        if self._one_message:
            return
        places: Sequence[Row] = self.connection.execute(
            "SELECT DISTINCT mailbox FROM annotations WHERE mailbox = ?1 OR ?1 = 0", (self._only or 0,)
        ).fetchall()
        for (mailbox,) in places:
            rows: Sequence[Row] = self.connection.execute(
                "SELECT owner, entry, value FROM annotations WHERE mailbox = ? ORDER BY owner, entry",
                (mailbox,),
            ).fetchall()
            yield mailbox, [Annotation(owner, entry, bytes(value)) for owner, entry, value in rows]

    def messages(self) -> Iterator[SavedMessage]:
        """What was picked, in the order in which it came."""
        for email, flags, extra, received_ms, recipe in self.connection.execute(
            "SELECT e.id, e.flags, e.extra, e.received_ms, d.recipe FROM chosen c"
            " JOIN emails e ON e.id = c.email JOIN email_data d ON d.email = e.id ORDER BY e.id"
        ):
            places: Sequence[Row] = self.connection.execute(
                "SELECT mailbox FROM placements WHERE email = ?1 AND (mailbox = ?2 OR ?2 = 0)"
                " ORDER BY mailbox, uid",
                (email, self._only or 0),
            ).fetchall()
            yield SavedMessage(
                email,
                Keywords(flags, extra),
                received_ms,
                tuple(place[0] for place in places),
                unpack_recipe(recipe).digest,
            )

    def tenant_key(self) -> bytes | None:
        """The key under which the backup's digests are made."""
        row = self.connection.execute(
            "SELECT s.value FROM accounts a JOIN secrets s ON s.name = 'tenant:' || a.tenant"
        ).fetchone()
        return None if row is None else bytes(row[0])

    def octets(self, email: int) -> bytes:
        """Give the octets of a message.

        Raises:
            NotFound, DamagedBlob, DamagedMessage: the backup does not have them whole.
        """
        rows = drive(lambda tx: reading.stored_rows(tx, [email]), self._tx)
        if email not in rows:
            raise NotFound(f"Email {email} is not whole in the backup")
        return rows[email].rebuild(self._blobs)

    def close(self) -> None:
        """Close what is open."""
        if hasattr(self, "connection"):
            self.connection.close(True)


def _windows(needed: Sequence[Row]) -> Iterator[tuple[int, int, int]]:
    """Stretches of packs that hold records which lie close together: (pack, start, end)."""
    current: tuple[int, int, int] | None = None
    for pack, position, octets in needed:
        start, end = position - RECORD_OCTETS, position + octets
        if (
            current is not None
            and current[0] == pack
            and start - current[2] <= _GAP_OCTETS
            and end - current[1] <= _WINDOW_OCTETS
        ):
            current = pack, current[1], end
            continue
        if current is not None:
            yield current
        current = pack, start, end
    if current is not None:
        yield current
