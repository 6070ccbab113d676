"""What an administrative operation is: a name, a permission, arguments, whom it is about, and what it does.

Theory. An operation says by its *finders* what it acts on: each looks, by the arguments, for one thing in
the tables and gives it as a `Subject`, or None. `registry.Administration` decides with nothing but these,
before the operation runs, so that no operation can forget to ask. What is not there and what somebody must
not see gives the same answer.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Generic, NamedTuple, TypeVar

import msgspec

from pymailcore.base.address import Address, normalise_domain
from pymailcore.base.errors import InvalidValue
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.directory.actors import Actor
from pymailcore.directory.claims import Records
from pymailcore.directory.directory import Directory
from pymailcore.directory.permissions import Permission, Subject, View
from pymailcore.queue.queue import Queue
from pymailcore.store.types import Transaction

A = TypeVar("A")

Record = dict[str, object]
"""What an operation gives: names and values for JSON; lists under "items", times in RFC 3339 form."""


class Arguments(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What an operation is told."""


class Page(Arguments):
    """Which part of a list.

    Attributes:
        after: what stood as "next" in the page before.
        limit: most items, 1 to 1,000.
    """

    after: str = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 1_000


class Found(NamedTuple):
    """What a finder found.

    Attributes:
        subject: None when there is no such thing.
        unknown: what is said then, and also when the actor must not know of it.
        seen: what the actor has to see for knowing of it, where that is not the subject itself.
    """

    subject: Subject | None
    unknown: str
    seen: Subject | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of an operation that has been allowed.

    Attributes:
        records: answers questions to the DNS; None where there is nobody to ask.
        subjects: what its finders and filters found, in their order.
        view: all that the actor holds the operation's permission for.
    """

    actor: Actor
    directory: Directory
    queue: Queue
    records: Records | None
    subjects: tuple[Subject, ...]
    view: View

    @property
    def tenant(self) -> TenantId | None:
        """The tenant of what was found first; None: the installation."""
        return self.subjects[0].tenant

    @property
    def account(self) -> AccountId:
        """The account that was found first."""
        return next(subject.account for subject in self.subjects if subject.account is not None)


Finder = Callable[[Transaction, A], Awaitable[Found]]
Filter = Callable[[Transaction, A], Awaitable[Found | None]]
"""A finder for something that need not be named: then it gives None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Generic[A]):
    """An operation.

    Attributes:
        own: a permission that lets somebody do this to the own account, where there is one.
        arguments: of which class they are; a Struct.
        finders: whom it is about; the permission must hold for each. Without any it is a list: the permission
            must be held for something, and the list shows that.
        filters: of a list: what it is narrowed to; the permission must hold for that.
        guarded: it changes an account, or how somebody signs in to it: then the actor must hold all that the
            account holds, so that nobody takes over somebody who may more.
        takes: addresses of one tenant that it gives to somebody or takes away: the actor must hold all that
            those hold who get the mail for them now.
    """

    name: str
    permission: Permission
    arguments: type[A]
    run: Callable[[Call, A], Awaitable[Record]]
    finders: tuple[Finder[A], ...] = ()
    filters: tuple[Filter[A], ...] = ()
    own: Permission | None = None
    guarded: bool = False
    takes: Callable[[A], Sequence[Address]] | None = None


def page(items: list[Record], limit: int, following: str) -> Record:
    """A page of a list; "next" is there when there may be more.

    Args:
        following: the name of the field by which the list is ordered.
    """
    more = items[-1][following] if len(items) >= limit else None
    return {"items": items, "next": more}


def moment(ms: int) -> str:
    """Write a time in the form of RFC 3339, UTC, whole seconds."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def maybe_moment(ms: int | None) -> str | None:
    """The same for one that may not be."""
    return None if ms is None else moment(ms)


def read_moment(text: str | None) -> int | None:
    """Read a time in the form of RFC 3339, or a day.

    Raises:
        InvalidValue: it is none.
    """
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
        utc = read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidValue(f"{text!r} is no time such as 2026-01-31T12:00:00Z") from None
    return int(utc.timestamp()) * 1000 + utc.microsecond // 1000


def read_address(text: str) -> Address:
    """Read a mail address.

    Raises:
        InvalidValue: it is none.
    """
    address = Address.parse(text.strip())
    if address is None:
        raise InvalidValue(f"{text!r} is no mail address")
    return address


def read_domain(text: str) -> str:
    """Read a domain into its one form.

    Raises:
        InvalidValue: it is none.
    """
    domain = normalise_domain(text.strip())
    if domain is None or domain.startswith("["):
        raise InvalidValue(f"{text!r} is no domain")
    return domain


def read_arguments(operation: Operation[A], given: Mapping[str, object]) -> A:
    """Read the arguments of an operation.

    Raises:
        InvalidValue: one is missing, unknown or of the wrong type; the text has no value in it.
    """
    try:
        return msgspec.convert(dict(given), operation.arguments)
    except msgspec.ValidationError as fault:
        raise InvalidValue(f"{operation.name}: {fault}") from None
