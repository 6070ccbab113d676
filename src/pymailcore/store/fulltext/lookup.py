"""Asks the index: which Emails may have a needle, as SQL for the statement that a search is.

Theory. A search asks for the index's place of an account first, so that the snapshot of the index is not
newer than that of the store: what it lacks is then among the Emails that changed since that place (`tail`),
whatever is indexed meanwhile. The tail, and Emails that could not be read, are looked at one by one.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from pymailcore.base.ids import AccountId
from pymailcore.store.fulltext.words import Plan
from pymailcore.store.types import Transaction

NO_HELP: Final = 1_000
"""As so many queries counts a needle that the index is asked for in vain."""


class Spot(NamedTuple):
    """Where the index is with an account.

    Attributes:
        no: its number there; 0: the index has nothing of it.
        modseq: it has every Email that changed last at this or before.
    """

    no: int
    modseq: int


class Expression(NamedTuple):
    """What the index is asked for one needle.

    Attributes:
        texts: queries in the index's own language, any of which finds an Email.
        exact: what they find has the needle; else it may have it.
        alone: its only text cannot be put together with others (`TextIndex.both`).
        cost: as many queries are as dear.
    """

    texts: tuple[str, ...]
    exact: bool
    alone: bool = False
    cost: int = 1


class TextIndex(Protocol):
    """The index of one engine, as searches use it."""

    @property
    def unindexed(self) -> str:
        """Condition on an Email `e`: the index does not say anything about it."""
        ...

    @property
    def keeps_attached(self) -> bool:
        """Whether what it finds in attachments may have to be confirmed, on text that it keeps of them."""
        ...

    async def attached(self, tx: Transaction, emails: Sequence[int]) -> dict[int, str]:
        """The normal text of attachments of some Emails, where it keeps that."""
        ...

    async def spot(self, tx: Transaction, account: AccountId) -> Spot | None:
        """Where the index is; to be the first that a search does. None: there is no index."""
        ...

    async def tail(self, tx: Transaction, account: AccountId, spot: Spot, most: int) -> list[int] | None:
        """Emails of the account that the index does not say anything about; None for more than `most`."""
        ...

    async def expression(
        self, tx: Transaction, spot: Spot, columns: Sequence[str], plan: Plan
    ) -> Expression | None:
        """What to ask for a plan in some columns; None: the index is of no help."""
        ...

    async def field(self, tx: Transaction, spot: Spot, name: Plan, needle: Plan | None) -> Expression | None:
        """What to ask for a field of the header, and for what is in its value."""
        ...

    def both(self, texts: Sequence[str]) -> str:
        """What has all of these."""
        ...

    def having(self, spot: Spot, texts: Sequence[str]) -> tuple[str, tuple[object, ...]]:
        """A SELECT of the Emails that have what any query asks for, each once; `{}` for each argument."""
        ...

    def has(self, texts: Sequence[str]) -> tuple[str, tuple[object, ...]]:
        """A condition on one Email `e`: it has what any query asks for. For few Emails."""
        ...


class NoIndex:
    """For an engine without one."""

    unindexed: Final = "TRUE"
    keeps_attached: Final = False

    async def attached(self, tx: Transaction, emails: Sequence[int]) -> dict[int, str]:  # noqa: ARG002
        """It keeps nothing."""
        return {}

    async def spot(self, tx: Transaction, account: AccountId) -> Spot | None:  # noqa: ARG002 - the interface
        """There is no index."""
        return None

    async def tail(
        self,
        tx: Transaction,  # noqa: ARG002 - the interface
        account: AccountId,  # noqa: ARG002
        spot: Spot,  # noqa: ARG002
        most: int,  # noqa: ARG002
    ) -> list[int] | None:
        """All of them."""
        return None

    async def expression(
        self,
        tx: Transaction,  # noqa: ARG002 - the interface
        spot: Spot,  # noqa: ARG002
        columns: Sequence[str],  # noqa: ARG002
        plan: Plan,  # noqa: ARG002
    ) -> Expression | None:
        """It is of no help."""
        return None

    async def field(
        self,
        tx: Transaction,  # noqa: ARG002 - the interface
        spot: Spot,  # noqa: ARG002
        name: Plan,  # noqa: ARG002
        needle: Plan | None,  # noqa: ARG002
    ) -> Expression | None:
        """It is of no help."""
        return None

    def both(self, texts: Sequence[str]) -> str:
        """Nothing is ever asked."""
        raise NotImplementedError

    def having(self, spot: Spot, texts: Sequence[str]) -> tuple[str, tuple[object, ...]]:
        """Nothing is ever asked."""
        raise NotImplementedError

    def has(self, texts: Sequence[str]) -> tuple[str, tuple[object, ...]]:
        """Nothing is ever asked."""
        raise NotImplementedError
