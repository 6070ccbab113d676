"""Binding the sockets that listeners accept on."""

import contextlib
import os
import resource
import socket
from pathlib import Path
from typing import Final

from pymailcore.runtime.settings import parse_bind, parse_unix

_BACKLOG: Final = 1024


class CannotBind(Exception):
    """An address and port cannot be had; the text says which and why."""


def bind_place(bind: str) -> socket.socket:
    """Listen where a setting says: `address:port`, or `unix:/path`.

    Raises:
        CannotBind: the place is taken, is not ours, or we may not.
        ValueError: the text has another form.
    """
    path = parse_unix(bind)
    return bind_listener(*parse_bind(bind)) if path is None else bind_unix(path)


def bind_unix(path: Path) -> socket.socket:
    """Listen on a Unix socket that every user may connect to; the folder around it says who can.

    A socket that a server left behind when it was killed is replaced.

    Raises:
        CannotBind: another server listens there, or we may not.
    """
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket():
            _remove_left_behind(path)
        listening.bind(str(path))
        path.chmod(0o666)
        listening.listen(_BACKLOG)
        listening.setblocking(False)
    except OSError as fault:
        listening.close()
        raise CannotBind(f"unix:{path}: {os.strerror(fault.errno or 0)}") from None
    return listening


def _remove_left_behind(path: Path) -> None:
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()


def bind_listener(host: str, port: int) -> socket.socket:
    """Listen on a numeric address, non-blocking; an empty host means every IPv4 and IPv6 address.

    Raises:
        CannotBind: the port is taken, the address is not ours, or we may not.
    """
    if not host and socket.has_dualstack_ipv6():
        family, dual, address = socket.AF_INET6, True, "::"
    else:
        family, dual, address = (socket.AF_INET6 if ":" in host else socket.AF_INET), False, host or "0.0.0.0"  # noqa: S104 - asked for
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if dual else 1)
        listening.bind((address, port))
        listening.listen(_BACKLOG)
        listening.setblocking(False)
    except OSError as fault:
        listening.close()
        shown = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        raise CannotBind(f"{shown}: {os.strerror(fault.errno or 0)}") from None
    return listening


def bound_to(listening: socket.socket) -> str:
    """The address and port that a socket has, as `address:port`, or its path as `unix:/path`."""
    if listening.family == socket.AF_UNIX:
        return f"unix:{listening.getsockname()}"
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def allow_many_files() -> None:
    """Raise the limit on open files to what we may have."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
