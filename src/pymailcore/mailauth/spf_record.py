"""SPF records: found among the texts of a name, and read.

Standards: RFC 7208 sections 3.2 (one record), 4.5 (which texts are records), 4.6.1 (the grammar), 5
(mechanisms) and 6 (modifiers).

A fault anywhere makes the whole record worthless (section 4.6): all of it is read before any of it counts.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final, Literal, NamedTuple

from pymailcore.mailauth.spf_macros import Malformed, Pieces, parse, parse_domain

IpAddress = IPv4Address | IPv6Address
MechanismName = Literal["all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"]

MAX_RECORD_OCTETS: Final = 8_192
"""Stricter than the standard, which has no number: nobody honest comes near."""

_VERSION: Final = re.compile(rb"v=spf1(?:\x20|\Z)", re.IGNORECASE)
_MODIFIER: Final = re.compile(r"([a-z][a-z0-9_.-]*+)=(.*)\Z", re.IGNORECASE)
_DIRECTIVE: Final = re.compile(r"([+?~-]?)([a-z][a-z0-9_.-]*+)(.*)\Z", re.IGNORECASE)
_DUAL_CIDR: Final = re.compile(r"(?:/(0|[1-9][0-9]?))?(?://(0|[1-9][0-9]{0,2}))?\Z")
_CIDR: Final = re.compile(r"([0-9a-f.:]++)(?:/(0|[1-9][0-9]{0,2}))?\Z", re.IGNORECASE)
_KNOWN_RECORDS: Final = 256
_MAX_KNOWN_OCTETS: Final = 1_024
"""What is longer is read anew each time, so that a peer cannot make us remember much."""


class Network(NamedTuple):
    """Addresses of one version with the same beginning.

    Attributes:
        start: this beginning, as a number.
        rest: how many bits follow it.
    """

    version: int
    start: int
    rest: int

    def holds(self, address: IpAddress) -> bool:
        """Whether an address is one of them."""
        return address.version == self.version and int(address) >> self.rest == self.start


def network_of(address: IpAddress, width: int) -> Network:
    """Give the network that an address is in; so many of its bits count."""
    rest = address.max_prefixlen - width
    if rest < 0:
        raise ValueError(width)
    return Network(address.version, int(address) >> rest, rest)


class Mechanism(NamedTuple):
    """One directive.

    Attributes:
        qualifier: "+", "-", "~" or "?".
        domain: of what is looked up; None for the domain itself.
        network: of ip4 and ip6.
        widths: how many bits of an IPv4 and of an IPv6 address count.
        text: as it was written.
    """

    qualifier: str
    name: MechanismName
    text: str
    domain: Pieces | None = None
    network: Network | None = None
    widths: tuple[int, int] = (32, 128)


class Record(NamedTuple):
    """One record.

    Attributes:
        redirect, explanation: where to go on, and where an explanation is; None for nowhere.
    """

    mechanisms: tuple[Mechanism, ...]
    redirect: Pieces | None
    explanation: Pieces | None


def find_record(texts: tuple[bytes, ...]) -> bytes | None:
    """Give the SPF record among the TXT records of a name; None when there is none (RFC 7208 section 4.5).

    Raises:
        Malformed: there are several.
    """
    found = [text for text in texts if _VERSION.match(text)]
    if len(found) > 1:
        raise Malformed("several records")
    return found[0] if found else None


def parse_record(octets: bytes) -> Record:
    """Read a record that `find_record` has found.

    Raises:
        Malformed: there is a fault in it.
    """
    if len(octets) > MAX_RECORD_OCTETS:
        raise Malformed("the record is too long")
    return _parse_known(octets) if len(octets) <= _MAX_KNOWN_OCTETS else _parse(octets)


def _parse(octets: bytes) -> Record:
    try:
        text = octets.decode("ascii")
    except UnicodeDecodeError:
        raise Malformed("the record is not ASCII") from None
    mechanisms: list[Mechanism] = []
    modifiers: dict[str, Pieces] = {}
    for term in text.split(" ")[1:]:
        if not term:
            continue
        modifier = _MODIFIER.match(term)
        if modifier is None:
            mechanisms.append(_mechanism(term))
            continue
        name = modifier[1].lower()
        if name not in ("redirect", "exp"):
            parse(modifier[2], explanation=True)  # RFC 7208 section 6: what is not known is passed over
        elif name in modifiers:
            raise Malformed(f"{name} twice")
        else:
            modifiers[name] = parse_domain(modifier[2])
    return Record(tuple(mechanisms), modifiers.get("redirect"), modifiers.get("exp"))


_parse_known: Final = lru_cache(_KNOWN_RECORDS)(_parse)


def _mechanism(term: str) -> Mechanism:
    found = _DIRECTIVE.match(term)
    read = None if found is None else _READERS.get(found[2].lower())
    if found is None or read is None:
        raise Malformed(f"no mechanism: {term[:40]!a}")
    try:
        mechanism = read(found[3])
    except ValueError:
        raise Malformed(f"not well formed: {term[:40]!a}") from None
    return mechanism._replace(qualifier=found[1] or "+", text=term)


def _all(rest: str) -> Mechanism:
    if rest:
        raise ValueError(rest)
    return Mechanism("", "all", "")


def _include(rest: str) -> Mechanism:
    return Mechanism("", "include", "", _needed_domain(rest))


def _exists(rest: str) -> Mechanism:
    return Mechanism("", "exists", "", _needed_domain(rest))


def _ptr(rest: str) -> Mechanism:
    return Mechanism("", "ptr", "", _needed_domain(rest) if rest else None)


def _a(rest: str) -> Mechanism:
    domain, widths = _with_widths(rest)
    return Mechanism("", "a", "", domain, None, widths)


def _mx(rest: str) -> Mechanism:
    domain, widths = _with_widths(rest)
    return Mechanism("", "mx", "", domain, None, widths)


def _ip4(rest: str) -> Mechanism:
    return Mechanism("", "ip4", "", None, _network(rest, IPv4Address))


def _ip6(rest: str) -> Mechanism:
    return Mechanism("", "ip6", "", None, _network(rest, IPv6Address))


_READERS: Final[dict[str, Callable[[str], Mechanism]]] = {
    "all": _all,
    "include": _include,
    "a": _a,
    "mx": _mx,
    "ptr": _ptr,
    "ip4": _ip4,
    "ip6": _ip6,
    "exists": _exists,
}


def _needed_domain(rest: str) -> Pieces:
    if not rest.startswith(":"):
        raise ValueError(rest)
    return parse_domain(rest[1:])


def _with_widths(rest: str) -> tuple[Pieces | None, tuple[int, int]]:
    """Read `[":" domain-spec] ["/" width] ["//" width]` (RFC 7208 section 5.3)."""
    found = _DUAL_CIDR.search(rest)
    assert found is not None  # noqa: S101 - the expression matches the empty end of any text
    widths = int(found[1] or 32), int(found[2] or 128)
    if widths[0] > 32 or widths[1] > 128:
        raise ValueError(rest)
    domain = rest[: found.start()]
    return (_needed_domain(domain) if domain else None), widths


def _network(rest: str, kind: type[IPv4Address | IPv6Address]) -> Network:
    """Read `":" address ["/" width]`; bits beyond the width may be set (RFC 7208 section 5.6)."""
    found = _CIDR.match(rest, 1) if rest.startswith(":") else None
    if found is None:
        raise ValueError(rest)
    address = kind(found[1])
    return network_of(address, int(found[2] or address.max_prefixlen))
