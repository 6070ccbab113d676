import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.base.modified_utf7 import decode_name, encode_name


@pytest.mark.parametrize(
    ("name", "wire"), [("Entwürfe", b"Entw&APw-rfe"), ("R&D", b"R&-D"), ("😀", b"&2D3eAA-")]
)
def test_names_travel_in_modified_utf_7(name: str, wire: bytes) -> None:
    """RFC 3501 section 5.1.3; imap.protocol.names has the rest."""
    assert encode_name(name) == wire
    assert decode_name(wire) == name


@given(octets=st.binary(max_size=40))
def test_no_octets_break_it(octets: bytes) -> None:
    name = decode_name(octets)
    assert name is None or encode_name(name) == octets or not name.isascii()
