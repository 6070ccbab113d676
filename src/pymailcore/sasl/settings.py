"""Settings of logging in."""

from dataclasses import dataclass, field
from typing import Final

KNOWN: Final = (
    "EXTERNAL",
    "SCRAM-SHA-256-PLUS",
    "SCRAM-SHA-256",
    "SCRAM-SHA-1-PLUS",
    "SCRAM-SHA-1",
    "OAUTHBEARER",
    "XOAUTH2",
    "PLAIN",
    "LOGIN",
)
"""All mechanisms, the best first: the order in which they are announced; LOGIN is for old clients."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SaslSettings:
    """How programs log in by SMTP and IMAP."""

    mechanisms: tuple[str, ...] = field(
        default=tuple(name for name in KNOWN if not name.startswith("SCRAM-SHA-1")),
        metadata={
            "doc": "SASL mechanisms that may be used. Each is announced where it works: all of them in TLS, "
            "`-PLUS` where the connection can be bound, `EXTERNAL` to a client that gave a certificate. "
            "Without `PLAIN` and `LOGIN` no password is taken in clear, the LOGIN command of IMAP included. "
            "`SCRAM-SHA-1` and `SCRAM-SHA-1-PLUS` are known, too."
        },
    )

    def __post_init__(self) -> None:
        """Refuse a mechanism that there is not."""
        for name in self.mechanisms:
            if name not in KNOWN:
                raise ValueError(f"mechanisms: {name!r} is none of {', '.join(KNOWN)}")
