"""Message disposition notifications, written and read.

Standards: RFC 8098 sections 2.1 (who may ask), 3 (format) and 3.2 (fields), RFC 6522, RFC 3834 section 5.

Whether one may be sent is not decided here: RFC 8098 section 2.1 wants the user asked, and never two for one
message.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from pymailcore.base.errors import InvalidValue
from pymailcore.message.compose import BodyPart, compose
from pymailcore.message.dsn import report_line
from pymailcore.message.encode import address_header, date_header, encode_header, message_ids_header
from pymailcore.message.fields import header_end
from pymailcore.message.headers import EmailAddress, message_ids
from pymailcore.message.reports import bare_header, first, read_report, typed
from pymailcore.message.structure import Part

_SUBTYPES: Final = ("disposition-notification", "global-disposition-notification")
_DISPOSITION: Final = re.compile(
    r"(manual-action|automatic-action)\s*+/\s*+(mdn-sent-manually|mdn-sent-automatically)\s*+;\s*+"
    r"([a-z-]{1,40})\s*+(?:/([^;]{0,400}))?",
    re.IGNORECASE,
)
_TYPES: Final = ("displayed", "deleted", "dispatched", "processed")
_MAX_RETURNED: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposition:
    """What became of a message (RFC 8098 section 3.2.6).

    Attributes:
        type: "displayed" | "deleted" | "dispatched" | "processed".
        automatic_action: a rule did it, not the user.
        sent_automatically: the user was not asked about this notification.
        modifiers: in lower case, such as "error".
    """

    type: str
    automatic_action: bool = False
    sent_automatically: bool = False
    modifiers: tuple[str, ...] = ()


class Notification(NamedTuple):
    """A notification read; `disposition` is None when its field cannot be understood."""

    reporting_ua: str | None
    final_recipient: str
    original_recipient: str | None
    original_message_id: str | None
    disposition: Disposition | None
    errors: tuple[str, ...]
    header: bytes


def disposition_notification(
    *,
    to: str,
    from_: EmailAddress,
    final_recipient: str,
    disposition: Disposition,
    subject: str,
    text: str,
    date: datetime,
    message_id: str,
    boundary: str,
    reporting_ua: str | None = None,
    original_recipient: str | None = None,
    original_message_id: str | None = None,
    errors: tuple[str, ...] = (),
    original: bytes | None = None,
) -> bytes:
    """Write the notification that goes, with the null reverse-path, to who asked for it.

    Args:
        original_recipient: with its type, such as "rfc822;user@example.com".
        original_message_id: without angle brackets, as `message_id`.
        original: the message; its header goes back.

    Raises:
        InvalidValue: an address or id cannot stand in a header field, or the disposition is none.
    """
    if disposition.type not in _TYPES:
        raise InvalidValue
    header = [
        address_header("From", [from_]),
        address_header("To", [EmailAddress(None, to)]),
        encode_header("Subject", subject),
        date_header("Date", date),
        message_ids_header("Message-ID", [message_id]),
        encode_header("Auto-Submitted", "auto-replied"),
    ]
    if original_message_id is not None:
        header.append(message_ids_header("In-Reply-To", [original_message_id]))
    international = not final_recipient.isascii()
    lines = []
    if reporting_ua:
        lines.append(f"Reporting-UA: {report_line(reporting_ua)}")
    if original_recipient:
        lines.append(f"Original-Recipient: {report_line(original_recipient)}")
    kind = "utf-8" if international else "rfc822"
    lines.append(f"Final-Recipient: {kind}; {report_line(final_recipient)}")
    if original_message_id is not None:
        lines.append(f"Original-Message-ID: <{original_message_id}>")
    lines.append(f"Disposition: {_disposition(disposition)}")
    lines += [f"Error: {report_line(error)}" for error in errors]
    fields = "\r\n".join(lines) + "\r\n"
    subtype = "global-disposition-notification" if international else "disposition-notification"
    parts = [
        BodyPart(content=text),
        BodyPart(
            type=f"message/{subtype}",
            content=fields.encode("utf-8") if international else fields.encode("ascii", "replace"),
        ),
    ]
    if original is not None:
        end = min(header_end(original, 0, len(original)), _MAX_RETURNED)
        parts.append(BodyPart(type="text/rfc822-headers", content=original[:end]))
    body = BodyPart(
        type="multipart/report", parameters={"report-type": "disposition-notification"}, parts=tuple(parts)
    )
    return compose(header, body, boundary=boundary)


def _disposition(disposition: Disposition) -> str:
    action = "automatic-action" if disposition.automatic_action else "manual-action"
    sent = "MDN-sent-automatically" if disposition.sent_automatically else "MDN-sent-manually"
    modifiers = ",".join([report_line(modifier) for modifier in disposition.modifiers])
    return f"{action}/{sent}; {disposition.type}" + (f"/{modifiers}" if modifiers else "")


def read_disposition_notification(octets: bytes, root: Part) -> Notification | None:
    """Read the notification in a message; None when it holds none or names no recipient."""
    report = read_report(octets, root, _SUBTYPES)
    if report is None or not report.groups:
        return None
    group = report.groups[0]
    final = typed(first(group, "final-recipient"))
    if final is None:
        return None
    original = typed(first(group, "original-recipient"))
    ids = message_ids(first(group, "original-message-id") or "")
    return Notification(
        next(iter(group.get("reporting-ua", [])), None),
        final[1],
        None if original is None else ";".join(original),
        ids[0] if ids else None,
        parse_disposition(first(group, "disposition") or ""),
        tuple(group.get("error", [])[:100]),
        bare_header(octets, report.returned),
    )


def parse_disposition(text: str) -> Disposition | None:
    """Read a Disposition value; None for what is none."""
    match = _DISPOSITION.match(text.strip())
    if match is None:
        return None
    action, sent, kind, modifiers = match.groups()
    return Disposition(
        type=kind.lower(),
        automatic_action=action.lower() == "automatic-action",
        sent_automatically=sent.lower() == "mdn-sent-automatically",
        modifiers=tuple(
            [stripped for modifier in (modifiers or "").split(",") if (stripped := modifier.strip().lower())]
        ),
    )
