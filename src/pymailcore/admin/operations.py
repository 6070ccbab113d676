"""What operators do, in their words: domains, accounts, aliases and the queue, given and shown as text.

Contract: arguments are text as an operator or a REST client writes it; what cannot be understood is refused
with one clear line. Lists are plain records that JSON can carry, with times in RFC 3339 form. Who may do
this is decided by whoever calls.
"""

from datetime import UTC, datetime
from typing import Final

from pymailcore.base.address import Address, normalise_domain
from pymailcore.base.errors import InvalidValue
from pymailcore.base.ids import ACCOUNT, decode_id, encode_id
from pymailcore.directory.directory import Directory
from pymailcore.directory.types import Account
from pymailcore.queue.queue import Queue
from pymailcore.queue.types import Entry

Record = dict[str, str | int | bool]
"""One line of a list."""

QUEUED: Final = "q"
"""First letter of the id of a queued message."""


class Operations:
    """Operations on one installation."""

    def __init__(self, directory: Directory, queue: Queue) -> None:
        self._directory = directory
        self._queue = queue

    # --- domains ---------------------------------------------------------------------------------

    async def add_domain(self, domain: str) -> Record:
        """Keep mail for a domain.

        Raises:
            InvalidValue, AlreadyExists: as their names say.
        """
        added = await self._directory.add_domain(domain)
        return {"domain": added.name, "created": moment(added.created_ms)}

    async def remove_domain(self, domain: str) -> None:
        """Stop keeping mail for a domain.

        Raises:
            InvalidValue, NotFound, NotEmpty: as their names say.
        """
        await self._directory.remove_domain(domain)

    async def domains(self) -> list[Record]:
        """All domains by name."""
        return [
            {"domain": domain.name, "created": moment(domain.created_ms)}
            for domain in await self._directory.list_domains()
        ]

    # --- accounts --------------------------------------------------------------------------------

    async def add_account(self, address: str, password: str, *, admin: bool = False) -> Record:
        """Make an account.

        Raises:
            InvalidValue, NotFound, AlreadyExists: as their names say.
        """
        return _account(await self._directory.add_account(_address(address), password, admin=admin))

    async def remove_account(self, address: str) -> None:
        """Remove an account with all its mail.

        Raises:
            InvalidValue, NotFound: as their names say.
        """
        await self._directory.remove_account(_address(address))

    async def set_account(
        self, address: str, *, password: str | None = None, admin: bool | None = None
    ) -> None:
        """Change an account; None leaves a thing as it is.

        Raises:
            InvalidValue, NotFound: as their names say.
        """
        if password is not None:
            await self._directory.set_password(_address(address), password)
        if admin is not None:
            await self._directory.set_admin(_address(address), admin)

    async def accounts(self) -> list[Record]:
        """All accounts by address."""
        return [_account(account) for account in await self._directory.list_accounts()]

    # --- aliases ---------------------------------------------------------------------------------

    async def add_alias(self, address: str, target: str) -> None:
        """Let mail for an address also go to a target.

        Raises:
            InvalidValue, NotFound, AlreadyExists: as their names say.
        """
        await self._directory.add_alias(_address(address), _address(target))

    async def remove_alias(self, address: str, target: str | None = None) -> None:
        """Remove one alias, or all of an address.

        Raises:
            InvalidValue, NotFound: as their names say.
        """
        await self._directory.remove_alias(_address(address), None if target is None else _address(target))

    async def aliases(self) -> list[Record]:
        """All aliases by address."""
        return [
            {"address": alias.address, "target": alias.target, "local": alias.local}
            for alias in await self._directory.list_aliases()
        ]

    # --- the outbound queue ----------------------------------------------------------------------

    async def queued(self, *, limit: int = 1_000, after: tuple[str, str] | None = None) -> list[Record]:
        """Recipients that wait.

        Args:
            after: id and recipient of the last line of the page before.

        Raises:
            InvalidValue: that is no id of the queue.
        """
        start = (0, "") if after is None else (_number(after[0]), after[1])
        return [_entry(entry) for entry in await self._queue.entries(after=start, limit=limit)]

    async def retry(self, *, message: str | None = None, domain: str | None = None) -> int:
        """Let recipients be tried now; gives how many.

        Raises:
            InvalidValue, NotFound: as their names say.
        """
        return await self._queue.retry(message=_maybe_number(message), domain=_maybe_domain(domain))

    async def drop(self, *, message: str | None = None, domain: str | None = None) -> int:
        """Remove recipients from the queue and tell nobody; gives how many.

        Raises:
            InvalidValue, NotFound: as their names say.
        """
        return await self._queue.drop(message=_maybe_number(message), domain=_maybe_domain(domain))


def moment(ms: int) -> str:
    """Write a time in the form of RFC 3339, UTC, whole seconds."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _address(text: str) -> Address:
    address = Address.parse(text.strip())
    if address is None:
        raise InvalidValue(f"{text!r} is no mail address")
    return address


def _number(text: str) -> int:
    number = decode_id(QUEUED, text)
    if number is None:
        raise InvalidValue(f"{text!r} is no id of the queue")
    return number


def _maybe_number(text: str | None) -> int | None:
    return None if text is None else _number(text)


def _maybe_domain(text: str | None) -> str | None:
    domain = None if text is None else normalise_domain(text)
    if text is not None and domain is None:
        raise InvalidValue(f"{text!r} is no domain")
    return domain


def _account(account: Account) -> Record:
    return {
        "id": encode_id(ACCOUNT, account.id),
        "address": account.display,
        "admin": account.admin,
        "created": moment(account.created_ms),
    }


def _entry(entry: Entry) -> Record:
    return {
        "id": encode_id(QUEUED, entry.id),
        "recipient": entry.recipient,
        "sender": entry.sender,
        "state": entry.state,
        "tries": entry.tries,
        "next_try": moment(entry.next_try_ms),
        "size_octets": entry.size_octets,
        "created": moment(entry.created_ms),
        "last_reply": entry.last_reply,
    }
