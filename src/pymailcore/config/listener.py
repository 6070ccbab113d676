"""One listener: where we wait for connections, and for which protocol."""

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from pymailcore.runtime.settings import parse_bind, parse_unix
from pymailcore.runtime.tls import ClientCertificates

PROTOCOLS: Final = ("smtp", "submission", "lmtp", "imap", "http")
_LATER: Final = ("managesieve", "pop3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """An address and port with its protocol; each is one `[[listener]]` table."""

    protocol: str = field(
        metadata={
            "doc": "`smtp` takes mail from other servers, `submission` from users' programs, `lmtp` from a "
            "mail server of yours that has judged it, `imap` is for reading mail, `http` for webmail and "
            "JMAP.",
            "example": "smtp",
        }
    )
    bind: str = field(
        metadata={
            "doc": "IP address and port, `[::]:25` for IPv6; `[::]` takes IPv6 only. Port 0: any that is "
            "free. For `lmtp` also `unix:/path`, a Unix socket; the folder around it says who can reach it.",
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

    trusted_networks: tuple[str, ...] = field(
        default=("127.0.0.0/8", "::1/128"),
        metadata={
            "doc": "Networks of your own machines: only from them comes `lmtp`, and what `proxy` and "
            "`xclient` let a peer say. A peer on a Unix socket counts as 127.0.0.1."
        },
    )
    proxy: bool = field(
        default=False,
        metadata={
            "doc": "Whether each connection begins with the PROXY protocol, version 1 or 2, of a load "
            "balancer in `trusted_networks`; connections that do not are closed."
        },
    )
    xclient: bool = field(
        default=False,
        metadata={
            "doc": "Whether a mail filter in `trusted_networks` may say with XCLIENT for whom it speaks; for "
            "`smtp` and `submission`."
        },
    )

    repair_line_ends: bool = field(
        default=False,
        metadata={
            "doc": "Whether messages in which a CR or LF stands alone are mended instead of refused, for old "
            "programs of your users; for `submission`. What ends a message stays CR LF dot CR LF."
        },
    )

    def __post_init__(self) -> None:
        """Refuse what does not fit together."""
        if self.protocol in _LATER:
            raise ValueError(f"protocol: {self.protocol} is not available in this version")
        if self.protocol not in PROTOCOLS:
            raise ValueError(f"protocol: must be one of {', '.join(PROTOCOLS)}")
        try:
            path = parse_unix(self.bind)
            host = "" if path is not None else parse_bind(self.bind)[0]
        except ValueError as fault:
            raise ValueError(f"bind: {fault}") from None
        if path is not None and self.protocol != "lmtp":
            raise ValueError("bind: only lmtp can have a Unix socket")
        self._check_trust()
        if self.protocol == "http" and self.tls == "starttls":
            raise ValueError('tls: must be "implicit" or "none" for http')
        if self.client_certificates != "no" and (
            self.protocol not in ("imap", "submission") or self.tls == "none"
        ):
            raise ValueError("client_certificates: only imap and submission with TLS can have it")
        if self.plaintext_login and not (host and ipaddress.ip_address(host).is_loopback):
            raise ValueError("plaintext_login: only a listener on a loopback address may have it")

    def _check_trust(self) -> None:
        for network in self.trusted_networks:
            try:
                ipaddress.ip_network(network)
            except ValueError as fault:
                raise ValueError(f"trusted_networks: {fault}") from None
        if self.xclient and self.protocol not in ("smtp", "submission"):
            raise ValueError("xclient: only smtp and submission can have it")
        if self.repair_line_ends and self.protocol != "submission":
            raise ValueError("repair_line_ends: only submission can have it")

    @property
    def networks(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        """The trusted networks, read."""
        return tuple(ipaddress.ip_network(network) for network in self.trusted_networks)

    @property
    def path(self) -> Path | None:
        """The path of a Unix socket; None where there is an address."""
        return parse_unix(self.bind)

    @property
    def address(self) -> tuple[str, int]:
        """The numeric address (empty: all) and the port; the path and 0 of a Unix socket."""
        path = self.path
        return parse_bind(self.bind) if path is None else (str(path), 0)

    @property
    def name(self) -> str:
        """What it is called in logs and metrics: `imap-993`, `lmtp-unix`."""
        if self.path is not None:
            return f"{self.protocol}-unix"
        return f"{self.protocol}-{self.address[1]}"
