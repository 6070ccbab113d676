"""All administrative operations, and the one place where it is decided who may do what.

Contract: whoever acts, by command line, web or key, calls `Administration.call`. It reads the arguments,
finds what the operation is about, decides, and only then runs it. What is not there and what the actor must
not know of give the same answer, by the same steps. What was refused is in the audit log.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from pymailcore.admin.operation import Call, Found, Operation, Record, read_arguments
from pymailcore.admin.operations import (
    accounts,
    addresses,
    api_keys,
    audit,
    credentials,
    data_rights,
    domains,
    groups,
    importing,
    limits,
    queue,
    roles,
    tenants,
)
from pymailcore.base.errors import Forbidden, InvalidValue, NotFound
from pymailcore.directory.actors import Actor
from pymailcore.directory.directory import Directory
from pymailcore.directory.domains import Records
from pymailcore.directory.permissions import INSTALLATION, Permission, Subject, View, allows, sees, view
from pymailcore.queue.queue import Queue
from pymailcore.runtime.clock import now_ms as wall_clock_ms
from pymailcore.runtime.logs import get_logger
from pymailcore.store.types import Transaction

_REFUSALS_A_MINUTE: Final = 60

log = get_logger()

_MODULES: Final = (
    tenants,
    domains,
    accounts,
    importing,
    data_rights,
    addresses,
    groups,
    roles,
    limits,
    credentials,
    api_keys,
    audit,
    queue,
)

OPERATIONS: Final[Mapping[str, Operation[Any]]] = MappingProxyType(
    {one.name: one for module in _MODULES for one in module.OPERATIONS}
)
"""All operations by their names."""


class Administration:
    """Operations on one installation.

    Args:
        records: answers questions to the DNS, for proofs that a domain is somebody's.
        now_ms: milliseconds since 1970.
    """

    def __init__(
        self,
        directory: Directory,
        queue: Queue,
        *,
        records: Records | None = None,
        now_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        self._records = records
        self._directory = directory
        self._queue = queue
        self._now_ms = now_ms
        self._minute = 0
        self._refusals = 0

    async def call(self, actor: Actor, name: str, arguments: Mapping[str, object]) -> Record:
        """Do something, if the actor may.

        Args:
            name: of an operation, such as "account.set".

        Raises:
            InvalidValue: there is no such operation, or its arguments cannot be understood.
            NotFound: what it is about does not exist, or is none of the actor's business.
            Forbidden: the actor may see that, and may not do this to it.
            MailError: as the operation says.
        """
        operation = OPERATIONS.get(name)
        if operation is None:
            raise InvalidValue(f"there is no operation {name!r}")
        given = read_arguments(operation, arguments)

        async def find(tx: Transaction) -> list[Found]:
            found = [await finder(tx, given) for finder in operation.finders]
            narrowed = [await one(tx, given) for one in operation.filters]
            return found + [one for one in narrowed if one is not None]

        found = await self._directory.read(find)
        try:
            await self._check_actor(actor)
            shown = view(actor.grants, operation.permission)
            subjects = tuple([_decide(actor, operation, one) for one in found])
            if not found:
                _check_list(shown, operation.permission)
            if operation.guarded:
                await self._guard(actor, subjects)
        except (NotFound, Forbidden):
            await self._note_refusal(actor, name)
            raise
        call = Call(
            actor=actor,
            directory=self._directory,
            queue=self._queue,
            records=self._records,
            subjects=subjects,
            view=shown,
        )
        return await operation.run(call, given)

    async def _check_actor(self, actor: Actor) -> None:
        """Refuse whoever may not sign in any more: suspended, or of a suspended domain or tenant."""
        if actor.account is not None:
            standing = await self._directory.standings.of(actor.account)
            if not standing.may_sign_in:
                raise Forbidden("you may do nothing now")
        elif actor.tenant is not None and not await self._directory.tenants.is_active(actor.tenant):
            raise Forbidden("you may do nothing now")

    async def _guard(self, actor: Actor, subjects: tuple[Subject, ...]) -> None:
        for subject in subjects:
            if subject.account is not None and subject.account != actor.account:
                await self._directory.roles.guard(actor, subject.account)

    async def _note_refusal(self, actor: Actor, name: str) -> None:
        """Record what was refused; of very many in a minute the others go to the server's log only."""
        if any(grant.scope == INSTALLATION for grant in actor.grants):
            return  # who may see everything has mistyped a name
        log.warning("refused", actor=actor.name, peer=actor.peer, operation=name)
        minute = self._now_ms() // 60_000
        self._minute, self._refusals = minute, 0 if minute != self._minute else self._refusals + 1
        if self._refusals < _REFUSALS_A_MINUTE:
            await self._directory.audit.refused(actor, name)


def _decide(actor: Actor, operation: Operation[Any], found: Found) -> Subject:
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
