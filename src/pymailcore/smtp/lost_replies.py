"""Remembers transactions of whose 250 the client may not have heard, so that they are not filed twice.

Standards: RFC 1047 (a client that lost the reply to its mail data sends the message again), RFC 5321 section
4.5.3.2.6.

Theory of operation. A client has heard a reply when it says anything after it. Where it goes away before
that, by the end of the connection, a fault of it or silence, or where the reply could not be written, the
reply is remembered, and who sends the same again gets it again: once, and nothing is filed. "The same" is the
client's address and login, reverse-path, recipients, what was asked for with them, and each octet of the
message. What is kept of a transaction is 32 octets and the reply, in one process: where front workers are
several, the client may reach another one, and the message is filed again, as it would be without this.
"""

from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b

import trio

from pymailcore.base.envelope import Envelope
from pymailcore.runtime.prefixes import prefixes
from pymailcore.smtp.protocol.reply import ACCEPTED, Reply


class LostReplies:
    """The replies that may have been lost lately.

    Args:
        count: how many are remembered; the oldest is forgotten for a new one. 0 for none.
        seconds: for how long.
    """

    def __init__(self, count: int = 1_024, seconds: float = 600.0) -> None:
        self._count = count
        self._seconds = seconds
        self._replies: OrderedDict[bytes, tuple[float, Reply]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._replies)

    def note(self, name: bytes, reply: Reply) -> None:
        """Remember the reply to a transaction."""
        if not self._count:
            return
        self._replies.pop(name, None)
        if len(self._replies) >= self._count:
            self._replies.popitem(last=False)
        self._replies[name] = trio.current_time() + self._seconds, reply

    def take(self, name: bytes) -> Reply | None:
        """Give the reply that a transaction had, and forget it; None when there was none."""
        until, reply = self._replies.pop(name, (0.0, None))
        return reply if trio.current_time() < until else None


class Hearing:
    """Whether the client of one connection has heard that its last message was taken.

    Args:
        way: of the role.
        peer: the client's address; of IPv6 the /64 counts.
    """

    __slots__ = ("_login", "_lost", "_peer", "_said", "_way")

    def __init__(self, lost: LostReplies, *, way: str, peer: str) -> None:
        self._lost = lost
        self._way = way
        self._peer = peer
        self._login = ""
        self._said: tuple[Envelope, str, Reply] | None = None

    def signed_in(self, login: str) -> None:
        """The client has shown who it is."""
        self._login = login

    def answer_again(self, envelope: Envelope, digest: str) -> Reply | None:
        """Give the reply that this transaction had when the client could not hear it; None for a new one."""
        if not self._lost:
            return None
        reply = self._lost.take(self._name(envelope, digest))
        if reply is not None:
            self._said = envelope, digest, reply
        return reply

    def said(self, envelope: Envelope, digest: str, answer: Reply | Sequence[Reply] | None) -> None:
        """Note what the client will be told of a message; of interest is one yes for all recipients."""
        reply = ACCEPTED if answer is None else answer
        if isinstance(reply, Reply) and reply.positive:
            self._said = envelope, digest, reply

    def received(self, octets: bytes | bytearray) -> None:
        """Note what came after our last reply: something, or the end."""
        if octets:
            self._said = None
        else:
            self.gone()

    def gone(self) -> None:
        """The client is gone, or nobody knows where it is."""
        if self._said is not None:
            envelope, digest, reply = self._said
            self._lost.note(self._name(envelope, digest), reply)
            self._said = None

    def _name(self, envelope: Envelope, digest: str) -> bytes:
        """A short name that only the same transaction of the same client has.

        Times that clients count from when they speak (FUTURERELEASE, DELIVERBY) are not in it.
        """
        path, terms = envelope.reverse_path, envelope.terms
        parts = [self._way, self._login, prefixes(self._peer)[0], digest, "" if path is None else str(path)]
        parts += [terms.ret, terms.envid, str(terms.require_tls), str(terms.priority)]
        for recipient in sorted(envelope.recipients, key=str):
            said = envelope.reports(recipient)
            parts += [str(recipient), ",".join(sorted(said.notify)), said.orcpt]
        return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=32).digest()
