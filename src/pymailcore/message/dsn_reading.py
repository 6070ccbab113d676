"""Delivery status notifications read.

Standards: RFC 3464 sections 2.2 and 2.3, RFC 6522, RFC 6533 section 3.

A report is a claim of whoever sent it: the caller decides by the original envelope id, the returned header
and the recipient whether to believe it.
"""

import re
from datetime import datetime
from typing import Final, NamedTuple

from pymailcore.message.dates import parse_date
from pymailcore.message.dsn import RecipientStatus
from pymailcore.message.reports import Group, bare_header, first, read_report, typed
from pymailcore.message.structure import Part

_SUBTYPES: Final = ("delivery-status", "global-delivery-status")
_ACTIONS: Final = frozenset(("failed", "delayed", "delivered", "relayed", "expanded"))
_STATUS: Final = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")


class DeliveryReport(NamedTuple):
    """What a report says.

    Attributes:
        recipients: those whose address and action could be read; `status` is "" where it could not.
        header: of the returned message, empty when nothing came back.
        whole: whether all of the message came back.
    """

    reporting_mta: str | None
    arrival: datetime | None
    envelope_id: str | None
    recipients: tuple[RecipientStatus, ...]
    header: bytes
    whole: bool


def read_delivery_report(octets: bytes, root: Part) -> DeliveryReport | None:
    """Read the report in a message; None when it holds none."""
    report = read_report(octets, root, _SUBTYPES)
    if report is None or not report.groups:
        return None
    message, *others = report.groups
    if "final-recipient" in message:  # the empty line behind the fields of the message is missing
        others = [message, *others]
    mta = typed(first(message, "reporting-mta"))
    return DeliveryReport(
        None if mta is None else mta[1],
        _date(message, "arrival-date"),
        first(message, "original-envelope-id"),
        tuple([status for group in others if (status := _recipient(group)) is not None]),
        bare_header(octets, report.returned),
        report.returned is not None and report.returned.mime_type in ("message/rfc822", "message/global"),
    )


def _recipient(group: Group) -> RecipientStatus | None:
    final = typed(first(group, "final-recipient"))
    action = (first(group, "action") or "").lower()
    if final is None or action not in _ACTIONS:
        return None
    status = _STATUS.match(first(group, "status") or "")
    original = typed(first(group, "original-recipient"))
    remote = typed(first(group, "remote-mta"))
    # A reply may hold parentheses that are no comment.
    diagnostic = typed(group.get("diagnostic-code", [None])[0])
    return RecipientStatus(
        final_recipient=final[1],
        action=action,
        status=status[0] if status else "",
        original_recipient=None if original is None else ";".join(original),
        remote_mta=None if remote is None else remote[1],
        diagnostic=None if diagnostic is None else diagnostic[1],
        last_attempt=_date(group, "last-attempt-date"),
        will_retry_until=_date(group, "will-retry-until"),
    )


def _date(group: Group, name: str) -> datetime | None:
    text = first(group, name)
    return None if text is None else parse_date(text)
