"""What it costs to bring messages to one host, with a connection for each and with connections that are kept.

Run: python benchmarks/smtp_relay.py [--messages 200] [--octets 8192] [--at-once 5]

The host is this server's own SMTP driver with a role that takes everything, in the same process, over
loopback in clear. Reported: messages per second, and CPU seconds of both ends per 1,000 messages.
"""

import argparse
import functools
import os
import time

import trio

from benchmarks.smtp_null import NullRole
from pymailcore.base.address import Address
from pymailcore.base.budget import MailDataBudget
from pymailcore.base.envelope import Envelope
from pymailcore.runtime.metrics import Metrics
from pymailcore.runtime.serve import Acceptor, serve_sockets
from pymailcore.runtime.settings import ServeSettings
from pymailcore.smtp.client import Endpoint
from pymailcore.smtp.pool import Pool
from pymailcore.smtp.server import SmtpServer
from pymailcore.smtp.settings import SmtpSettings

_TO = Envelope(
    reverse_path=Address("sender", "client.example"), recipients=(Address("recipient", "host.example"),)
)


async def _measure(messages: int, octets: int, at_once: int, *, keep: bool) -> None:
    metrics = Metrics()
    server = SmtpServer(
        role=NullRole(),
        settings=SmtpSettings(),
        hostname="mx.example",
        budget=MailDataBudget(1 << 30),
        metrics=metrics,
    )
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    endpoint = Endpoint(host="127.0.0.1", port=listener.socket.getsockname()[1])
    message = b"Subject: bench\r\n\r\n" + (b"x" * 74 + b"\r\n") * (octets // 76)
    pool = Pool(hello="client.example", settings=SmtpSettings())
    left = list(range(messages))

    async def work() -> None:
        while left:
            left.pop()
            outcome = await pool.deliver(endpoint, _TO, message)
            if not all(reply.positive for reply in outcome.replies.values()):
                raise RuntimeError(str(outcome))

    async with trio.open_nursery() as nursery:
        acceptor = Acceptor(ServeSettings(connections_count=10_000), metrics)
        serve = functools.partial(
            serve_sockets, server.serve_connection, [listener.socket], acceptor, name="bench"
        )
        await nursery.start(serve)
        if keep:
            nursery.start_soon(pool.run)
            await trio.lowlevel.checkpoint()
        began, cpu = time.perf_counter(), time.process_time()
        async with trio.open_nursery() as workers:
            for _ in range(at_once):
                workers.start_soon(work)
        seconds, used = time.perf_counter() - began, time.process_time() - cpu
        nursery.cancel_scope.cancel()
    how = "kept connections" if keep else "one each        "
    print(
        f"{how}, {at_once} at once: {messages / seconds:6.0f}/s, "
        f"{used / messages * 1000:.2f} CPU-s per 1,000, load {os.getloadavg()[0]:.1f}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=200)
    parser.add_argument("--octets", type=int, default=8192)
    parser.add_argument("--at-once", type=int, default=5)
    options = parser.parse_args()
    for at_once in dict.fromkeys((1, options.at_once)):
        for keep in (False, True):
            trio.run(functools.partial(_measure, options.messages, options.octets, at_once, keep=keep))


if __name__ == "__main__":
    main()
