"""What a method is given besides its arguments, and the shape of a method."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import trio

from pymailcore.base import ids
from pymailcore.base.ids import AccountId
from pymailcore.directory.types import Principal
from pymailcore.jmap.protocol.arguments import Arguments
from pymailcore.jmap.protocol.errors import MethodError
from pymailcore.jmap.protocol.values import JsonObject
from pymailcore.jmap.services import Services


@dataclass(slots=True, kw_only=True)
class Context:
    """One request of one principal.

    Attributes:
        peer: address of the client.
        created_ids: creation id to id, over all calls of the request (RFC 8620 section 5.3).
        then: calls that follow from the one running (RFC 8621 section 7.5), answered under its call id.
        answer_octets: roughly, of the large things in the answers so far.
        gone: returns once the client is.
    """

    principal: Principal
    services: Services
    peer: str = ""
    created_ids: dict[str, str] = field(default_factory=dict)
    then: list[tuple[str, JsonObject]] = field(default_factory=list)
    answer_octets: int = 0
    gone: Callable[[], Awaitable[None]] = trio.sleep_forever

    @property
    def account(self) -> AccountId:
        """The one account that the principal has."""
        return self.principal.account

    @property
    def account_id(self) -> str:
        """Its id as text."""
        return ids.encode_id(ids.ACCOUNT, self.principal.account)

    def take_account(self, arguments: Arguments, name: str = "accountId") -> str:
        """Take the account argument.

        Raises:
            MethodError: accountNotFound: it is not the principal's, whether it exists or not.
        """
        if arguments.identifier(name) != self.account_id:
            raise MethodError("accountNotFound")
        return self.account_id

    def count_answer(self, octets: int) -> None:
        """Count what is put into an answer; a request must not fill the memory.

        Raises:
            MethodError: requestTooLarge, the answers to this request become too large.
        """
        self.answer_octets += octets
        most = self.services.settings.max_answer_octets
        if self.answer_octets > most:
            raise MethodError("requestTooLarge", f"the answers to one request have at most {most} octets")

    def real_id(self, text: str) -> str | None:
        """Give the id that a `#creation` stands for, or the id itself; None for an unknown creation."""
        return self.created_ids.get(text[1:]) if text.startswith("#") else text


Handler = Callable[[Context, Arguments], Awaitable[JsonObject]]
"""One method: takes its arguments, refuses what is left of them, gives its answer."""


@dataclass(frozen=True, slots=True)
class DataType:
    """The methods of one data type, and the capability that a request must use to call them."""

    capability: str
    methods: Mapping[str, Handler]
