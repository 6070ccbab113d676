"""What the domain of a sender says about the peer: SPF, asked while the peer talks.

Standards: RFC 7208 sections 4.6.4 (how long it may take) and 8.4 (fail); RFC 7372 (X.7.23).

Contract: what is in the cache of the resolver is said at once, without a task. Nobody waits for the rest but
who needs it: a refusal, a report (S15), and, for a short time, the header field. Where that was waited for in
vain three times in a row the DNS is away, or slow, and it is not waited for during half a minute.
"""

import math
from collections.abc import Callable
from functools import partial
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final, Protocol

import trio

from pymailcore.base.address import Address
from pymailcore.mailauth.questions import Answer, Question
from pymailcore.mailauth.received_spf import received_spf_field
from pymailcore.mailauth.spf import Asking, Sending, Verdict, check_host
from pymailcore.mx.beside import Beside, Pending
from pymailcore.runtime.logs import get_logger
from pymailcore.runtime.metrics import Metrics
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.role import Session
from pymailcore.smtp.settings import SmtpSettings

MAX_ASKING_COUNT: Final = 200
"""Evaluations at a time that wait for the DNS; for messages beyond that nothing is said."""
MOST_VAIN_WAITS_COUNT: Final = 3
REST_SECONDS: Final = 30.0
"""How long nobody waits for a header field after so many waits in vain."""
MARKS: Final = {"fail": "spf-fail", "softfail": "spf-softfail"}
"""Marks of a peer that a domain does not want to send for it."""

log = get_logger()

_NEVER_REFUSED: Final = frozenset({"postmaster", "abuse"})
"""Who is written to about a refusal (RFC 5321 section 4.5.1, RFC 2142 section 2)."""
_OWN_NETWORKS: Final = tuple(
    ip_network(text)
    for text in (
        "127.0.0.0/8",
        "::1/128",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "fe80::/10",
        "fc00::/7",
    )
)
"""Addresses that mean something within a network only: no domain can let them send."""


class Lookups(Protocol):
    """What is asked of the resolver."""

    def known(self, question: Question) -> Answer | None:
        """The answer, if it is known already."""
        ...

    async def answer(self, question: Question) -> Answer:
        """The answer; nothing of it raises."""
        ...


