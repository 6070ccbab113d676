import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.sasl import wire


def test_a_lone_equals_sign_is_an_empty_initial_response() -> None:
    """RFC 4954 section 4; in a later response it is no base64."""
    assert wire.decode_initial(b"=") == b""
    assert wire.decode(b"=") is None
    assert wire.decode(b"") == b""


@pytest.mark.parametrize(
    "octets", [b"*", b"dGVzdA", b"dGVzdA=", b"dGV zdA==", b"dGVzdA==\r", b"dGVz=dA=", b"d\xffVz", b"-_-_"]
)
def test_only_strict_base64_is_read(octets: bytes) -> None:
    """RFC 4648 section 3.3: characters outside the alphabet are refused."""
    assert wire.decode(octets) is None


@given(st.binary(max_size=100))
def test_what_is_encoded_is_read_back(octets: bytes) -> None:
    """RFC 4648 section 4."""
    assert wire.encode(octets) == base64.b64encode(octets)
    assert wire.decode(wire.encode(octets)) == octets


@given(st.binary(max_size=40))
def test_no_line_raises(octets: bytes) -> None:
    wire.decode(octets)


@pytest.mark.parametrize(("extra", "read"), [(-4, True), (0, True), (4, False)])
def test_lines_are_bounded(extra: int, read: bool) -> None:
    """RFC 4954 section 4: up to 12,288 octets."""
    assert (wire.decode(b"A" * (wire.MAX_LINE_OCTETS + extra)) is not None) is read
