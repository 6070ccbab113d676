"""The Session object.

Standards: RFC 8620 section 2, RFC 8621 section 1.3.
"""

import hashlib
from typing import Final

import orjson

from pymailcore.base import ids
from pymailcore.directory.types import Principal
from pymailcore.jmap.protocol import capabilities
from pymailcore.jmap.protocol.values import JsonObject
from pymailcore.jmap.settings import JmapSettings
from pymailcore.smtp.protocol.extensions import keywords
from pymailcore.smtp.protocol.options import ServerOptions

_DAY_MS: Final = 86_400_000


def session_url(settings: JmapSettings) -> str:
    """Where clients find the Session object; empty where only a request could tell."""
    base = settings.public_url.rstrip("/")
    return f"{base}/.well-known/jmap" if base else ""


def session_object(
    principal: Principal, settings: JmapSettings, sending: ServerOptions, base: str
) -> JsonObject:
    """Make the Session object of one principal.

    Args:
        sending: what can be asked for with a message that is sent.
        base: scheme and authority that the client used, such as https://mail.example.org.
    """
    base = settings.public_url.rstrip("/") or base
    return _fixed(principal, settings, sending) | {
        "apiUrl": f"{base}/jmap/api",
        "downloadUrl": f"{base}/jmap/download/{{accountId}}/{{blobId}}/{{name}}?type={{type}}",
        "uploadUrl": f"{base}/jmap/upload/{{accountId}}",
        "eventSourceUrl": f"{base}/jmap/eventsource?types={{types}}&closeafter={{closeafter}}&ping={{ping}}",
        "state": session_state(principal, settings, sending),
    }


def session_state(principal: Principal, settings: JmapSettings, sending: ServerOptions) -> str:
    """A text that changes when the Session object does (RFC 8620 section 2, `state`)."""
    octets = orjson.dumps(_fixed(principal, settings, sending), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(octets).hexdigest()[:16]


def _submission_extensions(sending: ServerOptions) -> dict[str, list[str]]:
    """The extensions of which an envelope may have parameters (RFC 8621 section 1.3.2).

    The last moment of FUTURERELEASE is counted from the beginning of the day, so that the Session object does
    not change with every second.
    """
    midnight_ms = sending.now_ms() // _DAY_MS * _DAY_MS
    lines = [
        f"SIZE {sending.max_message_octets}",
        "8BITMIME",
        "SMTPUTF8",
        *keywords(sending.extensions, encrypted=sending.encrypted, now_ms=midnight_ms),
    ]
    return {name: words for name, *words in (line.split(" ") for line in lines)}


def _fixed(principal: Principal, settings: JmapSettings, sending: ServerOptions) -> JsonObject:
    account = ids.encode_id(ids.ACCOUNT, principal.account)
    own: JsonObject = {
        capabilities.CORE: {},
        capabilities.MAIL: capabilities.mail_capability(
            max_mailbox_depth=settings.max_mailbox_depth,
            max_mailbox_name=settings.max_mailbox_name_octets,
            max_attachments=settings.max_upload_octets,
        ),
        capabilities.SUBMISSION: capabilities.submission_capability(
            max_delayed_send=sending.extensions.max_hold_seconds,
            submission_extensions=_submission_extensions(sending),
        ),
    }
    return {
        "capabilities": {
            capabilities.CORE: capabilities.core_capability(settings.limits),
            capabilities.MAIL: {},
            capabilities.SUBMISSION: {},
        },
        "accounts": {
            account: {
                "name": principal.name,
                "isPersonal": True,
                "isReadOnly": principal.read_only,
                "accountCapabilities": own,
            }
        },
        "primaryAccounts": dict.fromkeys(own, account),
        "username": principal.name,
    }
