"""The receive buffer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.base.buffer import LineTooLong, ReceiveBuffer


@given(pieces=st.lists(st.binary(max_size=20)))
def test_lines_do_not_depend_on_how_octets_are_cut(pieces: list[bytes]) -> None:
    """What is taken is what was put in, line by line."""
    buffer = ReceiveBuffer()
    lines = []
    for piece in pieces:
        buffer.append(piece)
        while (line := buffer.take_line(1000)) is not None:
            lines.append(line)
    whole = b"".join(pieces)
    assert b"".join(lines) + buffer.take_all() == whole
    assert lines == [line + b"\n" for line in whole.split(b"\n")[:-1]]


@pytest.mark.parametrize(("octets", "fits"), [(9, True), (10, True), (11, False)])
@pytest.mark.parametrize("step", [1, 2, 7, 100])
def test_a_line_at_its_limit(octets: int, fits: bool, step: int) -> None:
    """The limit counts the line end."""
    buffer = ReceiveBuffer()
    line = b"a" * (octets - 1) + b"\n"
    outcome: bytes | None = None
    try:
        for start in range(0, octets, step):
            buffer.append(line[start : start + step])
            outcome = buffer.take_line(10)
    except LineTooLong:
        assert not fits
    else:
        assert outcome == line
        assert fits


def test_octets_without_a_line_end_are_not_kept() -> None:
    """S7 of the threat list: what is over the limit is gone from memory."""
    buffer = ReceiveBuffer()
    buffer.append(b"a" * 10)
    with pytest.raises(LineTooLong):
        buffer.take_line(10)
    assert len(buffer) == 0


def test_put_back_comes_first() -> None:
    """Octets given back are the next to be taken."""
    buffer = ReceiveBuffer()
    buffer.append(b"world\n")
    buffer.put_back(b"hello ")
    assert buffer.take(3) == b"hel"
    assert buffer.take_line(100) == b"lo world\n"
