"""Octets into JSON values under the rules of I-JSON.

Standards: RFC 7493 section 2 (I-JSON), RFC 8259, RFC 8620 section 1.5 (JMAP data is I-JSON).

Refused: text that is not UTF-8, nesting deeper than `MAX_DEPTH`, a member that appears twice, NaN and
Infinity, whole numbers beyond 2**53 - 1, lone surrogates. Noncharacters, which RFC 7493 section 2.1
forbids too, are let through: mail is full of them and they do no harm. Depth and number of values are checked
before anything is decoded, in linear time: strings are cut out, all but brackets is dropped, and each pass
takes the innermost level away.
"""

import json
import re
from typing import Final

from pymailcore.jmap.protocol.values import MAX_INT, JsonObject

MAX_DEPTH: Final = 64
MAX_VALUES: Final = 500_000
"""Ten megabytes of `[],[],` are 3,300,000 lists, and those are 250 MB."""

# Possessive, and the end of the input closes a string: linear on every input.
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_ALL_BUT_BRACKETS: Final = bytes(octet for octet in range(256) if octet not in b"[]{}")
_ONE_KIND: Final = bytes.maketrans(b"{}", b"[]")
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_MAX_DIGITS: Final = 17  # sign and the 16 digits of 2**53 - 1


class NotJson(Exception):
    """The octets are not I-JSON."""


def parse(octets: bytes) -> object:
    """Decode I-JSON.

    Raises:
        NotJson: with the reason, fit for the peer.
    """
    _check_shape(octets)
    try:
        value: object = json.loads(
            octets.decode("utf-8"),
            object_pairs_hook=_members,
            parse_int=_whole_number,
            parse_constant=_no_constant,
        )
    except UnicodeDecodeError as error:
        raise NotJson("not UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise NotJson("not JSON") from error
    if _SURROGATE.search(octets):
        _check_surrogates(value)
    return value


def _check_shape(octets: bytes) -> None:
    bare = _STRING.sub(b"", octets)
    if bare.count(b",") + bare.count(b"[") + bare.count(b"{") > MAX_VALUES:
        raise NotJson(f"more than {MAX_VALUES} values")
    brackets = bare.translate(_ONE_KIND, _ALL_BUT_BRACKETS)
    for _ in range(MAX_DEPTH):
        if not brackets:
            return
        brackets = brackets.replace(b"[]", b"")
    if brackets:
        raise NotJson(f"nested deeper than {MAX_DEPTH}, or brackets do not match")


def _members(pairs: list[tuple[str, object]]) -> JsonObject:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotJson("a member appears twice")
    return members


def _whole_number(digits: str) -> int:
    if len(digits) > _MAX_DIGITS or not -MAX_INT <= int(digits) <= MAX_INT:
        raise NotJson("a whole number is beyond 2^53 - 1")
    return int(digits)


def _no_constant(name: str) -> object:
    raise NotJson(f"{name} is no JSON")


def _check_surrogates(value: object) -> None:
    waiting = [value]
    try:
        while waiting:
            value = waiting.pop()
            if isinstance(value, str):
                value.encode()
            elif isinstance(value, list):
                waiting += value
            elif isinstance(value, dict):
                waiting += value.values()
                "".join(value).encode()
    except UnicodeEncodeError as error:
        raise NotJson("a lone surrogate") from error
