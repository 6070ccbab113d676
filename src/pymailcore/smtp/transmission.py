"""The words for how a message came in, for its Received field.

Standards: RFC 3848 section 1 (ESMTPA, ESMTPS, ESMTPSA, and LMTP with the same), RFC 6531 section 4.3
(UTF8SMTP and its kin).
"""

from pymailcore.smtp.role import Session


def with_protocol(session: Session, *, extended: bool, authenticated: bool, smtputf8: bool) -> str:
    """Give the `with` clause: SMTP, ESMTP, UTF8SMTP, LMTP or UTF8LMTP, with S for TLS and A for a login."""
    if not extended:
        return "SMTP"
    plain, international = ("LMTP", "UTF8LMTP") if session.lmtp else ("ESMTP", "UTF8SMTP")
    name = international if smtputf8 else plain
    return name + ("S" if session.tls else "") + ("A" if authenticated else "")
