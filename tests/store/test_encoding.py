import hashlib
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.store.encoding import PLAIN, ZSTD, ZSTD_HEADERS, Decoder, Encoder, header_dictionary
from pymailcore.store.packs import DamagedBlob


@given(octets=st.binary(max_size=2000), times=st.integers(1, 30), start=st.integers(0, 3000))
def test_what_is_encoded_is_smaller_or_as_it_was_and_comes_back(
    octets: bytes, times: int, start: int
) -> None:
    whole = octets * times
    encoding, stored = Encoder(3).encode(whole, start)
    assert encoding == PLAIN or len(stored) < len(whole)
    assert Decoder().decode(encoding, stored, len(whole)) == whole
    assert Decoder().decode_start(encoding, stored, start)[:start] == whole[:start]


HEADER = b"""Received: from mail.example.org (mail.example.org [192.0.2.7])\r
\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\r
\t key-exchange X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256)\r
\t(No client certificate requested)\r
\tby mx.example.net (Postfix) with ESMTPS id 4F2A91C03D\r
\tfor <bob@example.net>; Tue, 14 Nov 2023 22:13:20 +0000 (UTC)\r
From: Ada <ada@example.org>\r
To: bob@example.net\r
Subject: numbers\r
MIME-Version: 1.0\r
Content-Type: text/plain; charset=utf-8\r
\r
"""


def test_headers_are_compressed_with_the_dictionary() -> None:
    """What every message has need not be kept once for each message."""
    body = b"see you\r\n"
    encoding, stored = Encoder(3).encode(HEADER + body, len(HEADER))
    assert encoding == ZSTD_HEADERS
    without, plain = Encoder(3).encode(HEADER + body)
    assert without == ZSTD
    assert len(stored) * 2 < len(plain)
    assert Decoder().decode(encoding, stored, len(HEADER + body)) == HEADER + body
    assert Decoder().decode_start(encoding, stored, len(HEADER)).startswith(HEADER)
    with pytest.raises(DamagedBlob):
        Decoder().decode(ZSTD, stored, len(HEADER + body))


def test_long_blobs_do_without_the_dictionary() -> None:
    assert Encoder(3).encode(HEADER + b"text " * 4000, len(HEADER))[0] == ZSTD


def test_the_dictionary_is_the_one_that_blobs_were_written_with() -> None:
    """Another one under this name would make all small mail unreadable: give it a new encoding instead."""
    digest = hashlib.sha256(header_dictionary().as_bytes()).hexdigest()
    assert digest == "b49ddeea5a827757a2d5fb56e33f49f9f0edf309fa7f2403e8ccc7be4a94de9a"


def test_the_start_comes_without_the_rest() -> None:
    start, rest = b"header " * 100, os.urandom(200_000).hex().encode()
    encoding, stored = Encoder(3).encode(start + rest, len(start))
    assert encoding == ZSTD
    found = Decoder().decode_start(encoding, stored, len(start))
    assert found.startswith(start)
    assert len(found) < len(start) + 200_000


@pytest.mark.parametrize(
    ("encoding", "stored", "size"),
    [
        (PLAIN, b"text", 5),
        (ZSTD, b"text", 4),
        (ZSTD, Encoder(3).encode(b"x" * 1000)[1], 999),
        (9, b"text", 4),
    ],
)
def test_what_does_not_come_out_right_is_damage(encoding: int, stored: bytes, size: int) -> None:
    with pytest.raises(DamagedBlob):
        Decoder().decode(encoding, stored, size)


@pytest.mark.parametrize(("encoding", "stored"), [(ZSTD, b"text"), (9, b"text")])
def test_a_start_that_does_not_come_out_is_damage(encoding: int, stored: bytes) -> None:
    with pytest.raises(DamagedBlob):
        Decoder().decode_start(encoding, stored, 2)
