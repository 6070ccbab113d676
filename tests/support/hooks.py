"""Plug-ins for tests, and roles behind them."""

from collections.abc import Sequence
from ipaddress import IPv4Network

import trio
import trio.testing
from tests.support.smtp import FakeConnection, FakeRole, server_of

from pymailcore.runtime.metrics import Metrics
from pymailcore.smtp.hooks.facts import Listeners
from pymailcore.smtp.hooks.plugins import OnFault, Plugin, Plugins
from pymailcore.smtp.hooks.role import HookedRole
from pymailcore.smtp.protocol.extensions import Extensions
from pymailcore.smtp.role import SmtpRole
from pymailcore.smtp.settings import SmtpSettings

SETTINGS = SmtpSettings(
    refuse_early_talkers=False, hard_errors_count=10_000, soft_errors_count=9_999, junk_commands_count=10_000
)
TRUSTED = (IPv4Network("127.0.0.0/8"),)


def hooked(
    role: SmtpRole,
    *implementations: object,
    listener: Listeners = "smtp",
    on_fault: OnFault = "continue",
    metrics: Metrics | None = None,
) -> HookedRole:
    """Put plug-ins before a role; they are called p0, p1, …, and have one second for each call."""
    plugins = [
        Plugin(
            name=f"p{number}",
            implementation=implementation,
            listeners=frozenset({listener}),
            on_fault=on_fault,
            timeout_seconds=1.0,
        )
        for number, implementation in enumerate(implementations)
    ]
    return HookedRole(role, Plugins(plugins, metrics or Metrics()), listener=listener, trusted=TRUSTED)


async def converse(
    role: SmtpRole,
    octets: bytes | Sequence[bytes],
    *,
    lmtp: bool = False,
    settings: SmtpSettings = SETTINGS,
    plaintext_login: bool = False,
    scope: trio.CancelScope | None = None,
    peer: str = "192.0.2.1",
) -> bytes:
    """Say all that there is to say in one piece, hang up, and give all that the server has said.

    Args:
        scope: ends the connection at once when it is cancelled.
    """
    ours, theirs = trio.testing.memory_stream_pair()
    server = server_of(
        role,
        settings,
        lmtp=lmtp,
        extensions=Extensions(chunking=True),
        plaintext_login=plaintext_login,
    )

    async def serve() -> None:
        with scope or trio.CancelScope():
            await server.serve_connection(FakeConnection(ours, peer=peer))
        await ours.aclose()

    said = b""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        await theirs.send_all(octets if isinstance(octets, bytes) else b"".join(octets))
        await theirs.send_eof()
        async for piece in theirs:
            said += piece
    assert server.budget.free_octets == server.settings.max_mail_data_memory_octets
    return said


__all__ = ["SETTINGS", "FakeRole", "converse", "hooked"]
