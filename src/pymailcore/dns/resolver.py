"""Questions to the DNS, with the outcomes that mail needs.

Standards: RFC 5321 section 5.1 (MX, and the address as implicit MX), RFC 7505 section 3 (null MX), RFC 1035
section 7.4 (cache), RFC 2308 section 5 (negative answers).

Theory: mail must tell "there is no such thing", after which a message fails, from "nobody can say now", after
which it waits. NXDOMAIN and an empty answer are the first. Timeout, SERVFAIL, REFUSED, a broken answer and a
chain of aliases without end are all the second: trouble in the DNS never makes a message fail for good.

Equal questions that are asked at the same time go out once. The task that asks first sends it; when that task
is cancelled, one of those that wait takes over.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import dns.asyncresolver
import dns.exception
import dns.message
import dns.name
import dns.resolver
import dns.reversename
import trio
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.PTR import PTR
from dns.rdtypes.ANY.TXT import TXT

from pymailcore.base.errors import NotFound, TemporaryFailure
from pymailcore.dns.cache import AnswerCache
from pymailcore.dns.settings import DnsSettings
from pymailcore.mailauth.questions import Answer, Question

MAX_RECORDS: Final = 100
"""Records of one answer that are looked at; more are an attack."""


class Exchange(NamedTuple):
    """A host that takes mail for a domain (RFC 5321 section 5.1); the lowest preference comes first."""

    preference: int
    host: str


class _Answer(NamedTuple):
    """A kept outcome: records, or the failure that was met."""

    records: tuple[object, ...]
    exists: bool = True
    failure: str = ""


class _Question:
    """A question that is on its way, for those who wait for the same answer."""

    def __init__(self) -> None:
        self.ended = trio.Event()
        self.answer: _Answer | None = None


class Resolver:
    """Resolves names for one process.

    Args:
        clock: seconds that never go back; for tests.
    """

    def __init__(self, settings: DnsSettings, clock: Callable[[], float] = trio.current_time) -> None:
        self._settings = settings
        self._clock = clock
        self._cache: AnswerCache[tuple[str, str], _Answer] = AnswerCache(settings.cache_entries_count)
        self._asking: dict[tuple[str, str], _Question] = {}
        self._resolver: dns.asyncresolver.Resolver | None = None

    async def mail_exchanges(self, domain: str) -> tuple[Exchange, ...]:
        """Give the hosts that take mail for a domain, the most preferred first.

        A domain without MX records is its own exchange (RFC 5321 section 5.1).

        Returns:
            Nothing when the domain says that it takes no mail (null MX, RFC 7505 section 3).

        Raises:
            NotFound: there is no such domain.
            TemporaryFailure: nobody can say now.
        """
        records = [record for record in await self._ask(domain, "MX") if isinstance(record, MX)]
        if not records:
            return (Exchange(0, domain),)
        if len(records) == 1 and records[0].exchange == dns.name.root:
            return ()
        exchanges = {
            Exchange(record.preference, _host(record.exchange))
            for record in records
            if record.exchange != dns.name.root
        }
        return tuple(sorted(exchanges))

    async def addresses(self, host: str) -> tuple[str, ...]:
        """Give the addresses of a host, those of IPv6 first.

        Raises:
            NotFound: there is no such host, or it has no address.
            TemporaryFailure: nobody can say now, and no address is known.
        """
        found: dict[str, tuple[str, ...]] = {"AAAA": (), "A": ()}
        faults: list[Exception] = []

        async def ask(kind: str) -> None:
            try:
                found[kind] = tuple(str(record) for record in await self._ask(host, kind))
            except (NotFound, TemporaryFailure) as fault:
                faults.append(fault)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, "AAAA")
            nursery.start_soon(ask, "A")
        addresses = found["AAAA"] + found["A"]
        if addresses:
            return addresses
        for fault in faults:
            if isinstance(fault, TemporaryFailure):
                raise TemporaryFailure(str(fault))
        raise NotFound(f"{host} has no address")

    async def listed(self, name: str) -> tuple[str, ...]:
        """Give the IPv4 addresses of a name in a list of addresses or domains (RFC 5782 section 2.1).

        Returns:
            Nothing when the list does not have it.

        Raises:
            TemporaryFailure: nobody can say now.
        """
        try:
            return tuple(str(record) for record in await self._ask(name, "A"))
        except NotFound:
            return ()

    async def names(self, address: str) -> tuple[str, ...]:
        """Give the names that the DNS has for an address (RFC 1035 section 3.5), not proved by anything.

        Raises:
            NotFound: it has none.
            TemporaryFailure: nobody can say now.
        """
        reverse = dns.reversename.from_address(address).to_text(omit_final_dot=True)
        return tuple(
            _host(record.target) for record in await self._ask(reverse, "PTR") if isinstance(record, PTR)
        )

    async def texts(self, name: str) -> tuple[bytes, ...]:
        """Give the TXT records of a name, each in one piece (RFC 7208 section 3.3).

        Raises:
            NotFound: there is no such name.
            TemporaryFailure: nobody can say now.
        """
        return tuple(
            b"".join(record.strings) for record in await self._ask(name, "TXT") if isinstance(record, TXT)
        )

    async def answer(self, question: Question) -> Answer:
        """Answer what a decision of mail authentication asks; no outcome of it raises."""
        try:
            records = await self._ask(question.name, question.kind)
        except NotFound:
            return Answer(exists=False)
        except TemporaryFailure:
            return Answer(failed=True)
        return _as_answer(records)

    def known(self, question: Question) -> Answer | None:
        """The same, if it can be said without asking; None when it cannot."""
        found = self._cache.get((question.name.lower().rstrip("."), question.kind), self._clock())
        if found is None:
            return None
        return _as_answer(found.records)._replace(exists=found.exists, failed=bool(found.failure))

    async def _ask(self, name: str, kind: str) -> tuple[object, ...]:
        """Give the records of a name; none when it has none of this kind.

        Raises:
            NotFound: there is no such name.
            TemporaryFailure: nobody can say now.
        """
        key = (name.lower().rstrip("."), kind)
        while (answer := self._cache.get(key, self._clock())) is None:
            asking = self._asking.get(key)
            if asking is None:
                answer = await self._send(key)
                break
            await asking.ended.wait()
            if asking.answer is not None:
                answer = asking.answer
                break
        if answer.failure:
            raise TemporaryFailure(answer.failure)
        if not answer.exists:
            raise NotFound(f"there is no {name}")
        return answer.records

    async def _send(self, key: tuple[str, str]) -> _Answer:
        question = self._asking[key] = _Question()
        try:
            question.answer, keep_seconds = await self._resolve(*key)
            self._cache.put(key, question.answer, self._clock() + keep_seconds)
            return question.answer
        finally:
            del self._asking[key]
            question.ended.set()

    async def _resolve(self, name: str, kind: str) -> tuple[_Answer, float]:
        settings = self._settings
        if self._resolver is None:
            self._resolver = _make_resolver(settings)
        try:
            with trio.fail_after(settings.lifetime_seconds + 1):
                answer = await self._resolver.resolve(
                    dns.name.from_text(name),
                    kind,
                    raise_on_no_answer=False,
                    lifetime=settings.lifetime_seconds,
                    search=False,
                )
        except dns.resolver.NXDOMAIN as absent:
            return _Answer((), exists=False), _negative_seconds(absent, settings)
        except (dns.name.LabelTooLong, dns.name.NameTooLong, dns.name.EmptyLabel):
            return _Answer((), exists=False), settings.cache_negative_seconds
        except (dns.exception.DNSException, OSError, EOFError, trio.TooSlowError) as fault:
            reason = f"{kind} of {name}: {type(fault).__name__}"
            return _Answer((), failure=reason), settings.cache_failure_seconds
        records = tuple(answer.rrset or ())[:MAX_RECORDS]
        longest = settings.cache_max_seconds if records else settings.cache_negative_seconds
        return _Answer(records), min(float(answer.chaining_result.minimum_ttl), longest)


def _make_resolver(settings: DnsSettings) -> dns.asyncresolver.Resolver:
    resolver = dns.asyncresolver.Resolver(configure=not settings.nameservers)
    if settings.nameservers:
        resolver.nameservers = list(settings.nameservers)
        resolver.port = settings.port
    resolver.timeout = settings.timeout_seconds
    resolver.use_edns(0, 0, 1232)
    return resolver


def _as_answer(records: tuple[object, ...]) -> Answer:
    """Records of one kind as values."""
    texts: list[bytes] = []
    hosts: list[str] = []
    exchanges: list[Exchange] = []
    for record in records:
        if isinstance(record, TXT):
            texts.append(b"".join(record.strings))
        elif isinstance(record, MX):
            exchanges.append(Exchange(record.preference, _host(record.exchange)))
        else:
            hosts.append(_host(record.target) if isinstance(record, PTR) else str(record))
    return Answer(tuple(texts), tuple(hosts + [one.host for one in sorted(exchanges)]))


def _negative_seconds(absent: dns.resolver.NXDOMAIN, settings: DnsSettings) -> float:
    """RFC 2308 section 5: the least TTL of the SOA record and what it says itself."""
    responses: dict[dns.name.Name, dns.message.QueryMessage] = absent.kwargs["responses"]
    ttls = [response.resolve_chaining().minimum_ttl for response in responses.values()]
    return min([settings.cache_negative_seconds, *map(float, ttls)])


def _host(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()
