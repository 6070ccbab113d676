"""What goes beyond one account's own mail: annotations, rights, copies into another account."""

from collections.abc import Collection, Mapping, Sequence

from pymailcore.base.ids import AccountId, MailboxId
from pymailcore.store import across
from pymailcore.store.across import EmailCopy
from pymailcore.store.engine import Engine
from pymailcore.store.ops import annotations, rights
from pymailcore.store.ops.annotations import Annotation, AnnotationLimits
from pymailcore.store.ops.rights import Right
from pymailcore.store.types import Appended, Copied


class Sharing:
    """Annotations and access control lists of all accounts, and copies between accounts."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def annotation_limits(self) -> AnnotationLimits:
        """How many annotations there may be, and how large."""
        return AnnotationLimits.of(self._engine.settings)

    async def annotation_sizes(
        self, account: AccountId, mailbox: MailboxId | None, reader: AccountId
    ) -> dict[str, int]:
        """Octets of the annotations that `reader` sees, by name (RFC 5464).

        Args:
            mailbox: None for those of the server: what is private to `account`, and what its tenant shares.
        """
        return await self._engine.look(lambda tx: annotations.sizes(tx, account, mailbox or 0, reader))

    async def annotations(
        self, account: AccountId, mailbox: MailboxId | None, reader: AccountId, names: Collection[str]
    ) -> dict[str, bytes]:
        """Values of annotations that `reader` sees, by name; those that are not there are left out.

        Raises:
            InvalidValue: a name is none.
        """
        return await self._engine.look(lambda tx: annotations.read(tx, account, mailbox or 0, reader, names))

    async def set_annotations(
        self,
        account: AccountId,
        mailbox: MailboxId | None,
        reader: AccountId,
        changes: Mapping[str, bytes | None],
    ) -> None:
        """Set annotations, all or none; None removes one. Who may is for the caller to know.

        Raises:
            NotFound: no such Mailbox.
            InvalidValue: a name is neither under `/shared/` nor under `/private/`, or is none.
            TooLarge: a value is; TooManyAnnotations: there are; OverQuota: all together are too large.
        """
        limits = self.annotation_limits
        await self._engine.database.write(
            lambda tx: annotations.write(tx, account, mailbox or 0, reader, changes, limits=limits)
        )

    async def copy_annotations(self, account: AccountId, mailbox: MailboxId, to: MailboxId) -> None:
        """Give a Mailbox the annotations of another one of the same account, private ones included.

        Raises:
            NotFound: no such Mailbox.
            OverQuota: as `set_annotations`.
        """
        limits = self.annotation_limits
        await self._engine.database.write(
            lambda tx: annotations.copy(tx, account, mailbox, to, limits=limits)
        )

    async def bring_back_annotations(
        self, account: AccountId, mailbox: MailboxId | None, wanted: Sequence[Annotation]
    ) -> int:
        """Give a Mailbox, or the server, annotations that it had; gives how many it got.

        What is there under the same name stays; what goes beyond the limits is left out.

        Args:
            mailbox: None for what is private on the server to `account`.

        Raises:
            NotFound: no such Mailbox.
        """
        limits = self.annotation_limits
        return await self._engine.database.write(
            lambda tx: annotations.bring_back(tx, account, mailbox or 0, wanted, limits=limits)
        )

    async def rights(self, account: AccountId, mailbox: MailboxId) -> list[Right]:
        """The access control list of a Mailbox (RFC 4314).

        Raises:
            NotFound: the account has no such Mailbox.
        """
        return await self._engine.look(lambda tx: rights.listed(tx, account, mailbox))

    async def set_rights(self, account: AccountId, mailbox: MailboxId, identifier: str, given: str) -> None:
        """Give an identifier exactly these rights in a Mailbox of `account`; none takes it off the list.

        Raises:
            NotFound: no such Mailbox, or nobody has this name.
            InvalidValue: a letter is no right, or the identifier cannot be one.
            OverQuota: the list is as long as it may be.
        """
        identifier, given = rights.checked_identifier(identifier), rights.checked_rights(given)
        most = self._engine.settings.rights_per_mailbox
        await self._engine.database.write(
            lambda tx: rights.change(tx, account, mailbox, identifier, given, most=most)
        )

    async def rights_of(self, mailbox: MailboxId, reader: AccountId) -> str:
        """What an account may do with anybody's Mailbox: letters of `ops.rights.ALL_RIGHTS`."""
        return await self._engine.look(lambda tx: rights.rights_of(tx, mailbox, reader))

    async def shared_with(self, reader: AccountId) -> list[tuple[AccountId, MailboxId]]:
        """Mailboxes of others whose list names an account, as (owner, Mailbox)."""
        return await self._engine.look(lambda tx: rights.shared_with(tx, reader))

    async def copy_across(
        self,
        account: AccountId,
        mailbox: MailboxId,
        ranges: Sequence[tuple[int, int]],
        to: AccountId,
        into: MailboxId,
    ) -> Copied:
        """COPY into a Mailbox of another account: all or nothing; new Emails with flags and dates kept.

        Raises:
            NotFound: a Mailbox is gone.
            OverQuota: they do not all fit.
            TooLarge: more than `across.MOST_OCTETS` are to go to another tenant.
        """
        return await across.copy(self._engine, account, mailbox, ranges, to, into)

    async def copy_emails(
        self, account: AccountId, to: AccountId, wanted: Sequence[EmailCopy]
    ) -> list[list[Appended]]:
        """Copy Emails into Mailboxes of another account: all or nothing (RFC 8621 section 4.7).

        Returns:
            For each what its Mailboxes gave it; nothing where `account` has no such Email.

        Raises:
            NotFound, OverQuota, TooLarge: see `copy_across`.
        """
        return await across.copy_emails(self._engine, account, to, wanted)
