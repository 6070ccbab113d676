"""Ids of other accounts that somebody has asked with: told to nobody but the audit log.

Theory: whoever asks with the id of somebody else's account, message or upload gets the answer that one gets
who asks with an id that nobody has, and gets it in the same time. So nothing is looked up while he waits:
ids that led to nothing are gathered, some for each account, and every minute those that somebody else has are
looked for. Of an account there is at most one record for each time, with the first method and the first id
that were found; ids are gathered in the order in which they came, and what is beyond the limit is not looked
at.
"""

from collections.abc import Iterable
from functools import partial
from typing import Final, NamedTuple

from pymailcore.base import ids
from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import AccountId, decode_id
from pymailcore.directory.actors import Actor
from pymailcore.directory.changes import Change
from pymailcore.directory.ground import Ground
from pymailcore.directory.sql import listed
from pymailcore.directory.types import Principal
from pymailcore.runtime.logs import get_logger
from pymailcore.store.blobids import EmailBlob, PartBlob, UploadBlob, parse_blob
from pymailcore.store.types import Transaction

FOREIGN: Final = "foreign-id"
"""The action of the record; its subject is the method and the id."""

_MOST_IDS: Final = 100
_MOST_TOGETHER: Final = 100_000
"""Ids that are kept in all, which is some 20 MB."""

_LONGEST: Final = 128

_OWNERS: Final = {
    ids.ACCOUNT: "SELECT id, id FROM accounts",
    ids.MAILBOX: "SELECT id, account FROM mailboxes",
    ids.EMAIL: "SELECT id, account FROM emails",
    ids.THREAD: "SELECT id, account FROM threads",
    ids.IDENTITY: "SELECT id, account FROM identities",
    ids.SUBMISSION: "SELECT id, account FROM submissions",
}
_AMONG: Final = " WHERE id IN (SELECT value FROM json_each(?1))"
_UPLOAD: Final = "SELECT 1 FROM uploads WHERE key = ?1 AND account <> ?2 LIMIT 1"
_MOST_UPLOADS: Final = 10
"""Ids of uploads that are looked for in a minute: no index says whose they are."""

log = get_logger()


class _How(NamedTuple):
    """With which method an id came, and from where."""

    method: str
    peer: str


class _Asked(NamedTuple):
    """The ids that somebody has asked with, in the order in which they came."""

    principal: Principal
    ids: dict[str, _How]


class ForeignIds:
    """Ids that led to nothing, of the accounts that this process serves."""

    def __init__(self, ground: Ground) -> None:
        self._database = ground.database
        self._changes = ground.changes
        self._asked: dict[AccountId, _Asked] = {}
        self._held = 0

    def note(self, principal: Principal, method: str, given: Iterable[str], *, peer: str) -> None:
        """Somebody has asked with ids that led to nothing.

        Args:
            method: with which: "Email/get", "SEARCH", "download" …
            given: any texts; those that have not the form of an id are nobody's.
        """
        candidates = filter(_may_be_one, given)
        asked = self._asked.get(principal.account)
        for text in candidates:
            if asked is None:
                asked = self._asked[principal.account] = _Asked(principal, {})
            if len(asked.ids) >= _MOST_IDS or self._held >= _MOST_TOGETHER:
                return
            if text not in asked.ids:
                asked.ids[text] = _How(method, peer)
                self._held += 1

    async def flush(self) -> None:
        """Look for what was gathered, and record what is somebody else's."""
        gathered, self._asked, self._held = self._asked, {}, 0
        for account, asked in gathered.items():
            try:
                found = await self._database.read(partial(_foreign, account=account, texts=asked.ids))
                if found:
                    await self._record(asked, found)
            except TemporaryFailure:
                if self._asked.setdefault(account, asked) is asked:
                    self._held += len(asked.ids)

    async def _record(self, asked: _Asked, found: set[str]) -> None:
        text, how = next(one for one in asked.ids.items() if one[0] in found)
        principal, subject = asked.principal, f"{how.method} {text}"
        log.warning("foreign id", user=principal.name, peer=how.peer, asked=subject, count=len(found))
        actor = Actor.owner(principal.name, principal.account, principal.tenant, peer=how.peer)

        async def work(_tx: Transaction, change: Change) -> None:
            change.record(FOREIGN, subject, tenant=principal.tenant, new={"ids": len(found)})

        await self._changes.run(actor, work)


async def _foreign(tx: Transaction, account: AccountId, texts: Iterable[str]) -> set[str]:
    """Those of some texts that are ids of what another account has."""
    numbers: dict[str, dict[int, list[str]]] = {kind: {} for kind in _OWNERS}  # some forms have two meanings
    uploads: list[tuple[str, bytes]] = []
    for text in texts:
        for kind, numbered in numbers.items():
            if (number := decode_id(kind, text)) is not None:
                numbered.setdefault(number, []).append(text)
        match parse_blob(text):
            case EmailBlob(email) | PartBlob(email, _):
                numbers[ids.EMAIL].setdefault(email, []).append(text)
            case UploadBlob(key) if len(uploads) < _MOST_UPLOADS:
                uploads.append((text, key))
    own: set[str] = set()
    foreign: set[str] = set()
    for kind, numbered in numbers.items():
        rows = await tx.rows(_OWNERS[kind] + _AMONG, listed(numbered)) if numbered else []
        for number, owner in rows:
            (own if owner == account else foreign).update(numbered[number])
    for text, key in uploads:
        if await tx.row(_UPLOAD, key, account) is not None:
            foreign.add(text)
    return foreign - own


def _may_be_one(text: str) -> bool:
    """Whether a text has the form of an id."""
    if len(text) > _LONGEST:
        return False
    return (text[:1] in _OWNERS and decode_id(text[0], text) is not None) or parse_blob(text) is not None
