"""One listener: where we wait for connections, and for which protocol."""

import ipaddress
from dataclasses import dataclass, field
from typing import Final, Literal

from pymailcore.runtime.settings import parse_bind
from pymailcore.runtime.tls import ClientCertificates

PROTOCOLS: Final = ("smtp", "submission", "imap", "http")
_LATER: Final = ("lmtp", "managesieve", "pop3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """An address and port with its protocol; each is one `[[listener]]` table."""

    protocol: str = field(
        metadata={
            "doc": "`smtp` takes mail from other servers, `submission` from users' programs, `imap` is for "
            "reading mail, `http` for webmail and JMAP.",
            "example": "smtp",
        }
    )
    bind: str = field(
        metadata={
            "doc": "IP address and port, `[::]:25` for IPv6; `[::]` takes IPv6 only. Port 0: any that is "
            "free.",
            "example": "0.0.0.0:25",
        }
    )
    tls: Literal["none", "starttls", "implicit"] = field(
        default="starttls",
        metadata={
            "doc": "`implicit`: TLS from the first octet; `starttls`: by command, not for `http`; `none`."
        },
    )
    client_certificates: ClientCertificates = field(
        default="no",
        metadata={
            "doc": "Whether clients are asked for certificates, with which they can log in: `optional`, "
            "`required`, `no`. Only for `imap` and `submission` with TLS; needs `tls.client_authorities`."
        },
    )
    plaintext_login: bool = field(
        default=False,
        metadata={"doc": "Whether passwords may travel without TLS; only on loopback, for tests."},
    )

    def __post_init__(self) -> None:
        """Refuse what does not fit together."""
        if self.protocol in _LATER:
            raise ValueError(f"protocol: {self.protocol} is not available in this version")
        if self.protocol not in PROTOCOLS:
            raise ValueError(f"protocol: must be one of {', '.join(PROTOCOLS)}")
        try:
            host, _port = parse_bind(self.bind)
        except ValueError as fault:
            raise ValueError(f"bind: {fault}") from None
        if self.protocol == "http" and self.tls == "starttls":
            raise ValueError('tls: must be "implicit" or "none" for http')
        if self.client_certificates != "no" and (
            self.protocol not in ("imap", "submission") or self.tls == "none"
        ):
            raise ValueError("client_certificates: only imap and submission with TLS can have it")
        if self.plaintext_login and not (host and ipaddress.ip_address(host).is_loopback):
            raise ValueError("plaintext_login: only a listener on a loopback address may have it")

    @property
    def address(self) -> tuple[str, int]:
        """The numeric address (empty: all) and the port."""
        return parse_bind(self.bind)

    @property
    def name(self) -> str:
        """What it is called in logs and metrics: `imap-993`."""
        return f"{self.protocol}-{self.address[1]}"
