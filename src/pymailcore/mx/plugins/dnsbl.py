"""Plug-in `dnsbl`: lists of addresses and of domains in the DNS.

Standards: RFC 5782 sections 2.1 (IPv4), 2.4 (IPv6), 3 (domains) and 5 (how a list shows that it works).

Theory. Such lists fail in ways that look like hits. A list that does not want to answer a resolver says so
with an address in 127.255.255.0/24, or with 127.0.0.1; one that has been given up answers everything; a
resolver that sells typing errors answers with an address outside of 127.0.0.0/8. None of these counts: an
answer is a hit only inside 127.0.0.0/8 and outside of those two, and a list that has what no list can have
(127.0.0.1, or the domain "invalid") is left out until it has it no more. No answer in time is no hit.

All lists are asked at MAIL, at the same time. What they say is kept as tags of the transaction, so that
recipients need no further question: `dnsbl.listed.ZONE` where the score is reached, `dnsbl.suspicious` below
it, `dnsbl.good` below 0. The resolver keeps the answers.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address, ip_network
from typing import Final, NamedTuple, Protocol

import trio

from pymailcore.base.address import Address, normalise_domain
from pymailcore.base.errors import TemporaryFailure
from pymailcore.mx.plugins.settings import BlockList, DnsblSettings
from pymailcore.runtime.logs import get_logger
from pymailcore.smtp.hooks import Client, Refuse, Tag, Transaction, hook

SUSPICIOUS: Final = "dnsbl.suspicious"
GOOD: Final = "dnsbl.good"
_LISTED: Final = "dnsbl.listed."
_LISTS: Final = IPv4Network("127.0.0.0/8")
_REFUSALS: Final = IPv4Network("127.255.255.0/24")
_LOOPBACK: Final = IPv4Address("127.0.0.1")
_NEVER_LISTED: Final = {"address": "1.0.0.127", "domain": "invalid"}
_EXEMPT: Final = frozenset({"postmaster", "abuse"})

log = get_logger()


class Lookups(Protocol):
    """What the plug-in asks the resolver."""

    async def listed(self, name: str) -> tuple[str, ...]:
        """Give the addresses of a name in a list; nothing when it is not in it."""
        ...


class _Question(NamedTuple):
    """One name to be looked up in one list."""

    settings: BlockList
    name: str


class Dnsbl:
    """Scores clients by lists, and refuses recipients from a score on."""

    def __init__(self, settings: DnsblSettings, resolver: Lookups) -> None:
        self._settings = settings
        self._resolver = resolver
        self._hits = {one.zone: tuple(ip_network(answer) for answer in one.answers) for one in settings.lists}

    @hook
    async def mail(self, client: Client, transaction: Transaction) -> list[Tag]:
        """Look client and domains up."""
        if client.login:
            return []
        found = await self._look_up(client, transaction)
        score = sum(one.weight for one in found)
        if not found:
            return []
        log.info("listed", connection=client.connection, zones=[one.zone for one in found], score=score)
        if score >= self._settings.refuse_score:
            heaviest = max(found, key=lambda one: one.weight)
            return [Tag(_LISTED + heaviest.zone.lower()[: 64 - len(_LISTED)].rstrip("."))]
        return [Tag(GOOD if score < 0 else SUSPICIOUS)]

    @hook
    async def recipient(self, client: Client, recipient: Address) -> Refuse | None:
        """Refuse who is listed, but for those whom one writes to about it (RFC 5321 section 4.5.1)."""
        if recipient.localpart.lower() in _EXEMPT:
            return None
        zone = next((tag.removeprefix(_LISTED) for tag in client.tags if tag.startswith(_LISTED)), None)
        return None if zone is None else Refuse(f"You are listed at {zone}")

    async def _look_up(self, client: Client, transaction: Transaction) -> list[BlockList]:
        """Ask all lists at once; give those that have the client or one of its domains, each once."""
        hits: set[str] = set()

        async def ask(question: _Question) -> None:
            if await self._has(question):
                hits.add(question.settings.zone)

        with trio.move_on_after(self._settings.lookup_seconds):
            async with trio.open_nursery() as nursery:
                for question in self._questions(client, transaction):
                    nursery.start_soon(ask, question)
        return [one for one in self._settings.lists if one.zone in hits]

    def _questions(self, client: Client, transaction: Transaction) -> list[_Question]:
        names = {"address": [reversed_name(client.address)], "domain": _domains(client, transaction)}
        return [_Question(one, name) for one in self._settings.lists for name in names[one.of]]

    async def _has(self, question: _Question) -> bool:
        """Whether a list has a name, and not everything."""
        zone, kind = question.settings.zone, question.settings.of
        try:
            if not self._is_hit(zone, await self._resolver.listed(f"{question.name}.{zone}")):
                return False
            if self._is_hit(zone, await self._resolver.listed(f"{_NEVER_LISTED[kind]}.{zone}")):
                log.warning("a list in the DNS lists everything and is left out", zone=zone)
                return False
        except TemporaryFailure:
            return False
        return True

    def _is_hit(self, zone: str, answers: Sequence[str]) -> bool:
        return any(
            address in _LISTS
            and address not in _REFUSALS
            and address != _LOOPBACK
            and any(address in network for network in self._hits[zone])
            for address in map(ip_address, answers)
        )


def reversed_name(address: str) -> str:
    """An address as lists have it: its octets backwards, of IPv6 its 32 nibbles (RFC 5782 section 2.4)."""
    parsed: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    return parsed.reverse_pointer.rpartition(".")[0].rpartition(".")[0]


def _domains(client: Client, transaction: Transaction) -> list[str]:
    """The domains that a client has named, without address literals."""
    said = [client.hello, transaction.reverse_path.domain if transaction.reverse_path else ""]
    domains = [normalise_domain(name.rstrip(".")) for name in said if "." in name and "[" not in name]
    return list(dict.fromkeys([domain for domain in domains if domain is not None]))
