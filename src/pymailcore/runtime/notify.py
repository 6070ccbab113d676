"""Telling the service manager how we are (sd_notify of systemd)."""

import os
import socket


def notify(state: str) -> bool:
    """Send a state such as `READY=1` or `STOPPING=1`; does nothing without a service manager.

    Returns:
        Whether it was sent.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as connection:
        try:
            connection.connect(address)
            connection.sendall(state.encode())
        except OSError:
            return False
    return True
