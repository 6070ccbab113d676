"""A burst of 5,000 recipients from one account: the limit leaves, the rest is held (security notes, A8).

A whole server, real sockets, the real queue: what leaves is what another server is given.
"""

import base64
import socket
from collections import Counter

import pytest
import trio
from tests.support.smtp_sink import sinking
from tests.support.waiting import block_until

from pymailcore.app.core import Core
from pymailcore.directory.actors import Actor
from pymailcore.store.housekeeping import alarms
from pymailcore.store.types import Row
from pymailcore.testing.server import MailServer

PASSWORD = "correct horse battery"

pytestmark = pytest.mark.slow

LIMIT = 1_000
MESSAGES, EACH = 100, 50  # 5,000 recipients
WAITING = 4  # messages for a host that does not answer
REFUSALS = 20


class Client:
    """Says what it is told on a submission port; reads one reply for each line."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._buffer = b""

    async def replies(self, *lines: str) -> list[str]:
        """Send lines together (RFC 2920); gives the code of the reply to each."""
        await self._stream.send_all("".join(f"{line}\r\n" for line in lines).encode())
        return [await self.reply() for _ in lines]

    async def reply(self) -> str:
        """Read one reply, of one line or several."""
        while True:
            while b"\r\n" not in self._buffer:
                octets = await self._stream.receive_some(65_536)
                if not octets:
                    raise EOFError
                self._buffer += octets
            line, _, self._buffer = self._buffer.partition(b"\r\n")
            if line[3:4] != b"-":
                return line.decode()[:9]


async def burst(server: MailServer, name: str) -> list[str]:
    """Send everything, until the connection is closed; gives the replies to the messages."""
    initial = base64.b64encode(f"\0{name}\0{PASSWORD}".encode()).decode()
    ends = []
    async with await trio.open_tcp_stream(server.host, server.ports["submission"]) as stream:
        client = Client(stream)
        await client.reply()
        assert (await client.replies("EHLO cracked.test", f"AUTH PLAIN {initial}"))[-1].startswith("235")
        for number in range(MESSAGES):
            domain = "dead.test" if number < WAITING else "far.test"
            names = [f"RCPT TO:<u{number}-{one}@{domain}>" for one in range(EACH)]
            try:
                await client.replies(f"MAIL FROM:<{name}>", *names, "DATA")
                ends += await client.replies(f"From: <{name}>\r\nSubject: {number}\r\n\r\nbuy\r\n.")
            except (EOFError, trio.BrokenResourceError):
                break
    return ends


def route(domain: str, port: int) -> str:
    return f'[[route]]\ndomain = "{domain}"\nhost = "127.0.0.1"\nport = {port}\n'


async def test_of_a_burst_the_limit_leaves_the_rest_is_held_and_operators_are_told() -> None:
    with socket.socket() as dead:  # bound and deaf
        dead.bind(("127.0.0.1", 0))
        await see_a_burst(dead.getsockname()[1])


async def see_a_burst(dead: int) -> None:
    async with sinking() as sink:
        routes = route("far.test", sink.port) + route("dead.test", dead)
        limits = f"[submission]\nfirst_recipients_per_hour = {LIMIT}\nhold_after_refusals = {REFUSALS}\n"
        hasty = "[smtp]\nerror_delay_seconds = 0\n"
        with MailServer(settings=limits + hasty + routes) as server:
            await trio.to_thread.run_sync(server.add_account, "anna", PASSWORD)
            ends = await burst(server, "anna@example.test")
            kept = LIMIT // EACH
            assert Counter(ends[: kept + REFUSALS]) == {"250 2.0.0": kept, "451 4.7.1": REFUSALS}
            assert set(ends[kept + REFUSALS :]) == {"550 5.7.1"}  # until it has made too many errors

            async def rows(core: Core, sql: str) -> list[Row]:
                return await core.store.database.read(lambda tx: tx.rows(sql))

            def ask(sql: str) -> list[Row]:
                return server.run(lambda core: rows(core, sql))

            async def allow(core: Core) -> None:
                await core.administration.call(
                    Actor.operator("root"),
                    "account.set",
                    {"account": "anna@example.test", "send_blocked": False},
                )

            async def raised(core: Core) -> list[alarms.Alarm]:
                return await core.store.database.read(alarms.read)

            states = "SELECT state, count(*) AS many FROM queue_recipients GROUP BY state"
            waiting = WAITING * EACH
            held = [("held", waiting)]
            await trio.to_thread.run_sync(block_until, lambda: ask(states) == held)
            assert sum(len(taken.recipients) for taken in sink.taken) == LIMIT - waiting
            records = "SELECT actor, subject FROM audit WHERE action = 'account.hold'"
            assert await trio.to_thread.run_sync(ask, records) == [("system", "anna@example.test")]
            (alarm,) = await trio.to_thread.run_sync(server.run, raised)
            assert alarm.kind == alarms.SENDING
            assert alarm.detail.startswith("anna@example.test: sending is blocked and queued mail is held")
            await trio.to_thread.run_sync(server.run, allow)
            assert await trio.to_thread.run_sync(ask, states) == [("waiting", waiting)]
