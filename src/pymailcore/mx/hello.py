"""What the name that a peer gives itself says about the peer.

Standards: RFC 5321 sections 2.3.5 (names of hosts), 4.1.1.1 (who has no name gives an address literal), 4.1.3
(address literals) and 4.1.4 (that the name does not fit the address is no reason to refuse mail).

Theory: hardly anything that a peer may say is proof. Who says our own name cannot be honest and is refused;
the rest are marks, by which greylisting and delays tell who looks like no mail server.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

OWN_NAME: Final = "hello-own-name"
LOCALHOST: Final = "hello-localhost"
BARE_ADDRESS: Final = "hello-bare-address"
FOREIGN_LITERAL: Final = "hello-foreign-literal"
SHORT_NAME: Final = "hello-short-name"
NO_NAME: Final = "hello-no-name"

_NAME: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]\Z")
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_IPV6: Final = "ipv6:"


def judge(name: str, peer: str, *, own_name: str) -> str:
    """Give the mark that a peer earns with the name that it says; "" for none.

    Args:
        peer: its address.
        own_name: the name of this host.
    """
    said, address = name.lower().rstrip("."), ip_address(peer)
    if address.is_loopback:
        return ""
    if said == own_name.lower():
        return OWN_NAME
    if said in ("localhost", "localhost.localdomain") or said.endswith(".localhost"):
        return LOCALHOST
    if name.startswith("["):
        return _judge_literal(name, address)
    if _address(said) is not None:
        return BARE_ADDRESS
    if _LABEL.match(said):
        return SHORT_NAME
    return "" if _NAME.match(said) and len(said) <= 253 else NO_NAME


def _judge_literal(name: str, peer: IPv4Address | IPv6Address) -> str:
    said = name[1:-1].lower() if name.endswith("]") else ""
    given = _address(said.removeprefix(_IPV6))
    if given is None or isinstance(given, IPv6Address) is not said.startswith(_IPV6):
        return NO_NAME
    if isinstance(given, IPv6Address) and given.ipv4_mapped is not None:
        given = given.ipv4_mapped
    if given.is_loopback:
        return LOCALHOST
    return "" if given == peer else FOREIGN_LITERAL


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
