"""Which hosts take mail for a domain.

Standards: RFC 5321 section 5.1 (MX, order, not to oneself), RFC 7505 section 4 (null MX), RFC 3463 section 3
(status codes of what we find ourselves), RFC 5321 section 4.1.3 (address literals).
"""

import ipaddress
import random
from collections.abc import Sequence
from itertools import groupby
from typing import Final, NamedTuple

from pymailcore.base.errors import NotFound, PermanentFailure, TemporaryFailure
from pymailcore.dns.resolver import Exchange, Resolver
from pymailcore.queue.settings import QueueSettings, Route
from pymailcore.queue.tls_policy import NAMED, OPPORTUNISTIC, OwnNames, TlsPolicies, TlsPolicy

SMTP_PORT: Final = 25
_OWN_NAMES: Final = OwnNames()


class Unroutable(PermanentFailure):
    """No host takes mail for a domain, now or later; the text begins with an enhanced status code."""


class Hop(NamedTuple):
    """A host to try.

    Attributes:
        host: its name, for certificates, logs and reports.
        address: what to connect to.
        tls: whether TLS must stand, and whether a certificate for the name proves who is there.
        lmtp: it speaks LMTP (RFC 2033).
    """

    host: str
    address: str
    port: int
    tls: TlsPolicy = OPPORTUNISTIC
    lmtp: bool = False

    @property
    def is_here(self) -> bool:
        """Whether what goes there stays on this machine, so that there is no network to protect it from."""
        return self.host.startswith("unix:")


class NextHops:
    """Finds the hosts that take mail for a domain.

    Args:
        hostname: our own name, to which nothing is relayed.
        rng: orders hosts of equal preference.
        policies: knows how hosts are to be spoken to.
    """

    def __init__(
        self,
        resolver: Resolver,
        routes: Sequence[Route],
        settings: QueueSettings,
        *,
        hostname: str,
        rng: random.Random,
        policies: TlsPolicies = _OWN_NAMES,
    ) -> None:
        self._resolver = resolver
        self._routes = {route.domain.lower(): route for route in routes}
        self._settings = settings
        self._hostname = hostname.lower()
        self._rng = rng
        self._policies = policies

    async def find(self, domain: str) -> list[Hop]:
        """Give the hosts to try, the best first, at most `hosts_count`.

        A route of the settings comes before everything else; then an address literal is its own host; then
        the MX hosts, in random order where their preference is equal.

        Raises:
            Unroutable: there is no such domain, it takes no mail, or its mail comes back to us.
            TemporaryFailure: nobody can say now.
        """
        route = self._route(domain)
        if route is not None:
            return [Hop(route.host, route.host, route.port, NAMED, lmtp=route.protocol == "lmtp")]
        if domain.startswith("["):
            return [self._literal(domain)]
        return await self._hosts(domain, self._ordered(domain, await self._exchanges(domain)))

    def _route(self, domain: str) -> Route | None:
        """The route of the domain itself, of the nearest domain above it, or of all."""
        if domain in self._routes:
            return self._routes[domain]
        if domain.startswith("["):
            return None
        labels = domain.split(".")
        above = ("." + ".".join(labels[n:]) for n in range(1, len(labels)))
        return next((self._routes[name] for name in (*above, "*") if name in self._routes), None)

    def _literal(self, domain: str) -> Hop:
        text = domain[1:-1].lower().removeprefix("ipv6:")
        try:
            address = str(ipaddress.ip_address(text))
        except ValueError:
            raise Unroutable(f"5.1.2 {domain} is no address") from None
        if not self._may_connect(address):
            raise Unroutable(f"5.1.2 mail is not relayed to {domain}")
        return Hop(domain, address, SMTP_PORT)

    async def _exchanges(self, domain: str) -> tuple[Exchange, ...]:
        try:
            exchanges = await self._resolver.mail_exchanges(domain)
        except NotFound:
            raise Unroutable(f"5.1.2 there is no domain {domain}") from None
        if not exchanges:
            raise Unroutable(f"5.1.10 {domain} takes no mail")
        return exchanges

    def _ordered(self, domain: str, exchanges: Sequence[Exchange]) -> list[str]:
        """Order hosts by preference, and leave out our own and all that are not better than it."""
        ours = min((e.preference for e in exchanges if e.host == self._hostname), default=None)
        better = [e for e in exchanges if ours is None or e.preference < ours]
        if not better:
            raise Unroutable(f"5.4.6 mail for {domain} comes back to this host")
        hosts: list[str] = []
        for _, equals in groupby(sorted(better), key=lambda exchange: exchange.preference):
            shuffled = [exchange.host for exchange in equals]
            self._rng.shuffle(shuffled)
            hosts += shuffled
        return hosts

    async def _hosts(self, domain: str, names: Sequence[str]) -> list[Hop]:
        """Find the addresses of hosts, as many as will be tried."""
        hops: list[Hop] = []
        unknown: TemporaryFailure | None = None
        refused = False
        for name in names:
            if len(hops) >= self._settings.hosts_count:
                break
            try:
                addresses = await self._resolver.addresses(name)
            except NotFound:
                continue
            except TemporaryFailure as failure:
                unknown = failure
                continue
            allowed = [address for address in addresses if self._may_connect(address)]
            refused = refused or len(allowed) < len(addresses)
            if allowed:
                policy = await self._policies.find(domain, name)
                hops += [Hop(name, address, SMTP_PORT, policy) for address in allowed]
        if hops:
            return hops[: self._settings.hosts_count]
        if unknown is not None:
            raise unknown
        if refused:
            raise Unroutable(f"5.4.6 the hosts of {names[0]} are not on the Internet")
        raise Unroutable(f"5.4.4 no host that takes mail has an address, for one {names[0]}")

    def _may_connect(self, address: str) -> bool:
        """Whether the DNS may send us there; a name that points inside would turn us on our own network."""
        if self._settings.allow_private_addresses:
            return True
        parsed = ipaddress.ip_address(address)
        mapped = getattr(parsed, "ipv4_mapped", None)
        parsed = mapped if mapped is not None else parsed
        return parsed.is_global and not parsed.is_multicast
