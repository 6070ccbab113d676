"""The report that a sender gets of recipients for whom a message failed.

Standards: RFC 3464, RFC 5321 sections 4.5.5 (null reverse-path) and 6.1, RFC 3463 section 2 (status).
"""

import re
from datetime import UTC, datetime
from typing import Final

from pymailcore.base.ids import encode_id
from pymailcore.message.dsn import RecipientStatus, delivery_report
from pymailcore.queue.types import Bounce, Failure

# `host: 550 5.1.1 text`, or `5.1.2 text` when nobody else said it
_REPLY: Final = re.compile(r"(?:(?P<host>[^ ]+): )?(?P<text>.*)\Z", re.DOTALL)
_STATUS: Final = re.compile(r"(?<![0-9.])([45]\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9.])")


def recipient_status(failure: Failure) -> RecipientStatus:
    """Read a failure as what a report says of its recipient."""
    match = _REPLY.match(failure.reply)
    host, text = (match["host"], match["text"]) if match else (None, failure.reply)
    return RecipientStatus(
        final_recipient=failure.address,
        action="failed",
        status=_status(text),
        remote_mta=host,
        diagnostic=text,
    )


def _status(text: str) -> str:
    """The status in a reply, which is never that of a success; of the reply's class when it has a code."""
    found = next((match[1] for match in _STATUS.finditer(text) if match[1][0] == text[0]), None)
    if found is None and not text[:3].isdecimal():
        any_class = _STATUS.search(text)
        found = any_class[1] if any_class else None
    return found or ("4.0.0" if text[:1] == "4" else "5.0.0")


def report(bounce: Bounce, original: bytes, *, hostname: str, number: int, now_ms: int) -> bytes:
    """Write the report about the failed recipients of one message.

    Args:
        original: the message; large ones come back as their header only.
        number: an id, for Message-ID and boundary.
    """
    name = encode_id("q", number)
    return delivery_report(
        to=str(bounce.message.reverse_path),
        postmaster=f"postmaster@{hostname}",
        reporting_mta=hostname,
        recipients=[recipient_status(failure) for failure in bounce.failures],
        original=original,
        date=datetime.fromtimestamp(now_ms / 1000, UTC),
        message_id=f"{name}@{hostname}",
        boundary=f"=_{name}",
        arrival=datetime.fromtimestamp(bounce.message.created_ms / 1000, UTC),
    )
