"""The report that a sender gets of what became of a message for some recipients.

Standards: RFC 3461 section 6, RFC 3464, RFC 8689 section 5, RFC 5321 sections 4.5.5 (null reverse-path)
and 6.1, RFC 3463 section 2 (status).
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from pymailcore.base.ids import encode_id
from pymailcore.message.dsn import RecipientStatus, delivery_report
from pymailcore.message.tls_required import tls_optional
from pymailcore.queue.types import Bounce, Failure

# `host: 550 5.1.1 text`, or `5.1.2 text` when nobody else said it
_REPLY: Final = re.compile(r"(?:(?P<host>[^ ]+): )?(?P<text>.*)\Z", re.DOTALL)
_STATUS: Final = re.compile(r"(?<![0-9.])([45]\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9.])")

_SUCCESS: Final[Mapping[str, str]] = MappingProxyType(
    {"delivered": "2.1.5", "relayed": "2.1.9", "expanded": "2.1.5"}
)


def recipient_status(failure: Failure, retry_until: datetime | None = None) -> RecipientStatus:
    """Read what became of a recipient as what a report says of him.

    Args:
        retry_until: when a delayed message will be given up.
    """
    match = _REPLY.match(failure.reply)
    host, text = (match["host"], match["text"]) if match else (None, failure.reply)
    return RecipientStatus(
        final_recipient=failure.address,
        action=failure.action,
        status=_SUCCESS.get(failure.action) or _status(text, delayed=failure.action == "delayed"),
        original_recipient=failure.orcpt or None,
        remote_mta=host,
        diagnostic=text,
        will_retry_until=retry_until if failure.action == "delayed" else None,
    )


def _status(text: str, *, delayed: bool) -> str:
    """The status in a reply, which is never that of a success; of the reply's class when it has a code."""
    if delayed and text[:1] != "4":
        return "4.4.0"
    found = next((match[1] for match in _STATUS.finditer(text) if match[1][0] == text[0]), None)
    if found is None and not text[:3].isdecimal():
        any_class = _STATUS.search(text)
        found = any_class[1] if any_class else None
    return found or ("4.0.0" if text[:1] == "4" else "5.0.0")


def report(
    bounce: Bounce,
    original: bytes,
    *,
    hostname: str,
    number: int,
    now_ms: int,
    max_returned_octets: int,
    give_up_hours: float = 0.0,
) -> bytes:
    """Write the report about recipients of one message.

    Only of a failure the message itself comes back, and then only when the sender did not ask for less
    (RFC 3461 section 4.3) and the message is not one that must not travel without TLS (RFC 8689 section 5).

    Args:
        original: the message.
        number: an id, for Message-ID and boundary.
        max_returned_octets: larger messages come back as their header only.
        give_up_hours: age at which a message that waits is given up.
    """
    message = bounce.message
    failed = any(failure.action == "failed" for failure in bounce.failures)
    end_ms = message.begin_ms + int(give_up_hours * 3_600_000)
    retry_until = datetime.fromtimestamp(end_ms / 1000, UTC) if give_up_hours else None
    name = encode_id("q", number)
    whole = failed and message.terms.ret != "HDRS" and not message.terms.require_tls
    return delivery_report(
        to=str(message.reverse_path),
        postmaster=f"postmaster@{hostname}",
        reporting_mta=hostname,
        recipients=[recipient_status(failure, retry_until) for failure in bounce.failures],
        original=original,
        date=datetime.fromtimestamp(now_ms / 1000, UTC),
        message_id=f"{name}@{hostname}",
        boundary=f"=_{name}",
        arrival=datetime.fromtimestamp(message.created_ms / 1000, UTC),
        envelope_id=message.terms.envid or None,
        return_whole=whole and len(original) <= max_returned_octets,
        tls_optional=tls_optional(original),
    )
