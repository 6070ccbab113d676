"""Settings of the plumbing: TLS, logs, metrics, connections."""

import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_LEVELS: Final = ("debug", "info", "warning", "error")
_FORMATS: Final = ("auto", "console", "json")
_MAX_UNIX_OCTETS: Final = 107
_BIND: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%a-z]*\]|[^:\[\]]*):(?P<port>[0-9]{1,5})\Z")


def parse_bind(text: str) -> tuple[str, int]:
    """Read `address:port` or `[address]:port`; the address is numeric, empty means every address.

    Raises:
        ValueError: the text has another form.
    """
    match = _BIND.match(text)
    if match is None or int(match["port"]) > 65_535:
        raise ValueError('must be "address:port", for example "127.0.0.1:25" or "[::]:25"')
    host = match["host"].strip("[]")
    if host:
        try:
            ipaddress.ip_address(host)
        except ValueError:
            raise ValueError(f"{host!r} is no IP address; names are not looked up here") from None
    return host, int(match["port"])


def parse_unix(text: str) -> Path | None:
    """Read `unix:/path`; None when the text does not begin so.

    Raises:
        ValueError: the path is not absolute, or longer than a Unix socket can have.
    """
    if not text.startswith("unix:"):
        return None
    path = Path(text.removeprefix("unix:"))
    if not path.is_absolute() or len(bytes(path)) > _MAX_UNIX_OCTETS:
        raise ValueError(f'must be "unix:" and an absolute path of at most {_MAX_UNIX_OCTETS} octets')
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """Where the certificate comes from."""

    certificate: Path | None = field(
        default=None,
        metadata={
            "doc": "PEM file with the certificate and its chain. Without one, a self-signed certificate for "
            "`hostname` is made in the data folder: mail flows, but clients warn. Read again on SIGHUP.",
            "example": "/etc/ssl/private/mx.example.org.pem",
        },
    )
    key: Path | None = field(
        default=None,
        metadata={
            "doc": "PEM file with the private key; without it the key is expected in `certificate`.",
            "example": "/etc/ssl/private/mx.example.org.key",
        },
    )

    client_authorities: Path | None = field(
        default=None,
        metadata={
            "doc": "PEM file with the certificates of those who may sign certificates of clients; for "
            "listeners with `client_certificates`. A client's certificate must also be known to its account "
            "before it can log in with it (EXTERNAL). Read again on SIGHUP.",
            "example": "/etc/ssl/clients.pem",
        },
    )

    def __post_init__(self) -> None:
        """Refuse a key that has no certificate."""
        if self.key is not None and self.certificate is None:
            raise ValueError("key: there is a key but no certificate")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """What is logged to standard error, and how."""

    level: str = field(
        default="info",
        metadata={"doc": "Least important level that is written: debug, info, warning, error."},
    )
    format: str = field(
        default="auto",
        metadata={
            "doc": "`json` (one object a line), `console`, or `auto`: console on a terminal, else json."
        },
    )

    def __post_init__(self) -> None:
        """Refuse words that are not known."""
        if self.level not in _LEVELS:
            raise ValueError(f"level: must be one of {', '.join(_LEVELS)}")
        if self.format not in _FORMATS:
            raise ValueError(f"format: must be one of {', '.join(_FORMATS)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSettings:
    """The listener of the metrics."""

    bind: str = field(
        default="127.0.0.1:9125",
        metadata={
            "doc": "Address and port where `/metrics` (Prometheus) and `/healthz` are served, without a "
            "password: keep it on loopback or a private network. Empty: nowhere. When the port is taken the "
            "server says so and runs without."
        },
    )

    def __post_init__(self) -> None:
        """Refuse an address of another form."""
        if self.bind:
            try:
                parse_bind(self.bind)
            except ValueError as fault:
                raise ValueError(f"bind: {fault}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSettings:
    """How many connections are taken, and how they end at shutdown.

    Each front worker counts for itself.
    """

    connections_count: int = field(
        default=10_000,
        metadata={"doc": "Connections that one front worker holds at a time, all listeners together."},
    )
    connections_per_prefix_count: int = field(
        default=30,
        metadata={
            "doc": "Connections at a time from one IPv4 address or IPv6 /64; three times as many from the "
            "/26 or /56 around it, nine times from the /21 or /48."
        },
    )
    new_per_minute_count: int = field(
        default=300,
        metadata={
            "doc": "New connections in a minute from one IPv4 address or IPv6 /64; three and nine times as "
            "many from the wider networks."
        },
    )
    trusted_networks: tuple[str, ...] = field(
        default=("127.0.0.0/8", "::1/128"),
        metadata={"doc": "Networks to which the caps on prefixes and on new connections do not apply."},
    )
    drain_seconds: float = field(
        default=25.0,
        metadata={"doc": "Time that connections get to finish at shutdown; 30 s after SIGTERM all is over."},
    )

    def __post_init__(self) -> None:
        """Refuse numbers below one and networks that are none."""
        for name in ("connections_count", "connections_per_prefix_count", "new_per_minute_count"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be at least 1")
        if not 0 <= self.drain_seconds <= 29:
            raise ValueError("drain_seconds: must be from 0 to 29")
        for network in self.trusted_networks:
            try:
                ipaddress.ip_network(network)
            except ValueError as fault:
                raise ValueError(f"trusted_networks: {fault}") from None
