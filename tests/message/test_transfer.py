"""Transfer encodings undone, whole and damaged."""

import base64
import binascii
import quopri
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.message.samples import growth

from pymailcore.message.slices import MAX_CALL
from pymailcore.message.transfer import decode_base64, decode_quoted_printable, decode_transfer

NOISE = random.Random(2).randbytes(900_000)  # noqa: S311 - the same in each run


def uuencoded(content: bytes, end: bytes = b"\r\n") -> bytes:
    body = b"".join(
        binascii.b2a_uu(content[place : place + 45]).rstrip(b"\n") + end
        for place in range(0, len(content), 45)
    )
    return b"begin 644 file.bin" + end + body + b"`" + end + b"end" + end


@pytest.mark.parametrize("name", ["7bit", "8bit", "binary", "x-yenc", "x-unknown", ""])
def test_what_is_no_encoding_leaves_the_octets(name: str) -> None:
    """RFC 2045 section 6.1; yEnc has no standard and is left to the reader."""
    octets = b"=ybegin line=128 size=3 name=x\r\n\x8b\x8c\r\n=yend size=3\r\n"
    assert decode_transfer(octets, name) is octets


@pytest.mark.parametrize(
    ("encoded", "decoded"),
    [
        (b"YWJj", b"abc"),
        (b"Y W\r\nJ\tj", b"abc"),
        (b"Y*W!Jj\xff", b"abc"),
        (b"YWI=", b"ab"),
        (b"YWI", b"ab"),
        (b"YQ", b"a"),
        (b"YQ=", b"a"),
        (b"Y", b""),
        (b"YWJjY", b"abc"),
        (b"=YWJj", b"abc"),
        (b"YWJj=ZGVm", b"abcdef"),
        (b"YWI=ZGVm", b"ab"),
        (b"YWJj\r\n--\r\nVirus scanned", b"abc" + base64.b64decode(b"Virusscanned")),
        (b"====", b""),
        (b"", b""),
    ],
)
def test_base64_is_decoded_as_far_as_it_goes(encoded: bytes, decoded: bytes) -> None:
    """RFC 2045 section 6.8: foreign characters are passed over, `=` ends the data."""
    assert decode_base64(encoded) == decoded


@pytest.mark.parametrize("size", [MAX_CALL - 1, MAX_CALL, MAX_CALL + 1, 900_000])
@pytest.mark.parametrize("rubbish", [b"", b"*", b" \t", b"\xff\r"])
def test_long_base64_is_decoded_in_slices(size: int, rubbish: bytes) -> None:
    encoded = base64.encodebytes(NOISE[:size]).replace(b"\n", b"\r\n" + rubbish)
    assert decode_base64(encoded) == NOISE[:size]
    assert decode_base64(b"=" + encoded.rstrip(b"=\r\n" + rubbish)) == NOISE[:size]


@given(st.binary(max_size=60) | st.text("AB=\n ", max_size=60).map(str.encode))
def test_slices_do_not_change_base64(octets: bytes) -> None:
    """The same octets behind a slice of groups decode to the same, after that slice."""
    assert decode_base64(b"AAAA" * (MAX_CALL // 4) + octets) == b"\0" * (MAX_CALL // 4 * 3) + decode_base64(
        octets
    )


@pytest.mark.parametrize(
    ("encoded", "decoded"),
    [
        (b"a=20b", b"a b"),
        (b"a=\r\nb", b"ab"),
        (b"a=\nb", b"ab"),
        (b"a=  \r\nb", b"ab"),
        (b"a \t \r\nb", b"a\r\nb"),
        (b"a \n\nb\t\n", b"a\n\nb\n"),
        (b"=c3=A9", b"\xc3\xa9"),
        (b"1=2 =G1", b"1=2 =G1"),
        (b"end=", b"end"),
        (b"raw \xe9", b"raw \xe9"),
    ],
)
def test_quoted_printable_is_decoded_as_far_as_it_goes(encoded: bytes, decoded: bytes) -> None:
    """RFC 2045 section 6.7: soft breaks (5), white space at line ends (3), and robust reading (notes)."""
    assert decode_quoted_printable(encoded) == decoded


@pytest.mark.parametrize("line", [b"x=C3=A9 y" * 8 + b"=\r\n", b"=41", b"ab=41c", b"x" * 70 + b" \r\n"])
def test_long_quoted_printable_is_decoded_in_slices(line: bytes) -> None:
    encoded = line * (600_000 // len(line))
    assert decode_quoted_printable(encoded) == decode_quoted_printable(line) * (600_000 // len(line))


@given(st.binary(max_size=400))
def test_quoted_printable_of_others_comes_back(content: bytes) -> None:
    assert decode_quoted_printable(quopri.encodestring(content, quotetabs=True)) == content


@pytest.mark.parametrize("name", ["x-uuencode", "uuencode", "x-uue", "uue"])
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("size", [0, 1, 44, 45, 46, 5000])
def test_uuencode_is_decoded(name: str, end: bytes, size: int) -> None:
    encoded = uuencoded(NOISE[:size], end)
    assert decode_transfer(encoded, name) == NOISE[:size]
    assert (
        decode_transfer(b"Here is the file:" + end + end + encoded + b"more words" + end, name)
        == NOISE[:size]
    )


def test_damaged_uuencode_is_decoded_as_far_as_it_goes() -> None:
    whole = uuencoded(NOISE[:450])
    lines = whole.split(b"\r\n")
    damaged = b"\r\n".join([*lines[:4], b"\x01\x02broken", *lines[4:]])
    assert decode_transfer(damaged, "uuencode") == NOISE[:450]
    assert decode_transfer(whole.replace(b"end\r\n", b"").replace(b"`\r\n", b""), "uuencode") == NOISE[:450]
    padded = b"\r\n".join([line + b"X" if line[:1] == b"M" else line for line in lines])  # a checksum
    assert decode_transfer(padded, "uuencode") == NOISE[:450]
    assert decode_transfer(b"no such line", "uuencode") == b"no such line"
    assert decode_transfer(b"begin-base64 644 x\nYWJj\n====\n", "uuencode") == b"abc"


def test_uuencode_never_grows() -> None:
    """The length in a line may claim more than the line has: missing octets are zeros of that line only."""
    bomb = b"begin 644 x\n" + b"M\n" * 10_000
    assert len(decode_transfer(bomb, "uuencode")) <= 45 * 10_000


@given(st.binary(max_size=300), st.sampled_from(["base64", "quoted-printable", "uuencode"]))
def test_nothing_raises(octets: bytes, name: str) -> None:
    decode_transfer(octets, name)
    decode_transfer(b"begin 644 x\n" + octets, name)


@pytest.mark.slow
@pytest.mark.parametrize("unit", [b"AAAA=", b"= \t", b"A=", b" ", b"=4", b"M\n", b"\xff="])
@pytest.mark.parametrize("name", ["base64", "quoted-printable", "uuencode"])
def test_decoding_takes_linear_time(unit: bytes, name: str) -> None:
    """security.md P7."""

    def make(size: int) -> bytes:
        return b"begin 644 x\n" + unit * (size // len(unit))

    def run(octets: object) -> object:
        assert isinstance(octets, bytes)
        return decode_transfer(octets, name)

    assert growth(make, run, 100_000) <= 1.2
