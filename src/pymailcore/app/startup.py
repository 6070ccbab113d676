"""What a server takes hold of before it serves: lock, sockets, certificate.

All of it is done by the one process that has the rights; a fault is one line that says what to do.
"""

import contextlib
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pymailcore.config.configuration import Configuration
from pymailcore.runtime.certificates import BadCertificate, load_material
from pymailcore.runtime.lock import FolderLock, LockHeld
from pymailcore.runtime.logs import get_logger
from pymailcore.runtime.privileges import find_user
from pymailcore.runtime.sockets import CannotBind, bind_place, bound_to
from pymailcore.runtime.tls import TlsMaterial

_BIND_SECONDS: Final = 1.0  # workers of a supervisor that was killed may hold a port a little longer
_PAUSE_SECONDS: Final = 0.05
_AT_START: Final = ("data", "user", "processes", "listeners", "store", "metrics")

log = get_logger()


class CannotStart(Exception):
    """The server cannot start; the text is one line for the operator."""


@dataclass(slots=True)
class Held:
    """What the server holds while it runs.

    Attributes:
        sockets: one listening socket for each listener of the configuration, in its order.
        owner: user and group of the workers, when they are not ours.
    """

    lock: FolderLock
    sockets: list[socket.socket]
    metrics_socket: socket.socket | None
    material: TlsMaterial
    owner: tuple[int, int] | None

    def close(self) -> None:
        """Let go of everything."""
        for listening in [*self.sockets, *([self.metrics_socket] if self.metrics_socket else [])]:
            listening.close()
        self.lock.close()


def take_hold(configuration: Configuration) -> Held:
    """Lock the data folder, read the certificate and bind every listener.

    Raises:
        CannotStart: one of these cannot be had; nothing is held then.
    """
    owner = _owner(configuration)
    lock = _lock(configuration.data)
    sockets: list[socket.socket] = []
    try:
        _check_folder(configuration, owner)
        material = load_material(configuration.tls, configuration.tls_folder, configuration.hostname)
        if material.self_signed:
            log.warning(
                "the certificate is self-signed; set tls.certificate", hostname=configuration.hostname
            )
        sockets += [_bind(listener.bind) for listener in configuration.listeners]
        metrics = _bind_metrics(configuration.metrics.bind)
    except (BadCertificate, CannotBind) as fault:
        for listening in sockets:
            listening.close()
        lock.close()
        raise CannotStart(str(fault)) from None
    except BaseException:
        lock.close()
        raise
    return Held(lock=lock, sockets=sockets, metrics_socket=metrics, material=material, owner=owner)


def ready_line(configuration: Configuration, held: Held) -> str:
    """The line on standard output that tells scripts that the server is ready, and where."""
    places = [
        f"{listener.protocol} {bound_to(listening)}"
        for listener, listening in zip(configuration.listeners, held.sockets, strict=True)
    ]
    if held.metrics_socket is not None:
        places.append(f"metrics {bound_to(held.metrics_socket)}")
    return f"ready: {', '.join(places)}\n"


def warn_of_restart(old: Configuration, new: Configuration) -> None:
    """Log which changed settings a reload does not bring into force."""
    for key in _AT_START:
        if getattr(old, key) != getattr(new, key):
            log.warning("taken at the next start only", setting=key)


def complaint(fault: BaseException) -> str:
    """What standard error is told of a fault: one line, or one for each fault of a configuration."""
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    text = str(fault) or type(fault).__name__
    return "".join(f"pymailcore: {line}\n" for line in text.splitlines())


def _owner(configuration: Configuration) -> tuple[int, int] | None:
    if not configuration.user:
        if os.geteuid() == 0:
            log.warning("everything runs as root; set user")
        return None
    try:
        user = find_user(configuration.user)
    except LookupError as fault:
        raise CannotStart(f"user: {fault}") from None
    if os.geteuid() not in (0, user.uid):
        raise CannotStart(f"user: only root can become {configuration.user!r}")
    return user.uid, user.gid


def _lock(data: Path) -> FolderLock:
    if not data.is_dir():
        raise CannotStart(f"data: {data} is no folder; `pymailcore init` makes one")
    try:
        return FolderLock(data)
    except LockHeld as held:
        raise CannotStart(f"data: {data} is in use by a server that runs already (process {held})") from None
    except OSError as fault:
        raise CannotStart(f"data: {data} cannot be used: {fault.strerror}") from None


def _check_folder(configuration: Configuration, owner: tuple[int, int] | None) -> None:
    """Make sure that workers can use the data folder, and give them what we made in it."""
    data = configuration.data
    if owner is None:
        if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
            raise CannotStart(f"data: {data} cannot be written")
        return
    if data.stat().st_uid != owner[0]:
        raise CannotStart(
            f"data: {data} must belong to {configuration.user!r}: chown -R {configuration.user} {data}"
        )
    for path in (configuration.run_folder, configuration.run_folder / "serve.lock"):
        with contextlib.suppress(OSError):
            os.chown(path, *owner)


def _bind_metrics(bind: str) -> socket.socket | None:
    """The socket of the metrics; mail does not wait for them."""
    if not bind:
        return None
    try:
        return bind_place(bind)
    except CannotBind as fault:
        log.error("there are no metrics", fault=str(fault))
        return None


def _bind(place: str) -> socket.socket:
    until = time.monotonic() + _BIND_SECONDS
    while True:
        try:
            return bind_place(place)
        except CannotBind as fault:
            if "in use" not in str(fault) or time.monotonic() > until:
                raise
            time.sleep(_PAUSE_SECONDS)
