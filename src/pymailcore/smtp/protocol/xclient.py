"""XCLIENT: a mail filter of ours says for which client it speaks.

Standards: Postfix, XCLIENT_README (the command is Postfix's and has no RFC); values are xtext (RFC 3461).

What it says replaces facts about the connection, never who is signed in: LOGIN is not offered.
"""

import ipaddress
import re
from collections.abc import Mapping
from typing import Final

from pymailcore.smtp.protocol import events
from pymailcore.smtp.protocol.options import XCLIENT_KEYWORD
from pymailcore.smtp.protocol.xtext import decode_xtext

_ATTRIBUTES: Final = frozenset(XCLIENT_KEYWORD.split()[1:])
_UNKNOWN: Final = frozenset({"[UNAVAILABLE]", "[TEMPUNAVAIL]"})
_NAME: Final = re.compile(r"[0-9A-Za-z._-]{1,255}\Z")


def parse_xclient(arguments: bytes) -> events.Xclient | None:
    """Read the arguments; None when they are none, or do not say who the client is."""
    said = _split(arguments)
    if said is None:
        return None
    address = _address(said.get("ADDR", ""))
    name = said.get("NAME", "")
    port = said.get("PORT", "0")
    sound = address and (not name or _NAME.match(name)) and port.isascii() and port.isdecimal()
    return events.Xclient(address, int(port[:5]), name) if sound else None


def _split(arguments: bytes) -> Mapping[str, str] | None:
    said: dict[str, str] = {}
    for word in arguments.split():
        attribute, equals, value = word.partition(b"=")
        keyword = attribute.decode("ascii", "replace").upper()
        text = decode_xtext(value)
        if not equals or text is None or keyword not in _ATTRIBUTES or keyword in said:
            return None
        said[keyword] = text
    return {keyword: text for keyword, text in said.items() if text.upper() not in _UNKNOWN}


def _address(text: str) -> str:
    literal = text[5:] if text[:5].upper() == "IPV6:" else text
    try:
        return str(ipaddress.ip_address(literal))
    except ValueError:
        return ""
