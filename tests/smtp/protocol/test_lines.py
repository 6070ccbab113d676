import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.smtp.protocol.lines import LineBuffer, LineTooLong


def take_all(octets: bytes, step: int, limit: int) -> list[bytes | None]:
    buffer, seen = LineBuffer(), list[bytes | None]()
    for start in range(0, len(octets), step):
        buffer.append(octets[start : start + step])
        while True:
            try:
                line = buffer.take_line(limit)
            except LineTooLong:
                seen.append(None)
                continue
            if line is None:
                break
            seen.append(line)
    return seen


@given(octets=st.text(alphabet="ab\r\n", max_size=40).map(str.encode), step=st.integers(1, 9))
def test_lines_do_not_depend_on_the_cut(octets: bytes, step: int) -> None:
    """RFC 5321 section 2.3.8; a line beyond the limit is one refusal, and its tail is no line."""
    expected = [line if len(line) <= 6 else None for line in octets.split(b"\n") for line in [line + b"\n"]]
    last = octets.split(b"\n")[-1]
    expected = expected[:-1] + ([None] if len(last) >= 6 else [])
    assert take_all(octets, step, 6) == expected


@pytest.mark.parametrize("step", [1, 2, 7, 100])
def test_a_line_at_the_limit_is_taken(step: int) -> None:
    assert take_all(b"12345\n", step, 6) == [b"12345\n"]
    assert take_all(b"1234\n", step, 6) == [b"1234\n"]
    assert take_all(b"123456\nx\n", step, 6) == [None, b"x\n"]


def test_octets_can_be_taken_and_given_back() -> None:
    buffer = LineBuffer()
    buffer.append(b"one\ntwo\nthree")
    assert buffer.take_line(10) == b"one\n"
    assert len(buffer) == 9
    assert buffer.take_all() == b"two\nthree"
    assert len(buffer) == 0
    buffer.put_back(b"ee\n")
    buffer.append(b"x")
    assert buffer.take_line(10) == b"ee\n"
    buffer.put_back(b"y")
    assert buffer.take_all() == b"yx"
