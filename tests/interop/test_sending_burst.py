"""A burst of 5,000 recipients from one account: the limit leaves, the rest is refused (security notes, A8).

A whole server, real sockets, the real queue: what leaves is what another server is given.
"""

import base64
from collections import Counter

import pytest
import trio
from tests.support.smtp_sink import sinking
from tests.support.waiting import block_until

from pymailcore.app.core import Core
from pymailcore.store.housekeeping import alarms
from pymailcore.store.types import Row
from pymailcore.testing.server import MailServer

PASSWORD = "correct horse battery"

pytestmark = pytest.mark.slow

LIMIT = 1_000
MESSAGES, EACH = 100, 50  # 5,000 recipients


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
                assert octets, "the server has closed the connection"
                self._buffer += octets
            line, _, self._buffer = self._buffer.partition(b"\r\n")
            if line[3:4] != b"-":
                return line.decode()[:9]


async def burst(server: MailServer, name: str) -> list[str]:
    """Send everything, whatever is answered; gives the replies to the messages."""
    initial = base64.b64encode(f"\0{name}\0{PASSWORD}".encode()).decode()
    ends = []
    async with await trio.open_tcp_stream(server.host, server.ports["submission"]) as stream:
        client = Client(stream)
        await client.reply()
        assert (await client.replies("EHLO cracked.test", f"AUTH PLAIN {initial}"))[-1].startswith("235")
        for number in range(MESSAGES):
            names = [f"RCPT TO:<u{number}-{one}@far.test>" for one in range(EACH)]
            await client.replies(f"MAIL FROM:<{name}>", *names, "DATA")
            ends += await client.replies(f"From: <{name}>\r\nSubject: {number}\r\n\r\nbuy\r\n.")
    return ends


async def test_of_a_burst_the_limit_leaves_and_operators_are_told() -> None:
    async with sinking() as sink:
        route = f'[[route]]\ndomain = "far.test"\nhost = "127.0.0.1"\nport = {sink.port}\n'
        with MailServer(settings=f"[submission]\nrecipients_per_hour = {LIMIT}\n{route}") as server:
            await trio.to_thread.run_sync(server.add_account, "anna", PASSWORD)
            ends = await burst(server, "anna@example.test")
            left = MESSAGES - LIMIT // EACH
            assert Counter(ends) == {"250 2.0.0": LIMIT // EACH, "451 4.7.1": left}

            async def rows(core: Core) -> list[Row]:
                return await core.store.database.read(lambda tx: tx.rows("SELECT id FROM queue_messages"))

            async def raised(core: Core) -> list[alarms.Alarm]:
                return await core.store.database.read(alarms.read)

            await trio.to_thread.run_sync(block_until, lambda: not server.run(rows))
            assert sum(len(taken.recipients) for taken in sink.taken) == LIMIT
            (alarm,) = await trio.to_thread.run_sync(server.run, raised)
            assert alarm.kind == alarms.SENDING
            assert alarm.detail.startswith("anna@example.test: the account may send no more recipients")
