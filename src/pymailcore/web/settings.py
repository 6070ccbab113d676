"""Settings of the HTTP server and of the pages."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """Limits and times of HTTP connections; those of JMAP are in `jmap.settings`."""

    header_seconds: float = field(
        default=15.0,
        metadata={"doc": "Time for the whole head of a request, from its first octet or the connection."},
    )
    keep_alive_seconds: float = field(
        default=75.0, metadata={"doc": "How long a connection without a request is kept."}
    )
    write_seconds: float = field(
        default=30.0, metadata={"doc": "Time for the peer to take one piece of an answer (64 KiB)."}
    )
    handshake_seconds: float = field(default=15.0, metadata={"doc": "Time for the TLS handshake."})
    form_seconds: float = field(
        default=15.0, metadata={"doc": "Time for the body of a form, such as the one to sign in."}
    )
    max_head_octets: int = field(
        default=65_536, metadata={"doc": "Octets of the head of a request (else 431)."}
    )
    max_headers: int = field(default=100, metadata={"doc": "Header fields of a request (else 431)."})
    max_form_octets: int = field(default=65_536, metadata={"doc": "Octets of a form (else 413)."})
    max_streams: int = field(default=100, metadata={"doc": "Concurrent HTTP/2 streams of one connection."})
    max_requests: int = field(
        default=10_000, metadata={"doc": "Requests on one connection before it is closed."}
    )
    reset_burst: int = field(
        default=100,
        metadata={"doc": "HTTP/2 streams that a peer may cancel at once before the connection ends."},
    )
    resets_per_second: float = field(
        default=10.0, metadata={"doc": "HTTP/2 streams that a peer may cancel in the long run."}
    )
    control_burst: int = field(
        default=300, metadata={"doc": "HTTP/2 PING and SETTINGS frames at once before the connection ends."}
    )
    controls_per_second: float = field(
        default=20.0, metadata={"doc": "HTTP/2 PING and SETTINGS frames in the long run."}
    )
    stay_signed_in_days: int = field(
        default=30, metadata={"doc": "How long a browser keeps the session when asked to."}
    )
    hsts_seconds: int = field(
        default=0,
        metadata={"doc": "max-age of Strict-Transport-Security on TLS connections; 0 sends none."},
    )
    max_view_octets: int = field(
        default=1_048_576, metadata={"doc": "Octets of one text part that are shown in the webmail."}
    )

    def __post_init__(self) -> None:
        """Refuse values that leave nothing."""
        for name in ("header_seconds", "keep_alive_seconds", "write_seconds", "handshake_seconds"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}: must be greater than 0")
        for name in ("max_head_octets", "max_headers", "max_streams", "max_requests", "max_form_octets"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be at least 1")
