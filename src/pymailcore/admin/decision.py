"""Whether somebody may do one operation: decided before it runs, and again in the transaction of each change.

Theory. Between the first decision and a change the one who acts may lose a role or be suspended, what he acts
on may move, and whom he acts on may be given more than he has. All changes of the directory run one at a time
(`directory.changes`), so a decision that is made inside one holds until it is on disk. It comes there with
the actor (`Actor.confirm`), so no operation can forget it.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Generic, NamedTuple, TypeVar

from pymailcore.admin.operation import Found, Operation
from pymailcore.base.errors import Forbidden, NotFound
from pymailcore.base.ids import AccountId
from pymailcore.directory import roles
from pymailcore.directory.acting import as_of_now
from pymailcore.directory.actors import Actor
from pymailcore.directory.holders import holders
from pymailcore.directory.permissions import Permission, Subject, View, allows, sees, view
from pymailcore.directory.settings import DirectorySettings
from pymailcore.store.types import Transaction

A = TypeVar("A")


class Decided(NamedTuple):
    """That somebody may.

    Attributes:
        actor: with what he holds now; each change that he makes asks again.
        subjects: what finders and filters found, in their order.
        view: all that he holds the operation's permission for.
    """

    actor: Actor
    subjects: tuple[Subject, ...]
    view: View


class Decision(Generic[A]):
    """One call of an operation, to be decided.

    Args:
        given: its arguments.

    Attributes:
        withdrawn: it was allowed, and refused in the transaction of a change.
    """

    def __init__(self, actor: Actor, operation: Operation[A], given: A, settings: DirectorySettings) -> None:
        self._actor = actor
        self._settings = settings
        self._operation = operation
        self._given = given
        self._subjects: tuple[Subject, ...] = ()
        self.withdrawn = False

    async def make(self, tx: Transaction, now_ms: int) -> Decided:
        """Decide, as things are at a moment.

        Raises:
            NotFound: what it is about does not exist, or is none of the actor's business.
            Forbidden: the actor may see that, and may not do this to it; or he may do nothing now.
        """
        found = await self._find(tx)
        actor = await as_of_now(tx, self._actor, now_ms)
        shown = view(actor.grants, self._operation.permission)
        subjects = tuple([_decide(actor, self._operation, one) for one in found])
        if not found:
            _check_list(shown, self._operation.permission)
        for account in await self._above(tx, subjects):
            if account != actor.account:
                await roles.guard(tx, actor, account)
        self._subjects = subjects
        return Decided(replace(actor, confirm=self._confirm), subjects, shown)

    async def _confirm(self, tx: Transaction, now_ms: int) -> Actor:
        """Decide again, in the transaction of a change; nobody else changes the directory until it ends."""
        await tx.lock("directory")
        before = self._subjects
        try:
            decided = await self.make(tx, now_ms)
            if decided.subjects != before:
                raise NotFound("what this is about has moved")
        except (NotFound, Forbidden):
            self._subjects, self.withdrawn = before, True
            raise
        return decided.actor

    async def _above(self, tx: Transaction, subjects: Iterable[Subject]) -> set[AccountId]:
        """The accounts whose rights the actor must have, too."""
        found = set[AccountId]()
        if self._operation.guarded:
            found.update(subject.account for subject in subjects if subject.account is not None)
        if self._operation.takes is not None:
            addresses = self._operation.takes(self._given)
            found |= await holders(tx, addresses, self._settings)
        return found

    async def _find(self, tx: Transaction) -> list[Found]:
        found = [await finder(tx, self._given) for finder in self._operation.finders]
        narrowed = [await one(tx, self._given) for one in self._operation.filters]
        return found + [one for one in narrowed if one is not None]


def _decide(actor: Actor, operation: Operation[A], found: Found) -> Subject:
    """Say whether the actor may do this to what was found.

    Raises:
        NotFound: it does not exist, or no grant of the actor's reaches it.
        Forbidden: he may see it, and not do this.
    """
    subject = found.subject
    if subject is None:
        raise NotFound(found.unknown)
    if allows(actor.grants, operation.permission, subject):
        return subject
    if operation.own is not None and subject.account is not None and subject.account == actor.account:
        if allows(actor.grants, operation.own, subject):
            return subject
    elif (known := found.seen or subject) != Subject() and not sees(actor.grants, known):
        raise NotFound(found.unknown)
    raise Forbidden(f"that takes the permission {operation.permission}")


def _check_list(shown: View, permission: Permission) -> None:
    if not (shown.everything or shown.tenants or shown.domains):
        raise Forbidden(f"that takes the permission {permission}")
