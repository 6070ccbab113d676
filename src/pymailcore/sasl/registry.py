"""Mechanisms by name.

Standards: RFC 4422 section 3.1 (mechanism names).
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from pymailcore.sasl.login import Login
from pymailcore.sasl.plain import Plain
from pymailcore.sasl.steps import Mechanism

MECHANISMS: Final[Mapping[str, Callable[[], Mechanism]]] = MappingProxyType({"PLAIN": Plain, "LOGIN": Login})
"""In the order of preference; all of them send the password, so they need TLS."""


def new_mechanism(name: str) -> Mechanism | None:
    """Make the machine for one attempt; the name in any case; None when there is no such mechanism."""
    make = MECHANISMS.get(name.upper()) if name.isascii() else None
    return None if make is None else make()
