"""Which Mailbox a folder of a source goes into.

Standards: RFC 6154 section 2, RFC 8621 section 2 (roles).

A role is taken by one folder: by the one that the operator names, else the one that the source marks, else
the one whose English name says so. The account's Mailbox with that role gets its mail, whatever the two are
called.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from pymailcore.admin.transfer.names import clean_path, usual_role
from pymailcore.admin.transfer.source import Folder
from pymailcore.base.errors import AlreadyExists, InvalidValue
from pymailcore.base.ids import AccountId
from pymailcore.store.store import Store
from pymailcore.store.types import ROLES, Mailbox

VIEWS: Final = frozenset({"all", "flagged", "important"})
"""Roles of folders that show messages of other folders (RFC 6154 section 2)."""
_INBOX: Final = "INBOX"


def roles_of(folders: Sequence[Folder], chosen: Mapping[str, str], *, guess: bool = True) -> dict[str, str]:
    """Give roles to folders by their keys.

    Args:
        chosen: path of a folder to its role, as the operator says; an empty role is none.

    Raises:
        InvalidValue: a path is no folder, or a role is none that can be chosen.
    """
    by_path = {folder.path: folder for folder in folders}
    given: dict[str, str] = {}
    for path, role in chosen.items():
        if path not in by_path:
            raise InvalidValue(f"--role: the source has no folder {path!r}")
        if role and role not in (*ROLES, *VIEWS):
            raise InvalidValue(f"--role: {role!r} is none of {', '.join(ROLES)}")
        given[by_path[path].key] = role
    for folder in folders:
        if folder.path == _INBOX:
            given.setdefault(folder.key, "inbox")
    for role_of in (_said, _guessed) if guess else (_said,):
        for folder in folders:
            found = role_of(folder)
            if found and folder.key not in given and (found in VIEWS or found not in given.values()):
                given[folder.key] = found
    return {key: role for key, role in given.items() if role}


def _said(folder: Folder) -> str | None:
    return folder.role if folder.role in (*ROLES, *VIEWS) else None


def _guessed(folder: Folder) -> str | None:
    return usual_role(folder.path)


class Targets:
    """The Mailboxes of one account, found or made for folders."""

    def __init__(self, store: Store, account: AccountId, prefix: str | None) -> None:
        self._store = store
        self._account = account
        self._prefix = prefix

    async def find(self, folder: Folder, role: str | None) -> Mailbox | None:
        """The Mailbox for a folder, if there is one already."""
        there = await self._store.mailboxes(self._account)
        role = "archive" if role == "all" else role
        if self._prefix is None and role is not None:
            for mailbox in there:
                if mailbox.role == role:
                    return mailbox
        path = self.path_of(folder)
        return next((mailbox for mailbox in there if mailbox.path == path), None)

    async def find_or_make(self, folder: Folder, role: str | None) -> Mailbox:
        """The Mailbox for a folder, made where there is none.

        Raises:
            OverQuota: the account has as many Mailboxes as it may.
        """
        found = await self.find(folder, role)
        if found is not None:
            if not folder.subscribed and found.subscribed and found.role is None:
                await self._store.update_mailbox(self._account, found.id, subscribed=False)
            return found
        wanted = None if self._prefix is not None or role in VIEWS else role
        path = self.path_of(folder)
        try:
            return await self._store.create_mailbox(
                self._account, path, role=wanted, subscribed=folder.subscribed
            )
        except AlreadyExists:
            found = await self._store.mailbox_named(self._account, path)
            if found is None:
                raise
            return found

    def path_of(self, folder: Folder) -> str:
        """Where a folder without a role goes."""
        if self._prefix is None:
            return folder.path
        return clean_path([*self._prefix.split("/"), *folder.path.split("/")])
