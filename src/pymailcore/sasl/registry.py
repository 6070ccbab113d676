"""Mechanisms by name, and what of them one connection is offered.

Standards: RFC 4422 section 3.1 (mechanism names), RFC 5802 section 6 (what may be announced beside what).
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from pymailcore.sasl.bearer import OAuthBearer, XOAuth2
from pymailcore.sasl.external import External
from pymailcore.sasl.login import Login
from pymailcore.sasl.plain import Plain
from pymailcore.sasl.scram import PLUS, Scram
from pymailcore.sasl.settings import KNOWN, SaslSettings
from pymailcore.sasl.steps import Mechanism

NONCE_OCTETS: Final = 18

_SIMPLE: Final[Mapping[str, Callable[[], Mechanism]]] = MappingProxyType(
    {"PLAIN": Plain, "LOGIN": Login, "OAUTHBEARER": OAuthBearer, "XOAUTH2": XOAuth2, "EXTERNAL": External}
)
_NO_BINDINGS: Final[Mapping[str, bytes]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What one connection may log in with.

    Attributes:
        names: of mechanisms, the best first; empty when nobody can log in here and now.
        bindings: channel-binding data by type; empty when the connection cannot be bound.
        random_bytes: gives that many random octets.
    """

    names: tuple[str, ...]
    random_bytes: Callable[[int], bytes] = field(repr=False)
    bindings: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def takes_passwords(self) -> bool:
        """Whether a password may be sent as it is."""
        return "PLAIN" in self.names or "LOGIN" in self.names

    def begin(self, name: str) -> Mechanism | None:
        """Make the machine for one attempt; the name in any case; None when it is not offered."""
        name = name.upper() if name.isascii() else ""
        if name not in self.names:
            return None
        simple = _SIMPLE.get(name)
        if simple is not None:
            return simple()
        return Scram(
            name,
            nonce=base64.b64encode(self.random_bytes(NONCE_OCTETS)),
            bindings=self.bindings if name.endswith(PLUS) else _NO_BINDINGS,
            plus_announced=any(offered.endswith(PLUS) for offered in self.names),
        )


NOTHING: Final = Offer(names=(), random_bytes=bytes)  # nothing is begun, so no chance is needed


def make_offer(
    settings: SaslSettings,
    *,
    random_bytes: Callable[[int], bytes],
    bindings: Mapping[str, bytes] = _NO_BINDINGS,
    certificate: bool = False,
) -> Offer:
    """Say what a connection that may log in is offered.

    Args:
        bindings: channel-binding data of the connection by type; empty outside of TLS.
        certificate: the client has shown a certificate that was verified.
    """
    names = tuple(
        name
        for name in KNOWN
        if name in settings.mechanisms
        and (bindings or not name.endswith(PLUS))
        and (certificate or name != "EXTERNAL")
    )
    return Offer(names=names, bindings=bindings, random_bytes=random_bytes)
