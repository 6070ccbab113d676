import zlib

import pytest
import trio
import trio.testing

from pymailcore.imap.compression import DeflateStream


async def test_both_directions() -> None:
    """RFC 4978 section 3."""
    ours, theirs = trio.testing.memory_stream_pair()
    one, other = DeflateStream(ours), DeflateStream(theirs)
    for text in (b"hello", memoryview(b"again"), bytes(200_000)):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.send_all, text)
            found = b""
            while len(found) < len(text):
                piece = await other.receive_some(1000)
                assert 0 < len(piece) <= 1000
                found += piece
            assert found == text
    await one.wait_send_all_might_not_block()
    await one.aclose()
    assert await other.receive_some() == b""


@pytest.mark.parametrize("octets", [b"\xff\xff\xff", zlib.compress(b"x", wbits=-15) + b"behind"])
async def test_what_cannot_be_read_breaks_the_connection(octets: bytes) -> None:
    """What is no DEFLATE, and what stands behind the end of it; the driver takes it for a broken line."""
    ours, theirs = trio.testing.memory_stream_pair()
    stream = DeflateStream(ours)
    await theirs.send_all(octets)
    if octets.endswith(b"behind"):
        assert await stream.receive_some() == b"x"
    with trio.fail_after(5), pytest.raises(trio.BrokenResourceError):
        await stream.receive_some()


async def test_what_stands_behind_the_end_is_kept() -> None:
    """RFC 8437 section 4.1."""
    ours, theirs = trio.testing.memory_stream_pair()
    stream = DeflateStream(ours)
    await theirs.send_all(zlib.compress(b"x", wbits=-15) + b"behind")
    assert await stream.receive_some() == b"x"
    assert stream.rest() == b"behind"
    assert stream.inner is ours
