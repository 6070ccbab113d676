"""Delivery status notifications.

Standards: RFC 3464, RFC 6522 (multipart/report), RFC 3461 section 6, RFC 3834 section 5 (Auto-Submitted),
RFC 6533 section 3 (message/global-delivery-status).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pymailcore.message.compose import BodyPart, address_header, compose, date_header, encode_header
from pymailcore.message.encode import format_date, message_ids_header
from pymailcore.message.fields import header_end
from pymailcore.message.headers import EmailAddress
from pymailcore.message.tls_required import NAME as TLS_REQUIRED

MAX_RETURNED_HEADER_OCTETS: Final = 64 * 1024
_MAX_TEXT: Final = 900
_OWN_WORDS: Final = "X-pymailcore"
"""Type of a diagnostic that is no reply of SMTP (RFC 3464 section 2.3.6)."""
_ACTIONS: Final = {
    "failed": ("Undelivered mail returned to sender", "could not be delivered to"),
    "delayed": ("Delayed mail (still being retried)", "has not been delivered yet to"),
    "delivered": ("Mail delivered", "was delivered to"),
    "relayed": ("Mail relayed", "was passed on to a system that sends no reports, for"),
    "expanded": ("Mail expanded", "was delivered to a list,"),
}
_SMTP_REPLY: Final = re.compile(r"[2-5][0-9]{2}(?: |\Z)")
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e\u00a0-\ud7ff\ue000-\U0010ffff]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientStatus:
    """What became of one recipient (RFC 3464 section 2.3).

    Attributes:
        action: "failed" | "delayed" | "delivered" | "relayed" | "expanded".
        status: enhanced status code, such as "5.1.1".
        original_recipient: value of ORCPT with its type, such as "rfc822;user@example.com".
        remote_mta: host that was asked; None when there was none.
        diagnostic: the reply of that host, which begins with its code, or our own words in place of one.
    """

    final_recipient: str
    action: str
    status: str
    original_recipient: str | None = None
    remote_mta: str | None = None
    diagnostic: str | None = None
    last_attempt: datetime | None = None
    will_retry_until: datetime | None = None


def delivery_report(
    *,
    to: str,
    postmaster: str,
    reporting_mta: str,
    recipients: Sequence[RecipientStatus],
    original: bytes,
    date: datetime,
    message_id: str,
    boundary: str,
    arrival: datetime | None = None,
    envelope_id: str | None = None,
    return_whole: bool = True,
    tls_optional: bool = False,
) -> bytes:
    """Write the report that goes, with the null reverse-path, to the sender of a message.

    Args:
        to: reverse-path of the message.
        postmaster: address in From.
        reporting_mta: our host name.
        recipients: one at least; the first decides the subject.
        original: the message.
        message_id: without angle brackets.
        return_whole: the message goes back, and not its header only.
        tls_optional: the report is to arrive even in clear, as the message was (RFC 8689 section 6).

    Raises:
        InvalidValue: an address or id cannot stand in a header field.
    """
    international = not all(recipient.final_recipient.isascii() for recipient in recipients)
    subject, _ = _ACTIONS[recipients[0].action]
    header = [
        address_header("From", [EmailAddress("Mail Delivery System", postmaster)]),
        address_header("To", [EmailAddress(None, to)]),
        encode_header("Subject", subject),
        date_header("Date", date),
        message_ids_header("Message-ID", [message_id]),
        encode_header("Auto-Submitted", "auto-replied"),
        *([encode_header(TLS_REQUIRED, "No")] if tls_optional else []),
    ]
    prefix = "message/global" if international else "message/"
    status = _status(reporting_mta, recipients, arrival, envelope_id, international)
    body = BodyPart(
        type="multipart/report",
        parameters={"report-type": "delivery-status"},
        parts=(
            BodyPart(content=_explanation(reporting_mta, recipients)),
            BodyPart(type=f"{prefix}-delivery-status".replace("/-", "/"), content=status, charset=None),
            _returned(original, return_whole),
        ),
    )
    return compose(header, body, boundary=boundary)


def _explanation(reporting_mta: str, recipients: Sequence[RecipientStatus]) -> str:
    lines = [f"This is the mail system at host {report_line(reporting_mta)}.", ""]
    for recipient in recipients:
        lines.append(
            f"Your message {_ACTIONS[recipient.action][1]} <{report_line(recipient.final_recipient)}>."
        )
        if recipient.diagnostic:
            host = f"{report_line(recipient.remote_mta)} said: " if recipient.remote_mta else ""
            lines.append(f"    {host}{report_line(recipient.diagnostic)}")
        if recipient.will_retry_until is not None:
            lines.append(f"    It will be retried until {format_date(recipient.will_retry_until)}.")
            lines.append("    You do not need to send it again.")
        lines.append("")
    return "\n".join(lines)


def _status(
    reporting_mta: str,
    recipients: Sequence[RecipientStatus],
    arrival: datetime | None,
    envelope_id: str | None,
    international: bool,
) -> bytes:
    lines = []
    if envelope_id:
        lines.append(f"Original-Envelope-Id: {report_line(envelope_id)}")
    lines.append(f"Reporting-MTA: dns; {report_line(reporting_mta)}")
    if arrival is not None:
        lines.append(f"Arrival-Date: {format_date(arrival)}")
    for recipient in recipients:
        kind = "rfc822" if recipient.final_recipient.isascii() else "utf-8"
        lines.append("")
        if recipient.original_recipient:
            lines.append(f"Original-Recipient: {report_line(recipient.original_recipient)}")
        lines.append(f"Final-Recipient: {kind}; {report_line(recipient.final_recipient)}")
        lines.append(f"Action: {recipient.action}")
        lines.append(f"Status: {report_line(recipient.status)}")
        if recipient.remote_mta:
            lines.append(f"Remote-MTA: dns; {report_line(recipient.remote_mta)}")
        if recipient.diagnostic:
            kind = "smtp" if _SMTP_REPLY.match(recipient.diagnostic) else _OWN_WORDS
            lines.append(f"Diagnostic-Code: {kind}; {report_line(recipient.diagnostic)}")
        if recipient.last_attempt is not None:
            lines.append(f"Last-Attempt-Date: {format_date(recipient.last_attempt)}")
        if recipient.will_retry_until is not None:
            lines.append(f"Will-Retry-Until: {format_date(recipient.will_retry_until)}")
    text = "\r\n".join(lines) + "\r\n"
    return text.encode("utf-8") if international else text.encode("ascii", "replace")


def report_line(text: str) -> str:
    """Put what came from elsewhere on one line of bounded length, without controls."""
    return " ".join(_UNPRINTABLE.sub(" ", text[:_MAX_TEXT]).split())


def _returned(original: bytes, return_whole: bool) -> BodyPart:
    if return_whole:
        return BodyPart(type="message/rfc822", content=original)
    end = header_end(original, 0, len(original))
    return BodyPart(type="text/rfc822-headers", content=original[: min(end, MAX_RETURNED_HEADER_OCTETS)])
