"""What the submission port and JMAP share: who may send, complete headers, hand over to delivery.

Standards: RFC 6409 sections 6 and 8, RFC 5321 section 4.4 (Received), RFC 6531 section 3.1 (SMTPUTF8).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.errors import InvalidValue, TooLarge
from pymailcore.base.ids import IdMint, encode_id
from pymailcore.delivery.delivery import Accepted, Delivery
from pymailcore.directory import correspondents, sending
from pymailcore.directory.directory import Directory
from pymailcore.directory.errors import RateExceeded, SendingBlocked
from pymailcore.directory.types import Principal
from pymailcore.message.complete import complete_headers
from pymailcore.message.fields import header_end
from pymailcore.message.trace import canonical, received_field
from pymailcore.runtime.clock import now_ms as wall_clock_ms
from pymailcore.store.types import StoredMessage, Transaction
from pymailcore.submission import delegation
from pymailcore.submission.authorise import authorise
from pymailcore.submission.settings import SubmissionSettings

HTTP: Final = "HTTP"
"""How mail comes in by JMAP, which files a copy as its client says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a submitted message came from, for its Received field.

    Attributes:
        hello: what the client called itself; its address where the protocol has no such thing.
        peer: address of the client.
        protocol: of the registry of RFC 3848: ESMTPSA, UTF8SMTPSA …; HTTP for JMAP.
        tls: version and cipher; None in clear.
        id: of the transaction; made here when it is "".
    """

    hello: str
    peer: str
    protocol: str = "ESMTPSA"
    tls: str | None = None
    id: str = ""


class Submission:
    """Takes messages from accounts that have logged in.

    Args:
        hostname: our own name, for Received and Message-ID.
        ids: for both.
        now_ms: milliseconds since 1970.
    """

    def __init__(
        self,
        directory: Directory,
        delivery: Delivery,
        settings: SubmissionSettings,
        *,
        hostname: str,
        ids: IdMint,
        now_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        self._directory = directory
        self._delivery = delivery
        self._hostname = hostname
        self._ids = ids
        self._now_ms = now_ms
        self._defaults = settings.limits()
        self._hold_after = settings.hold_after_refusals
        self._copy_to_sent = settings.copy_to_sent

    def require_space(self, octets: int) -> None:
        """Say whether there is room for a message of a length, before it comes; see `Delivery`."""
        self._delivery.require_space(octets)

    async def authorise(self, principal: Principal, envelope: Envelope, octets: bytes) -> None:
        """Check the names in a message without sending it; see `submit`.

        Raises:
            Forbidden: reverse-path, From, Sender or a Resent- field is not the account's.
        """
        await authorise(self._directory, principal, envelope, canonical(octets))

    async def submit(
        self,
        principal: Principal,
        envelope: Envelope,
        octets: bytes,
        *,
        origin: Origin,
        queued_as: int | None = None,
        also: Callable[[Transaction, StoredMessage], Awaitable[None]] | None = None,
    ) -> Accepted:
        """Send a message in the name of an account.

        It gets Date, Message-ID and Received where they belong, and loses Bcc. All or nothing: when this
        returns, the message is on disk for every recipient.

        Args:
            queued_as: the id that it has in the queue, if it comes there; None makes one.
            also: further rows for the same transaction; may run more than once.

        Raises:
            ReversePathNotYours: the reverse-path is not the account's.
            Forbidden: From, Sender or a Resent- field is not the account's to write as; or it may not write
                to a group.
            SendingBlocked: no mail goes out in the account's name.
            TooLarge: the message is longer than the account may send.
            RateExceeded: the account, its domain or its tenant has sent too much for now, or to too many
                whom it does not know; all processes and nodes count together, in the transaction that keeps
                the message. Too many of these, and the account is blocked and its mail in the queue held.
            InvalidValue: there are no recipients.
            NotFound, Loop, OverQuota, TemporaryFailure: see `Delivery.accept`.
        """
        if not envelope.recipients:
            raise InvalidValue("a message without recipients")
        standing = await self._directory.standings.of(principal.account)
        if not standing.may_send:
            raise SendingBlocked(standing.reason or "sending is blocked")
        most = standing.message_octets()
        if most is not None and len(octets) > most:
            raise TooLarge(f"this account may send messages of {most} octets")
        octets = canonical(octets)
        sender = await authorise(self._directory, principal, envelope, octets)
        await delegation.record(self._directory, principal, envelope, octets, peer=origin.peer)
        now_ms, count = self._now_ms(), len(envelope.recipients)
        meters = sending.meters(standing, self._defaults)
        outside = await self._outside(principal, envelope)

        async def counted(tx: Transaction, message: StoredMessage) -> None:
            await sending.spend(tx, meters, principal.account, count, outside, now_ms)
            if also is not None:
                await also(tx, message)

        try:
            return await self._delivery.accept(
                _with_needs(envelope, octets),
                self._complete(envelope, octets, origin, now_ms, sender),
                tenant=principal.tenant,
                received_ms=now_ms,
                account=principal.account,
                may_report=_is_proved,
                copy_to_sent=self._copy_to_sent and origin.protocol != HTTP,
                queued_as=queued_as,
                also=counted,
            )
        except RateExceeded as refusal:
            await self._refused(principal, refusal)
            raise

    async def recall(
        self, tx: Transaction, principal: Principal, queued: int, *, recipients_count: int
    ) -> None:
        """Take back a message of the account of which nobody was tried yet, inside the caller's transaction.

        What it counted for the account's limits stays counted.

        Raises:
            StateMismatch: somebody was tried, or there is no such message.
        """
        await self._delivery.recall(tx, queued, account=principal.account, recipients_count=recipients_count)

    async def _outside(self, principal: Principal, envelope: Envelope) -> list[int]:
        """The recipients that are not of the sender's tenant, as correspondents are known by."""
        domains = {recipient.domain for recipient in envelope.recipients}
        found = {name: await self._directory.routes.domain(name) for name in domains}
        ours = {name for name, one in found.items() if one is not None and one.tenant == principal.tenant}
        return [correspondents.digest(one) for one in envelope.recipients if one.domain not in ours]

    async def _refused(self, principal: Principal, refusal: RateExceeded) -> None:
        """Tell operators; and hold what the account has sent, when that was too often."""
        await self._directory.sending_alarms.sound(principal, str(refusal))
        if refusal.scope != "account":
            return
        if await self._directory.sending_holds.refused(principal, str(refusal), after=self._hold_after):
            await self._delivery.hold(principal.account)

    def _complete(
        self, envelope: Envelope, octets: bytes, origin: Origin, now_ms: int, sender: Address | None
    ) -> bytes:
        date = datetime.fromtimestamp(now_ms / 1000, UTC)
        name = encode_id("q", self._ids.new())
        only = str(envelope.recipients[0]) if len(envelope.recipients) == 1 else None
        received = received_field(
            hello=origin.hello,
            peer=origin.peer,
            by=self._hostname,
            with_protocol=origin.protocol,
            id=origin.id or name,
            date=date,
            recipient=only,
            tls=origin.tls,
        )
        return received + complete_headers(
            octets,
            date=date,
            message_id=f"{name}@{self._hostname}",
            sender=None if sender is None else str(sender),
        )


async def _is_proved() -> bool:
    """Who has signed in is."""
    return True


def _with_needs(envelope: Envelope, octets: bytes) -> Envelope:
    """Note what the message needs of the hosts on its way, whatever the client said."""
    addresses = (envelope.reverse_path, *envelope.recipients)
    international = not all(address is None or address.is_ascii for address in addresses)
    return replace(
        envelope,
        smtputf8=envelope.smtputf8
        or international
        or not octets[: header_end(octets, 0, len(octets))].isascii(),
        eight_bit=envelope.eight_bit or not octets.isascii(),
    )
