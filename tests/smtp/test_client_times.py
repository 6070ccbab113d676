"""client: how long each reply may take (RFC 5321 section 4.5.3.2), by a clock that runs by itself."""

import contextlib
import ssl
from collections.abc import Sequence

import pytest
import trio
import trio.testing
from tests.support.certificates import contexts

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.errors import TemporaryFailure
from pymailcore.smtp.client import Endpoint, open_connection
from pymailcore.smtp.settings import SmtpSettings

ENVELOPE = Envelope(reverse_path=None, recipients=(Address("b", "host.example"),))
SETTINGS = SmtpSettings(
    connect_seconds=11.0,
    reply_seconds=101.0,
    data_reply_seconds=41.0,
    final_reply_seconds=503.0,
    block_seconds=61.0,
    tls_handshake_seconds=17.0,
)
GREETING, BARE, OK, GO = b"220 x\r\n", b"250 x\r\n", b"250 ok\r\n", b"354 go\r\n"
CHUNKING = b"250-x\r\n250 CHUNKING\r\n"
LARGE = b"x\r\n" * 100_000


async def silent_after(stream: trio.abc.Stream, said: Sequence[bytes]) -> None:
    """Say one thing after each read, and then nothing; take what comes."""
    with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        for number, words in enumerate(said):
            if number:
                await stream.receive_some()
            await stream.send_all(words)
        while await stream.receive_some():
            pass


async def seconds_until_it_gives_up(
    nursery: trio.Nursery,
    *said: bytes,
    octets: bytes = b"Subject: x\r\n\r\n",
    tls: ssl.SSLContext | None = None,
) -> float:
    async def connect(_host: str, _port: int) -> trio.abc.Stream:
        ours, theirs = trio.testing.memory_stream_pair()
        nursery.start_soon(silent_after, theirs, said)
        return ours

    endpoint = Endpoint(host="mx.example", tls=tls, tls_required=tls is not None)
    with contextlib.suppress(TemporaryFailure):
        connection = await open_connection(endpoint, hello="us.example", settings=SETTINGS, connect=connect)
        await connection.deliver(ENVELOPE, octets, now_ms=0)
        return 0.0  # it did not give up
    return trio.current_time()


@pytest.mark.parametrize(
    ("said", "setting"),
    [
        ([], "reply_seconds"),
        ([GREETING], "reply_seconds"),
        ([GREETING, BARE], "reply_seconds"),
        ([GREETING, BARE, OK], "reply_seconds"),
        ([GREETING, BARE, OK, OK], "data_reply_seconds"),
        ([GREETING, BARE, OK, OK, GO], "final_reply_seconds"),
        ([GREETING, CHUNKING, OK, OK], "final_reply_seconds"),
    ],
    ids=["greeting", "EHLO", "MAIL", "RCPT", "DATA", "end of data", "BDAT"],
)
async def test_each_reply_has_its_time(
    said: list[bytes], setting: str, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    octets = LARGE if CHUNKING in said else b"Subject: x\r\n\r\n"
    seconds = await seconds_until_it_gives_up(nursery, *said, octets=octets)
    assert seconds == pytest.approx(getattr(SETTINGS, setting))


async def test_connecting_has_its_time(autojump_clock: trio.testing.MockClock) -> None:
    async def connect(_host: str, _port: int) -> trio.abc.Stream:
        await trio.sleep_forever()
        raise AssertionError

    with pytest.raises(TemporaryFailure):
        await open_connection(
            Endpoint(host="mx.example"), hello="us.example", settings=SETTINGS, connect=connect
        )
    assert trio.current_time() == pytest.approx(SETTINGS.connect_seconds)


async def test_the_handshake_has_its_time(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """RFC 3207 section 4: after the go-ahead nothing comes."""
    starttls = b"250-x\r\n250 STARTTLS\r\n"
    seconds = await seconds_until_it_gives_up(nursery, GREETING, starttls, GREETING, tls=contexts()[1])
    assert seconds == pytest.approx(SETTINGS.tls_handshake_seconds)


@pytest.mark.parametrize("hello", [BARE, CHUNKING], ids=["DATA", "BDAT"])
async def test_each_block_has_its_time(
    hello: bytes, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """RFC 5321 section 4.5.3.2.5: a server that takes a block a minute is waited for, unless it stops."""
    read = 0

    async def slow(stream: trio.abc.Stream) -> None:
        nonlocal read
        await stream.send_all(GREETING)
        for words in (hello, OK, OK, GO)[: 3 if hello is CHUNKING else 4]:
            await stream.receive_some()
            await stream.send_all(words)
        while read < 200_000:
            read += len(await stream.receive_some(65_536))
            await trio.sleep(SETTINGS.block_seconds - 1)
        await trio.sleep_forever()

    async def connect(_host: str, _port: int) -> trio.abc.Stream:
        ours, theirs = trio.testing.lockstep_stream_pair()
        nursery.start_soon(slow, theirs)
        return ours

    connection = await open_connection(
        Endpoint(host="mx.example"), hello="us.example", settings=SETTINGS, connect=connect
    )
    with pytest.raises(TemporaryFailure):
        await connection.deliver(ENVELOPE, LARGE, now_ms=0)
    assert read >= 200_000
    assert SETTINGS.block_seconds * 3 < trio.current_time() < SETTINGS.block_seconds * 6
    nursery.cancel_scope.cancel()
