"""OAUTHBEARER and XOAUTH2: a token in place of a password.

Standards: RFC 7628 sections 3.1 to 3.2.3; XOAUTH2 has none but its makers' description, and is what most
programs still speak.

A refused token is answered with a challenge that says why; the client answers that with one octet of no
meaning (OAUTHBEARER) or nothing (XOAUTH2), and then the exchange fails (RFC 7628 section 3.2.3).
"""

import re
from typing import Final

from pymailcore.sasl.machine import Machine, text_of
from pymailcore.sasl.steps import MAX_FIELD_OCTETS, MAX_TOKEN_OCTETS, BearerToken, Failed, Step

MAX_MESSAGE_OCTETS: Final = MAX_TOKEN_OCTETS + MAX_FIELD_OCTETS + 1_024
MAX_PAIRS: Final = 10

# b64token of RFC 6750 section 2.1, as RFC 7628 section 3.1 has it: auth=Bearer SP token
_BEARER: Final = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)
# kvpair = key "=" value; key = 1*(ALPHA); value = *(VCHAR / SP / HTAB / CR / LF)
_PAIR: Final = re.compile(r"([A-Za-z]+)=([\t\r\n -~]*)")
_ESCAPES: Final = re.compile(r"=(2C|3D|)")
_ESCAPED: Final = {"2C": ",", "3D": "="}

_INVALID_TOKEN: Final = b'{"status":"invalid_token","schemes":"bearer","scope":"mail"}'
_INVALID_REQUEST: Final = b'{"status":"invalid_request","schemes":"bearer","scope":"mail"}'
_XOAUTH2_REFUSED: Final = b'{"status":"401","schemes":"bearer","scope":"mail"}'
_XOAUTH2_UNREADABLE: Final = b'{"status":"400","schemes":"bearer","scope":"mail"}'


class OAuthBearer(Machine):
    """One message from the client: a GS2 header and pairs of keys and values between octets 1."""

    def _read(self, message: bytes) -> Step:
        text = text_of(message, MAX_MESSAGE_OCTETS)
        parts = [] if text is None else text.split("\x01", MAX_PAIRS + 2)
        # client-resp = gs2-header kvsep *kvpair kvsep, each kvpair with a kvsep of its own
        if len(parts) < 3 or parts[-2:] != ["", ""]:
            return _unreadable(_INVALID_REQUEST)
        authorization_id = _authorization_id(parts[0])
        pairs = [_PAIR.fullmatch(part) for part in parts[1:-2]]
        values = [pair[2] for pair in pairs if pair is not None and pair[1].lower() == "auth"]
        if authorization_id is None or None in pairs or len(values) != 1:
            return _unreadable(_INVALID_REQUEST)
        token = _token(values[0])
        if token is None:
            return _unreadable(_INVALID_TOKEN)
        return BearerToken("OAUTHBEARER", authorization_id, token)

    def _refusal(self) -> Failed:
        return Failed("the token is not valid", _INVALID_TOKEN)


class XOAuth2(Machine):
    """One message from the client: user=NAME, auth=Bearer TOKEN, each ended by octet 1, and one more."""

    def _read(self, message: bytes) -> Step:
        text = text_of(message, MAX_MESSAGE_OCTETS)
        parts = [] if text is None else text.split("\x01", 4)
        if len(parts) != 4 or parts[2:] != ["", ""]:
            return _unreadable(_XOAUTH2_UNREADABLE)
        user, auth = parts[0].removeprefix("user="), parts[1].removeprefix("auth=")
        if user == parts[0] or auth == parts[1] or not 0 < len(user.encode()) <= MAX_FIELD_OCTETS:
            return _unreadable(_XOAUTH2_UNREADABLE)
        token = _token(auth)
        if token is None:
            return _unreadable(_XOAUTH2_UNREADABLE)
        return BearerToken("XOAUTH2", user, token)

    def _refusal(self) -> Failed:
        return Failed("the token is not valid", _XOAUTH2_REFUSED)


def _authorization_id(header: str) -> str | None:
    """Read a GS2 header without channel binding (RFC 5801 section 4): "n" or "y", and perhaps a name."""
    parts = header.split(",")
    if len(parts) != 3 or parts[0] not in ("n", "y") or parts[2]:
        return None
    if not parts[1]:
        return ""
    name = parts[1].removeprefix("a=")
    if name == parts[1] or not 0 < len(name.encode()) <= MAX_FIELD_OCTETS or "" in _ESCAPES.findall(name):
        return None
    return _ESCAPES.sub(lambda found: _ESCAPED[found[1]], name)


def _token(value: str) -> str | None:
    found = _BEARER.fullmatch(value)
    return found[1] if found is not None and len(found[1]) <= MAX_TOKEN_OCTETS else None


def _unreadable(octets: bytes) -> Failed:
    return Failed("the message is malformed", octets)
