"""A role with plug-ins: asks them around what the role itself decides.

Theory of operation. The role knows nothing of plug-ins. They are asked before it where a refusal costs least
(the connection, the name in EHLO, the whole message) and after it where they are to see only what would be
taken (reverse-path, recipients, DATA). What the role took and a plug-in refuses is taken back: the core keeps
nothing of a refused command, the role is told of a recipient (`withdraw`), and after a refused login it
begins anew, so that nobody is logged in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.ids import AccountId
from pymailcore.runtime.logs import get_logger
from pymailcore.sasl.steps import ScramKeys
from pymailcore.smtp.hooks.facts import Client, Listeners, Message, Transaction
from pymailcore.smtp.hooks.plugins import NOTHING, Calls, Plugins, Verdict
from pymailcore.smtp.protocol import events
from pymailcore.smtp.protocol.reply import ACCEPTED, Reply
from pymailcore.smtp.role import Conversation, Session, SmtpRole

_KNOWN_PEERS: Final = 4_096
_LASTING: Final = frozenset({"connect", "helo", "auth"})
"""Hooks whose tags and header fields hold for the whole connection."""

log = get_logger()


class HookedRole:
    """A role behind which plug-ins are asked.

    Args:
        listener: the protocol of the listeners that it stands behind.
        trusted: networks of which plug-ins are told that they are our own.
    """

    def __init__(
        self,
        role: SmtpRole,
        plugins: Plugins,
        *,
        listener: Listeners,
        trusted: Sequence[IPv4Network | IPv6Network] = (),
    ) -> None:
        self.role = role
        self.plugins = plugins
        self.listener = listener
        self.calls = plugins.at(listener)
        self.trusted_calls = plugins.at(listener, trusted=True)
        networks = tuple(trusted)

        @lru_cache(_KNOWN_PEERS)
        def trusts(address: str) -> bool:
            return any(ip_address(address) in network for network in networks)

        self.trusts = trusts

    @property
    def way(self) -> str:
        """As the role has it."""
        return self.role.way

    @property
    def takes_logins(self) -> bool:
        """As the role has it."""
        return self.role.takes_logins

    @property
    def lookups(self) -> frozenset[str]:
        """As the role has it."""
        return self.role.lookups

    def begin(self, session: Session) -> Conversation:
        """Begin a conversation; that of the role itself where no plug-in is asked."""
        trusted = self.trusts(session.peer)
        calls = self.trusted_calls if trusted else self.calls
        return (
            HookedConversation(self, session, calls, trusted=trusted) if calls else self.role.begin(session)
        )


class HookedConversation:
    """One conversation with plug-ins."""

    def __init__(
        self, role: HookedRole, session: Session, calls: Mapping[str, Calls], *, trusted: bool
    ) -> None:
        self._role = role
        self._calls = calls
        self._session = replace(session, signed_in=self._note_login)
        self._signed_in = session.signed_in
        self._known: set[str] = set()
        self._client = Client(
            connection=session.connection_id,
            listener=role.listener,
            address=session.peer,
            name=session.peer_name,
            trusted=trusted,
            tls=session.tls,
            marks=session.marks,
            tags=self._known,
        )
        self._hello: events.Hello | None = None
        self._login: tuple[AccountId, str] | None = None
        self._inner = role.role.begin(self._session)
        self._transaction = Transaction(number=0, reverse_path=None)
        self._recipients: dict[Address, None] = {}
        self._tags: list[str] = []
        self._lasting = {"connect": Verdict(fields=session.lasting.fields, tags=session.lasting.tags)}
        self._fields: list[bytes] = []

    async def opened(self) -> Reply | None:
        """Ask plug-ins, then the role."""
        verdict = await self._ask("connect")
        self._session.lasting.tags = verdict.tags
        self._session.lasting.fields = verdict.fields
        return verdict.reply or await self._inner.opened()

    async def hello(self, event: events.Hello) -> Reply | None:
        """Ask plug-ins, then the role; the name counts when both take it."""
        client, self._client = self._client, replace(self._client, hello=event.name)
        answer: Reply | None = None
        taken = False
        try:
            verdict = await self._ask("helo")
            answer = verdict.reply or await self._inner.hello(event)
            taken = answer is None or answer.positive
        finally:
            if not taken:
                self._client = client
        if taken:
            self._hello = event
        return answer

    async def mail(self, event: events.Mail) -> Reply | None:
        """Begin a transaction: ask the role, then plug-ins."""
        self._tags, self._fields = [], []
        self._recipients.clear()
        self._session.lasting.transactions_count += 1
        self._transaction = Transaction(
            number=self._session.lasting.transactions_count,
            reverse_path=event.reverse_path,
            size_octets=event.size_octets,
            smtputf8=event.smtputf8,
        )
        answer = await self._inner.mail(event)
        return (await self._ask("mail")).reply or answer if _taken(answer) else answer

    async def recipient(self, mail: events.Mail, event: events.Recipient) -> Reply | None:
        """Ask the role, then plug-ins; a recipient that they refuse is taken back."""
        answer = await self._inner.recipient(mail, event)
        if not _taken(answer) or event.forward_path in self._recipients:
            return answer
        verdict = await self._ask("recipient", recipient=event.forward_path)
        if verdict.reply is not None:
            self._inner.withdraw(event)
            return verdict.reply
        self._recipients[event.forward_path] = None
        return answer

    def withdraw(self, event: events.Recipient) -> None:
        """Take a recipient back."""
        self._inner.withdraw(event)

    async def verify(self, event: events.Verify) -> Reply | None:
        """Ask the role."""
        return await self._inner.verify(event)

    async def data(self, event: events.DataRequested) -> Reply | None:
        """Ask the role, then plug-ins."""
        answer = await self._inner.data(event)
        return (await self._ask("data")).reply or answer if _taken(answer) else answer

    async def message(self, envelope: Envelope, octets: bytes, digest: str) -> Reply | Sequence[Reply] | None:
        """Ask plug-ins, let the role take the message with their header fields, and tell them."""
        message = Message.read(octets, digest) if self._calls.keys() & {"message", "accepted"} else None
        verdict = await self._ask("message", message=message)
        if verdict.reply is not None:
            return verdict.reply
        fields = self._fields + [one for lasting in self._lasting.values() for one in lasting.fields]
        if fields:
            octets = b"".join([*fields, octets])
        answer = await self._inner.message(envelope, octets, digest)
        await self._tell(envelope, message, answer)
        return answer

    async def scram_keys(self, event: events.KeysNeeded) -> ScramKeys | Reply:
        """Ask the role."""
        return await self._inner.scram_keys(event)

    async def authenticate(self, event: events.Authenticate) -> Reply | None:
        """Ask the role, then plug-ins; when they refuse, the role forgets who has logged in."""
        answer = await self._inner.authenticate(event)
        if not _taken(answer):
            return answer
        client = self._client
        if self._login is not None:
            account, login = self._login
            self._client = replace(client, login=login, account=int(account))
        refused = True
        try:
            verdict = await self._ask("auth")
            refused = verdict.reply is not None
        finally:
            if refused:
                self._client, self._login = client, None
                self._session.whole.close()
                self._inner = self._role.role.begin(self._session)
        if refused and self._hello is not None:
            await self._inner.hello(self._hello)
        elif self._login is not None:
            self._signed_in(*self._login)
        return verdict.reply or answer

    def _note_login(self, account: AccountId, login: str) -> None:
        self._login = account, login

    async def _tell(
        self, envelope: Envelope, message: Message | None, answer: Reply | Sequence[Reply] | None
    ) -> None:
        """Tell plug-ins which recipients have the message."""
        if "accepted" not in self._calls:
            return
        replies = [answer or ACCEPTED] if answer is None or isinstance(answer, Reply) else answer
        if len(replies) == 1:
            replies = [replies[0]] * len(envelope.recipients)
        taken = [pair for pair in zip(envelope.recipients, replies, strict=True) if pair[1].positive]
        if taken:
            self._recipients = dict.fromkeys([who for who, _ in taken])
            await self._ask("accepted", message=message, answer=str(taken[0][1]))

    async def _ask(self, hook: str, **further: object) -> Verdict:
        calls = self._calls.get(hook)
        if calls is None:
            return NOTHING
        if len(self._recipients) != len(self._transaction.recipients):
            self._transaction = replace(self._transaction, recipients=tuple(self._recipients))
        facts = {"client": self._client, "transaction": self._transaction, **further}
        self._lasting.pop(hook, None)  # EHLO may be said again
        self._known.clear()
        self._known.update(self._tags, *[lasting.tags for lasting in self._lasting.values()])
        verdict = await self._role.plugins.ask(calls, hook, self._known, log, facts)
        if hook in _LASTING:
            self._lasting[hook] = verdict
        else:
            self._tags += verdict.tags
            self._fields += verdict.fields
        return verdict


def _taken(answer: Reply | None) -> bool:
    return answer is None or answer.positive
