"""Feedback reports (abuse complaints), written and read.

Standards: RFC 5965 (the names of its fields; the text was not at hand), RFC 6522.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from pymailcore.base.errors import InvalidValue
from pymailcore.message.compose import BodyPart, compose
from pymailcore.message.dates import parse_date
from pymailcore.message.dsn import report_line
from pymailcore.message.encode import (
    address_header,
    date_header,
    encode_header,
    format_date,
    message_ids_header,
)
from pymailcore.message.headers import EmailAddress
from pymailcore.message.reports import Group, bare_header, first, read_report, typed
from pymailcore.message.structure import Part

_SUBTYPES: Final = ("feedback-report",)
_TYPE: Final = re.compile(r"[A-Za-z0-9-]{1,40}\Z")
_NAME: Final = re.compile(r"[!-9;-~]{1,76}\Z")
_ONE: Final = (
    "feedback-type", "user-agent", "version", "original-envelope-id", "original-mail-from", "arrival-date",
    "received-date", "reporting-mta", "source-ip", "incidents",
)  # fmt: skip
_SEVERAL: Final = ("authentication-results", "original-rcpt-to", "reported-domain", "reported-uri")
_MAX_VALUES: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What a report says about one message.

    Attributes:
        feedback_type: "abuse" | "fraud" | "virus" | "other" | "not-spam" | "auth-failure" | …, lower case.
        original_mail_from: reverse-path, "" for the null one, None when it is not said.
        extensions: other fields: name to the first value.
    """

    feedback_type: str
    user_agent: str
    version: str = "1"
    original_envelope_id: str | None = None
    original_mail_from: str | None = None
    original_rcpt_to: tuple[str, ...] = ()
    arrival: datetime | None = None
    reporting_mta: str | None = None
    source_ip: str | None = None
    incidents: int | None = None
    authentication_results: tuple[str, ...] = ()
    reported_domains: tuple[str, ...] = ()
    reported_uris: tuple[str, ...] = ()
    extensions: Mapping[str, str] = field(default_factory=dict)


def feedback_report(
    *,
    to: str,
    from_: EmailAddress,
    subject: str,
    text: str,
    feedback: Feedback,
    original: bytes,
    date: datetime,
    message_id: str,
    boundary: str,
) -> bytes:
    """Write a report about a message, which goes along whole.

    Raises:
        InvalidValue: a value cannot stand in a field.
    """
    if not _TYPE.match(feedback.feedback_type):
        raise InvalidValue
    header = [
        address_header("From", [from_]),
        address_header("To", [EmailAddress(None, to)]),
        encode_header("Subject", subject),
        date_header("Date", date),
        message_ids_header("Message-ID", [message_id]),
    ]
    body = BodyPart(
        type="multipart/report",
        parameters={"report-type": "feedback-report"},
        parts=(
            BodyPart(content=text),
            BodyPart(type="message/feedback-report", content=_fields(feedback)),
            BodyPart(type="message/rfc822", content=original),
        ),
    )
    return compose(header, body, boundary=boundary)


def _fields(feedback: Feedback) -> bytes:
    lines = [
        ("Feedback-Type", feedback.feedback_type),
        ("User-Agent", feedback.user_agent),
        ("Version", feedback.version),
    ]
    if feedback.original_envelope_id:
        lines.append(("Original-Envelope-Id", feedback.original_envelope_id))
    if feedback.original_mail_from is not None:
        lines.append(("Original-Mail-From", f"<{feedback.original_mail_from}>"))
    lines += [("Original-Rcpt-To", f"<{address}>") for address in feedback.original_rcpt_to]
    if feedback.arrival is not None:
        lines.append(("Arrival-Date", format_date(feedback.arrival)))
    if feedback.reporting_mta:
        lines.append(("Reporting-MTA", f"dns; {feedback.reporting_mta}"))
    if feedback.source_ip:
        lines.append(("Source-IP", feedback.source_ip))
    if feedback.incidents is not None:
        lines.append(("Incidents", str(feedback.incidents)))
    lines += [("Authentication-Results", value) for value in feedback.authentication_results]
    lines += [("Reported-Domain", value) for value in feedback.reported_domains]
    lines += [("Reported-URI", value) for value in feedback.reported_uris]
    for name, value in feedback.extensions.items():
        if not _NAME.match(name) or name.lower() in _ONE + _SEVERAL:
            raise InvalidValue
        lines.append((name, value))
    return b"".join([f"{name}: {report_line(value)}\r\n".encode("utf-8", "replace") for name, value in lines])


def read_feedback_report(octets: bytes, root: Part) -> tuple[Feedback, bytes] | None:
    """Read the report in a message, and the header of the message it is about; None when there is none."""
    report = read_report(octets, root, _SUBTYPES)
    if report is None:
        return None
    group: Group = {}
    for part in report.groups:  # some put empty lines between the fields
        for name, values in part.items():
            group.setdefault(name, []).extend(values)
    kind = first(group, "feedback-type")
    if kind is None:
        return None
    mta = typed(first(group, "reporting-mta"))
    arrival = first(group, "arrival-date") or first(group, "received-date")
    incidents = first(group, "incidents") or ""
    mail_from = first(group, "original-mail-from")
    feedback = Feedback(
        feedback_type=kind.lower(),
        user_agent=(group.get("user-agent") or [""])[0],
        version=first(group, "version") or "",
        original_envelope_id=first(group, "original-envelope-id"),
        original_mail_from=None if mail_from is None else _bare(mail_from),
        original_rcpt_to=tuple([_bare(value) for value in _values(group, "original-rcpt-to")]),
        arrival=None if arrival is None else parse_date(arrival),
        reporting_mta=None if mta is None else mta[1],
        source_ip=first(group, "source-ip"),
        incidents=int(incidents)
        if incidents.isascii() and incidents.isdecimal() and len(incidents) < 10
        else None,
        authentication_results=_values(group, "authentication-results"),
        reported_domains=_values(group, "reported-domain"),
        reported_uris=_values(group, "reported-uri"),
        extensions={
            name: values[0] for name, values in group.items() if name not in _ONE and name not in _SEVERAL
        },
    )
    return feedback, bare_header(octets, report.returned)


def _values(group: Group, name: str) -> tuple[str, ...]:
    return tuple(group.get(name, [])[:_MAX_VALUES])


def _bare(address: str) -> str:
    return address.strip().removeprefix("<").removesuffix(">").strip()
