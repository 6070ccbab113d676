"""The whole configuration as one value."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from pymailcore.base.address import normalise_domain
from pymailcore.config.listener import Listener
from pymailcore.config.plugins import PluginTable
from pymailcore.directory.settings import DirectorySettings
from pymailcore.dns.settings import DnsSettings
from pymailcore.extract.settings import AttachmentSettings
from pymailcore.imap.settings import ImapSettings
from pymailcore.jmap.settings import JmapSettings
from pymailcore.queue.settings import QueueSettings, Route
from pymailcore.runtime.settings import (
    LogSettings,
    MetricsSettings,
    ServeSettings,
    TlsSettings,
    parse_bind,
)
from pymailcore.sasl.settings import SaslSettings
from pymailcore.smtp.settings import SmtpSettings
from pymailcore.store.settings import StoreSettings
from pymailcore.submission.settings import SubmissionSettings
from pymailcore.web.settings import HttpSettings

SECTIONS: Final[Mapping[str, type[Any]]] = {
    "tls": TlsSettings,
    "connections": ServeSettings,
    "sasl": SaslSettings,
    "smtp": SmtpSettings,
    "imap": ImapSettings,
    "jmap": JmapSettings,
    "http": HttpSettings,
    "directory": DirectorySettings,
    "submission": SubmissionSettings,
    "queue": QueueSettings,
    "dns": DnsSettings,
    "store": StoreSettings,
    "attachments": AttachmentSettings,
    "log": LogSettings,
    "metrics": MetricsSettings,
}
"""Tables of the file and the classes that they become, in the order of the reference."""

_STORE: Final = {entry.name: entry for entry in fields(StoreSettings)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything an operator can set; made by `config.read`; a reload replaces it as a whole.

    Attributes:
        text: what it was read from, for the workers, who read it again.
    """

    hostname: str = field(
        metadata={
            "doc": "Our name: in greetings, HELO, Received fields and the self-signed certificate. Other "
            "servers expect that it has an address record and that the address points back to it.",
            "example": "mx.example.org",
        }
    )
    data: Path = field(
        metadata={
            "doc": "Folder with everything that is kept: mail, accounts, keys, queue. On a local disk. "
            "Relative paths, here and below, begin at the folder of this file.",
            "example": "/var/lib/pymailcore",
        }
    )
    metadata: str = field(default="", repr=False, metadata=dict(_STORE["metadata"].metadata))
    blobs: str = field(default="", metadata=dict(_STORE["blobs"].metadata))
    user: str = field(
        default="",
        metadata={
            "doc": "User of the operating system that the workers become before they accept anything; "
            "needed when started as root. Empty: stay who we are.",
            "example": "pymailcore",
        },
    )
    processes: int = field(
        default=0,
        metadata={
            "doc": "Front workers. 0: one for each processor core. 1: a single process does everything, the "
            "queue included. `--processes` of `serve` goes before it."
        },
    )
    tls: TlsSettings = field(default_factory=TlsSettings)
    connections: ServeSettings = field(default_factory=ServeSettings)
    sasl: SaslSettings = field(default_factory=SaslSettings)
    smtp: SmtpSettings
    imap: ImapSettings
    jmap: JmapSettings
    http: HttpSettings
    directory: DirectorySettings
    submission: SubmissionSettings
    queue: QueueSettings
    dns: DnsSettings
    store: StoreSettings
    attachments: AttachmentSettings = field(default_factory=AttachmentSettings)
    log: LogSettings = field(default_factory=LogSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    plugins: tuple[PluginTable, ...] = ()
    routes: tuple[Route, ...] = field(default=(), metadata={"key": "route"})
    listeners: tuple[Listener, ...] = field(default=(), metadata={"key": "listener"})
    text: str = field(default="", repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse a name that is none, and a number of processes below zero."""
        if normalise_domain(self.hostname) is None or self.hostname.startswith("["):
            raise ValueError(f"hostname: {self.hostname!r} is no host name")
        if not 0 <= self.processes <= 256:
            raise ValueError("processes: must be from 0 to 256")

    @property
    def tls_folder(self) -> Path:
        """Where the self-signed certificate is kept."""
        return self.data / "tls"

    @property
    def run_folder(self) -> Path:
        """Where sockets and locks of the running server are."""
        return self.data / "run"

    @property
    def hub_path(self) -> Path:
        """The Unix socket of the change hub."""
        return self.run_folder / "hub.sock"


def cross_faults(
    listeners: tuple[Listener, ...], metrics: MetricsSettings, tls: TlsSettings
) -> list[tuple[str, str]]:
    """What does not fit together across tables: path and text of each fault."""
    faults = [
        (f"listener[{number}].client_certificates", "needs tls.client_authorities")
        for number, listener in enumerate(listeners)
        if listener.client_certificates != "no" and tls.client_authorities is None
    ]
    seen: dict[tuple[str, int], str] = {}
    binds = [
        (f"listener[{number}].bind", listener.bind, listener.address)
        for number, listener in enumerate(listeners)
    ]
    if metrics.bind:
        binds.append(("metrics.bind", metrics.bind, parse_bind(metrics.bind)))
    for path, text, (host, port) in binds:
        unix = host.startswith("/")
        key = (str(ipaddress.ip_address(host)) if host and not unix else host, port)
        if (port or unix) and key in seen:
            faults.append((path, f"{text} is used by {seen[key]} already"))
        seen.setdefault(key, path)
    return faults
