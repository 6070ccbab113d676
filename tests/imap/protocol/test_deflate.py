import zlib
from hashlib import sha256

import pytest

from pymailcore.imap.protocol.deflate import BrokenDeflate, Deflater, Inflater

TEXT = b"".join(b"a%d FETCH %d (FLAGS ENVELOPE)\r\n" % (number, number * 7) for number in range(3000))


def drain(inflater: Inflater, most: int) -> bytes:
    out = b""
    while inflater.waits:
        piece = inflater.take(most)
        assert len(piece) <= most
        out += piece
    return out


@pytest.mark.parametrize("step", [1, 2, 7, 1000, 10**9])
@pytest.mark.parametrize("most", [1, 7, 1000, 65_536])
@pytest.mark.parametrize("flush", [zlib.Z_SYNC_FLUSH, zlib.Z_PARTIAL_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_FINISH])
@pytest.mark.parametrize("bits", [-9, -15])
def test_whatever_the_peer_flushes_with_all_of_it_can_be_read(
    step: int, most: int, flush: int, bits: int
) -> None:
    """RFC 4978 section 4; a trap of others: a partial flush left octets unread."""
    text = TEXT[:3000] if step < 10 or most < 10 else TEXT
    peer = zlib.compressobj(6, zlib.DEFLATED, bits)
    octets = peer.compress(text) + peer.flush(flush)
    inflater = Inflater()
    out = b""
    for start in range(0, len(octets), step):
        inflater.feed(octets[start : start + step])
        out += drain(inflater, most)
    assert out == text


def test_each_answer_can_be_read_at_once() -> None:
    """RFC 4978: a sync flush ends each; the dictionary stays, so the next is shorter."""
    deflater, peer = Deflater(), zlib.decompressobj(-15)
    answer = b"".join(sha256(b"%d" % number).digest() for number in range(12)).hex().encode()
    sizes = []
    for _ in range(3):
        octets = deflater.compress(answer)
        sizes.append(len(octets))
        assert peer.decompress(octets) == answer
        assert octets.endswith(b"\0\0\xff\xff")
    assert sizes[1] < sizes[0] // 5


def test_a_bomb_comes_out_in_small_pieces() -> None:
    """64 MiB of nothing in 64 KiB: never more than asked for is held."""
    peer = zlib.compressobj(9, zlib.DEFLATED, -15)
    octets = b"".join(peer.compress(bytes(1 << 20)) for _ in range(64)) + peer.flush()
    assert len(octets) < 70_000
    inflater = Inflater()
    inflater.feed(octets)
    total = 0
    while inflater.waits:
        piece = inflater.take(4096)
        assert len(piece) <= 4096
        total += len(piece)
    assert total == 64 << 20


@pytest.mark.parametrize("octets", [b"\xff" * 10, b"a NOOP\r\n" * 9, zlib.compress(b"with a header")])
def test_what_is_no_raw_deflate_is_found_out(octets: bytes) -> None:
    """RFC 4978 section 4: windowBits is negative, so it is RFC 1951 without a header."""
    inflater = Inflater()
    inflater.feed(octets)
    with pytest.raises(BrokenDeflate):
        drain(inflater, 100)


def test_what_stands_behind_the_end() -> None:
    """RFC 8437 section 4.1: a client may end its stream and go on in clear."""
    peer = zlib.compressobj(6, zlib.DEFLATED, -15)
    inflater = Inflater()
    inflater.feed(peer.compress(b"x UNAUTHENTICATE\r\n") + peer.flush() + b"y NOOP\r\n")
    assert drain(inflater, 100) == b"x UNAUTHENTICATE\r\n"
    assert inflater.rest == b"y NOOP\r\n"
    assert not inflater.waits
