"""The Session object.

Standards: RFC 8620 section 2, RFC 8621 section 1.3.
"""

import hashlib

import orjson

from pymailcore.base import ids
from pymailcore.directory.types import Principal
from pymailcore.jmap.protocol import capabilities
from pymailcore.jmap.protocol.values import JsonObject
from pymailcore.jmap.settings import JmapSettings


def session_object(principal: Principal, settings: JmapSettings, base: str) -> JsonObject:
    """Make the Session object of one principal.

    Args:
        base: scheme and authority that the client used, such as https://mail.example.org.
    """
    base = settings.public_url.rstrip("/") or base
    return _fixed(principal, settings) | {
        "apiUrl": f"{base}/jmap/api",
        "downloadUrl": f"{base}/jmap/download/{{accountId}}/{{blobId}}/{{name}}?type={{type}}",
        "uploadUrl": f"{base}/jmap/upload/{{accountId}}",
        "eventSourceUrl": f"{base}/jmap/eventsource?types={{types}}&closeafter={{closeafter}}&ping={{ping}}",
        "state": session_state(principal, settings),
    }


def session_state(principal: Principal, settings: JmapSettings) -> str:
    """A text that changes when the Session object does (RFC 8620 section 2, `state`)."""
    octets = orjson.dumps(_fixed(principal, settings), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(octets).hexdigest()[:16]


def _fixed(principal: Principal, settings: JmapSettings) -> JsonObject:
    account = ids.encode_id(ids.ACCOUNT, principal.account)
    own: JsonObject = {
        capabilities.CORE: {},
        capabilities.MAIL: capabilities.mail_capability(
            max_mailbox_depth=settings.max_mailbox_depth,
            max_mailbox_name=settings.max_mailbox_name_octets,
            max_attachments=settings.max_upload_octets,
        ),
        capabilities.SUBMISSION: capabilities.submission_capability(),
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
