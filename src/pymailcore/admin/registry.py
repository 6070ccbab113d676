"""All administrative operations, and the one way to call them.

Contract: whoever acts, by command line, web or key, calls `Administration.call`. It reads the arguments,
finds what the operation is about, decides (`admin.decision`), and only then runs it; each change decides
again in its own transaction. What is not there and what the actor must not know of give the same answer, by
the same steps. What was refused is in the audit log.
"""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from types import MappingProxyType
from typing import Any, Final, TypeVar

from pymailcore.admin.decision import Decision
from pymailcore.admin.operation import Call, Operation, Record, read_arguments
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
    own,
    queue,
    roles,
    tenants,
)
from pymailcore.base.errors import Forbidden, InvalidValue, NotFound
from pymailcore.base.reach import unbounded
from pymailcore.directory.actors import Actor
from pymailcore.directory.claims import Records
from pymailcore.directory.directory import Directory
from pymailcore.directory.permissions import INSTALLATION
from pymailcore.queue.queue import Queue
from pymailcore.runtime.clock import now_ms as wall_clock_ms
from pymailcore.runtime.logs import get_logger

A = TypeVar("A")

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
    own,
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
        over_all = any(grant.scope == INSTALLATION for grant in actor.grants)
        with unbounded() if over_all else nullcontext():
            return await self._decide_and_run(actor, operation, given)

    async def _decide_and_run(self, actor: Actor, operation: Operation[A], given: A) -> Record:
        decision = Decision(actor, operation, given, self._directory.settings)
        try:
            decided = await self._directory.read(partial(decision.make, now_ms=self._now_ms()))
        except (NotFound, Forbidden):
            if not any(grant.scope == INSTALLATION for grant in actor.grants):
                await self._note_refusal(actor, operation.name)  # who may see everything has mistyped a name
            raise
        call = Call(
            actor=decided.actor,
            directory=self._directory,
            queue=self._queue,
            records=self._records,
            subjects=decided.subjects,
            view=decided.view,
        )
        try:
            return await operation.run(call, given)
        except (NotFound, Forbidden):
            if decision.withdrawn:
                await self._note_refusal(actor, operation.name)
            raise

    async def _note_refusal(self, actor: Actor, name: str) -> None:
        """Record what was refused; of very many in a minute the others go to the server's log only."""
        log.warning("refused", actor=actor.name, peer=actor.peer, operation=name)
        minute = self._now_ms() // 60_000
        self._minute, self._refusals = minute, 0 if minute != self._minute else self._refusals + 1
        if self._refusals < _REFUSALS_A_MINUTE:
            await self._directory.audit.refused(actor, name)
