"""Trace fields, and the one form of line ends that mail has.

Standards: RFC 5321 sections 4.4 (trace information), 6.3 (loop detection) and 2.3.8 (lines),
RFC 3848 (ESMTPS, ESMTPA, ESMTPSA), RFC 8314 section 4.3 (TLS in Received), RFC 9228 (Delivered-To).
"""

import re
from datetime import datetime
from typing import Final

from pymailcore.message.encode import format_date
from pymailcore.message.fields import every_field, header_end
from pymailcore.message.slices import MAX_CALL, count, ranges

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9.:_\[\]-]")
_UNSAFE_COMMENT: Final = re.compile(r"[^A-Za-z0-9 .,:;=_/+@\[\]-]")
_UNSAFE_PATH: Final = re.compile(r"[\x00-\x20<>()\x7f]")
_RECEIVED: Final = re.compile(rb"^Received[ \t]*+:", re.IGNORECASE | re.MULTILINE)
_MAX_NAME: Final = 255


def received_field(
    *,
    hello: str,
    peer: str,
    by: str,
    with_protocol: str,
    id: str,
    date: datetime,
    peer_name: str | None = None,
    recipient: str | None = None,
    tls: str | None = None,
    via: str | None = None,
) -> bytes:
    """Write the Received field that our server puts on top of a message.

    What the peer said is put in only as far as it can do no harm: other characters become `?`.

    Args:
        hello: the argument of EHLO or HELO.
        peer: IP address of the client.
        by: our host name.
        with_protocol: "ESMTP", "ESMTPS", "ESMTPSA", "UTF8SMTPS", "LMTP" …
        id: of the transaction.
        peer_name: host name of the client that was verified.
        recipient: the only recipient, None when there are more (RFC 5321 section 7.6).
        tls: version and cipher suite, put in as a comment.
        via: link or physical medium, rarely of use.
    """
    literal = f"[IPv6:{peer}]" if ":" in peer else f"[{peer}]"
    address = f"{_name(peer_name)} {_name(literal)}" if peer_name else _name(literal)
    lines = [f"Received: from {_name(hello) or 'unknown'} ({address})"]
    if tls:
        lines.append(f"\t(using {_UNSAFE_COMMENT.sub('?', tls)[:_MAX_NAME]})")
    clauses = f"\tby {_name(by)}"
    if via:
        clauses += f" via {_name(via)}"
    lines.append(f"{clauses} with {_name(with_protocol)} id {_name(id)}")
    if recipient is not None:
        lines.append(f"\tfor <{_UNSAFE_PATH.sub('?', recipient)[:512]}>")
    lines[-1] += ";"
    lines.append(f"\t{format_date(date)}")
    return ("\r\n".join(lines) + "\r\n").encode("utf-8", "replace")


def _name(text: str) -> str:
    return _UNSAFE.sub("?", text)[:_MAX_NAME]


def return_path_field(address: str | None) -> bytes:
    """Write the Return-Path field of final delivery; None is the null reverse-path."""
    return f"Return-Path: <{_UNSAFE_PATH.sub('?', address or '')}>\r\n".encode("utf-8", "replace")


def delivered_to_field(address: str) -> bytes:
    """Write the Delivered-To field of one recipient (RFC 9228 section 2)."""
    return f"Delivered-To: {_UNSAFE_PATH.sub('?', address)}\r\n".encode("utf-8", "replace")


def count_received(octets: bytes) -> int:
    """Count the Received fields of a header or of the header of a message (RFC 5321 section 6.3)."""
    end = header_end(octets, 0, len(octets))
    if end <= MAX_CALL:
        return len(_RECEIVED.findall(octets, 0, end))
    return sum(field.name.lower() == b"received" for field in every_field(octets, 0, end))


def canonical(octets: bytes) -> bytes:
    """Make each lone CR and lone LF a CRLF; octets that have none are given back as they are."""
    end = len(octets)
    # a slice that is one octet longer counts the pairs that begin in it
    ends = sum(octets.count(b"\r\n", first, last + 1) for first, last in ranges(0, end, MAX_CALL - 1))
    if count(octets, b"\n", 0, end) == ends and count(octets, b"\r", 0, end) == ends:
        return octets
    out = []
    start = 0
    while start < end:
        stop = min(start + MAX_CALL - 1, end)
        if octets[stop - 1 : stop + 1] == b"\r\n":
            stop += 1
        piece = octets[start:stop]
        out.append(piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n"))
        start = stop
    return b"".join(out)
