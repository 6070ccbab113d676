"""Which extensions of SMTP each way into this server has: those whose wishes are kept."""

from dataclasses import replace
from typing import Final

from pymailcore.config.configuration import Configuration
from pymailcore.runtime.clock import now_ms
from pymailcore.smtp.protocol.extensions import Extensions
from pymailcore.smtp.protocol.options import ServerOptions
from pymailcore.smtp.settings import SmtpSettings

_KEPT: Final = Extensions(chunking=True, binarymime=True, dsn=True, requiretls=True, limits=True)


def extensions_of(protocol: str, settings: SmtpSettings) -> Extensions:
    """What a mail listener offers of what can be left off; when mail leaves is for our own users to say."""
    kept = replace(_KEPT, no_soliciting=",".join(settings.no_soliciting) or None)
    if protocol != "submission":
        return kept
    return replace(kept, max_hold_seconds=settings.max_hold_seconds, deliverby=True, priority=True)


def jmap_sending(configuration: Configuration) -> ServerOptions:
    """What can be asked for with a message that JMAP sends: the same as on the submission port.

    What is about the connection is not in it.
    """
    extensions = extensions_of("submission", configuration.smtp)
    return ServerOptions(
        hostname=configuration.hostname,
        postmaster_domain=configuration.smtp.postmaster_domain or configuration.hostname,
        max_message_octets=configuration.smtp.max_message_octets,
        max_recipients=configuration.smtp.max_recipients_count,
        encrypted=True,
        extensions=replace(extensions, chunking=False, binarymime=False, limits=False),
        now_ms=now_ms,
    )
