"""Parameters of MAIL that say how, when and how urgently a message is to be carried.

Standards: RFC 8689 section 2 (REQUIRETLS), RFC 4865 section 4 (HOLDFOR, HOLDUNTIL), RFC 2852 section 4 (BY),
RFC 6710 section 4 (MT-PRIORITY), RFC 3865 section 2.3 (SOLICIT).
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from pymailcore.base.envelope import DeliverBy
from pymailcore.smtp.protocol import reply
from pymailcore.smtp.protocol.options import ServerOptions
from pymailcore.smtp.protocol.parameters import MailDraft, MailParameter, known, must
from pymailcore.smtp.protocol.reply import CommandRefused

MAX_SOLICIT_OCTETS: Final = 1_000
_HOLD_FOR: Final = re.compile(rb"[1-9][0-9]{0,8}\Z")
# RFC 3339 section 5.6
_HOLD_UNTIL: Final = re.compile(
    rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})\Z",
    re.IGNORECASE,
)
_BY: Final = re.compile(rb"([+-]?[0-9]{1,9});([NR])(T?)\Z", re.IGNORECASE)
_PRIORITY: Final = re.compile(rb"(?:[0-9]|-[1-9])\Z")
_SOLICIT: Final = re.compile(rb"[A-Za-z][A-Za-z0-9._:-]*(?:,[A-Za-z][A-Za-z0-9._:-]*)*\Z")


def _require_tls(draft: MailDraft, value: bytes, options: ServerOptions) -> None:
    known(options.extensions.requiretls and options.encrypted)
    must(not value)
    draft.terms = replace(draft.terms, require_tls=True)


def _hold_for(draft: MailDraft, value: bytes, options: ServerOptions) -> None:
    known(options.extensions.max_hold_seconds)
    must(_HOLD_FOR.match(value) and draft.terms.hold_until_ms is None)
    seconds = int(value)
    must(seconds <= options.extensions.max_hold_seconds)
    draft.terms = replace(draft.terms, hold_until_ms=options.now_ms() + 1_000 * seconds)


def _hold_until(draft: MailDraft, value: bytes, options: ServerOptions) -> None:
    """A moment that is over already is as good as now: clocks differ, and the mail was meant to be sent."""
    known(options.extensions.max_hold_seconds)
    must(_HOLD_UNTIL.match(value) and draft.terms.hold_until_ms is None)
    try:
        moment = datetime.fromisoformat(value.decode("ascii").upper())
        until_ms = int(moment.timestamp() * 1_000)
    except (ValueError, OverflowError):
        raise CommandRefused(reply.SYNTAX) from None
    must(until_ms <= options.now_ms() + 1_000 * options.extensions.max_hold_seconds)
    draft.terms = replace(draft.terms, hold_until_ms=max(until_ms, options.now_ms()))


def _by(draft: MailDraft, value: bytes, options: ServerOptions) -> None:
    known(options.extensions.deliverby)
    match = _BY.match(value)
    must(match)
    if match is None:
        return
    seconds, give_up = int(match[1]), match[2].upper() == b"R"
    must(seconds > 0 or not give_up)
    at_ms = options.now_ms() + 1_000 * seconds
    by = DeliverBy(at_ms=at_ms, give_up=give_up, trace=bool(match[3]))
    draft.terms = replace(draft.terms, deliver_by=by)


def _priority(draft: MailDraft, value: bytes, options: ServerOptions) -> None:
    known(options.extensions.priority)
    must(_PRIORITY.match(value))
    draft.terms = replace(draft.terms, priority=int(value))


def _solicit(_draft: MailDraft, value: bytes, options: ServerOptions) -> None:
    """Refuse what says of itself that it is a kind of mail that is not wanted here."""
    unwanted = options.extensions.no_soliciting
    known(unwanted is not None)
    must(_SOLICIT.match(value) and len(value) <= MAX_SOLICIT_OCTETS)
    said = value.decode("ascii").lower().split(",")
    if unwanted and not set(said).isdisjoint(unwanted.lower().split(",")):
        raise CommandRefused(reply.SOLICITING)


OF_MAIL: Final[Mapping[bytes, MailParameter]] = MappingProxyType(
    {
        b"REQUIRETLS": _require_tls,
        b"HOLDFOR": _hold_for,
        b"HOLDUNTIL": _hold_until,
        b"BY": _by,
        b"MT-PRIORITY": _priority,
        b"SOLICIT": _solicit,
    }
)