def is_public(peer: str) -> bool:
    """Whether a domain can know an address: it is no loopback, private, shared, link-local or local one."""
    address = ip_address(peer.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return not any(address in network for network in _OWN_NETWORKS)


class SenderPolicies:
    """Asks whether peers may send as they say, a task for each where the DNS has to be asked.

    What it gives is None where there is too much to be asked.
    """

    def __init__(self, resolver: Lookups, metrics: Metrics) -> None:
        self._resolver = resolver
        self._results = metrics.spf_results
        self._vain_waits = 0
        self._rests_until = -math.inf
        self._beside = Beside(MAX_ASKING_COUNT)
        self.run = self._beside.run

    def reload(self, resolver: Lookups) -> None:
        """Ask another resolver from now on."""
        self._resolver = resolver

    def ask(self, sending: Sending, *, seconds: float, connection: str) -> Pending[Verdict]:
        """Begin to look; after so many seconds it is a temperror.

        Args:
            connection: names it in the log.
        """
        resolver = self._resolver
        pending: Pending[Verdict] = Pending()
        asking = check_host(sending)
        tell = partial(self._tell, sending, connection)
        try:
            question = next(asking)
            while (answer := resolver.known(question)) is not None:
                question = asking.send(answer)
        except StopIteration as said:
            pending.end(tell(said.value))
            return pending
        late = Verdict("temperror", sending.identity, sending.domain, problem="it takes too long")
        self._beside.begin(partial(_look, resolver, asking, question, seconds, late, tell), pending)
        if pending.ended and pending.value is None:
            self._results.labels("skipped").inc()
        return pending

    async def wait_briefly(self, pending: Pending[Verdict], seconds: float) -> Verdict | None:
        """Give what is known after at most so long; at once while the DNS seems to be away."""
        if pending.ended or seconds <= 0 or trio.current_time() < self._rests_until:
            return pending.value
        verdict = await pending.wait(seconds)
        self._vain_waits = 0 if verdict is not None else self._vain_waits + 1
        if self._vain_waits >= MOST_VAIN_WAITS_COUNT:
            self._vain_waits -= 1  # the next one decides again
            self._rests_until = trio.current_time() + REST_SECONDS
            log.warning("the DNS does not answer; messages do not wait for SPF", seconds=REST_SECONDS)
        return verdict

    def _tell(self, sending: Sending, connection: str, verdict: Verdict) -> Verdict:
        """Count it and log it."""
        self._results.labels(verdict.result).inc()
        log.info(
            "spf",
            connection=connection,
            peer=sending.peer,
            result=verdict.result,
            identity=verdict.identity,
            domain=verdict.domain,
            mechanism=verdict.mechanism,
            problem=verdict.problem,
        )
        return verdict


async def _look(
    resolver: Lookups,
    asking: Asking,
    question: Question,
    seconds: float,
    late: Verdict,
    tell: Callable[[Verdict], Verdict],
) -> Verdict:
    """Answer what is asked until it is decided, or until the time is up."""
    with trio.move_on_after(seconds):
        try:
            while True:
                question = asking.send(await resolver.answer(question))
        except StopIteration as said:
            late = said.value
    return tell(late)


class SenderPolicy:
    """What is known of the sender of the transaction that a conversation is in.

    Args:
        session: whose marks say what looks bad.
        hostname: ours.
        now_ms: milliseconds since 1970.
    """

    def __init__(
        self,
        policies: SenderPolicies,
        session: Session,
        settings: SmtpSettings,
        hostname: str,
        now_ms: Callable[[], int],
    ) -> None:
        self._policies = policies
        self._session = session
        self._settings = settings
        self._hostname = hostname
        self._now_ms = now_ms
        self._sending: Sending | None = None
        self._pending: Pending[Verdict] | None = None

    def begin(self, reverse_path: Address | None, hello: str) -> None:
        """Begin to ask for a transaction; what was asked for the one before is forgotten."""
        session = self._session
        if self._pending is None:
            session.whole.callback(self._give_up)
        self._give_up()
        self._sending = Sending(
            peer=session.peer,
            hello=hello,
            reverse_path=reverse_path,
            receiver=self._hostname,
            now_seconds=self._now_ms() // 1_000,
            explain=self._settings.spf == "refuse",
        )
        self._pending = self._policies.ask(
            self._sending, seconds=self._settings.spf_seconds, connection=session.connection_id
        )

    def _give_up(self) -> None:
        self._session.marks.difference_update(MARKS.values())
        if self._pending is not None:
            self._pending.give_up()

    def mark(self) -> None:
        """Note what makes the peer look bad, if it is known by now."""
        verdict = self._pending and self._pending.value
        if verdict and verdict.result in MARKS:
            self._session.marks.add(MARKS[verdict.result])

    async def judge(self, recipient: Address) -> Reply | None:
        """Refuse a recipient where the settings want that after a fail; only then it is waited for."""
        verdict = await self._wait(self._settings.spf_seconds if self._settings.spf == "refuse" else 0)
        self.mark()
        if verdict is None or verdict.result != "fail" or self._settings.spf != "refuse":
            return None
        return None if recipient.localpart.lower() in _NEVER_REFUSED else _refusal(verdict)

    async def is_proved(self) -> bool:
        """Whether the reverse-path is the sender's own, so that a report can hit nobody else (S15)."""
        verdict = await self._wait(self._settings.spf_seconds)
        return verdict is not None and verdict.result == "pass" and verdict.identity == "mailfrom"

    async def field(self) -> bytes:
        """Received-SPF, which stands above Received (RFC 7208 section 9.1); "" where it is not known."""
        if self._pending is None or self._sending is None:
            return b""
        verdict = await self._policies.wait_briefly(self._pending, self._settings.spf_note_seconds)
        return b"" if verdict is None else received_spf_field(verdict, self._sending)

    async def _wait(self, seconds: float) -> Verdict | None:
        return None if self._pending is None else await self._pending.wait(seconds)


def _refusal(verdict: Verdict) -> Reply:
    """What a peer is told that may not send as it says; the domain's own words are marked as its own."""
    text = f"The SPF record of {verdict.domain} does not allow your host to send for it"
    if verdict.explanation:
        text += f"\n{verdict.domain} explains: {verdict.explanation}"
    return Reply(550, "5.7.23", text)
