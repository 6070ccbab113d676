import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.imap.protocol import client_reader
from pymailcore.imap.protocol.client_reader import BadResponse, Raw, ResponseReader

OCTETS = b"* OK hello\r\n* 1 FETCH (UID 7 BODY[] {5}\r\na\r\n)b FLAGS ())\r\n"
OCTETS += b"* LIST () NIL ~{1}\r\nx\nA1 OK {1} done\r\n"
WHOLE = [
    Raw([b"* OK hello"]),
    Raw([b"* 1 FETCH (UID 7 BODY[] ", b"a\r\n)b", b" FLAGS ())"]),
    Raw([b"* LIST () NIL ", b"x", b""]),
    Raw([b"A1 OK {1} done"]),
]


def read(octets: bytes, step: int, message_octets: int = 100) -> list[Raw]:
    reader = ResponseReader(message_octets)
    found = []
    for start in range(0, len(octets), step):
        reader.append(octets[start : start + step])
        while (raw := reader.take()) is not None:
            found.append(raw)
    return found


@pytest.mark.parametrize("step", [1, 2, 7, len(OCTETS)])
def test_responses_do_not_depend_on_how_octets_are_cut(step: int) -> None:
    """RFC 3501 section 4.3."""
    assert read(OCTETS, step) == WHOLE


@pytest.mark.parametrize("step", [1, 7, 1_000])
def test_a_literal_that_is_too_long_is_dropped_and_no_more(step: int) -> None:
    octets = (
        b"* 1 FETCH (BODY[] {101}\r\n"
        + b"x" * 101
        + b" UID 7)\r\n* 2 FETCH (BODY[] {100}\r\n"
        + b"y" * 100
        + b")\r\n"
    )
    assert read(octets, step) == [
        Raw([b"* 1 FETCH (BODY[] ", b"", b" UID 7)"], dropped=True),
        Raw([b"* 2 FETCH (BODY[] ", b"y" * 100, b")"]),
    ]


def test_the_limit_is_for_all_literals_of_a_response() -> None:
    octets = b"* 1 FETCH (BODY[] {60}\r\n" + b"x" * 60 + b" X {60}\r\n" + b"y" * 60 + b")\r\n"
    assert [raw.dropped for raw in read(octets, 1_000)] == [True]


@pytest.mark.parametrize(
    ("octets", "fault"),
    [
        (b"* " + b"x" * client_reader.MAX_LINE_OCTETS, "line"),
        (b"* x {%d}\r\n" % (client_reader.MAX_DROPPED_OCTETS + 1), "without end"),
        (b"* x " + b"{0}\r\n" * (client_reader.MAX_LITERALS + 1), "too many literals"),
        ((b"* x" + b"y" * 3_000_000 + b" {0}\r\n" + b"z" * 3_000_000 + b"\r\n"), "line"),
    ],
)
def test_limits(octets: bytes, fault: str) -> None:
    with pytest.raises(BadResponse, match=fault):
        read(octets, 65_536)


def test_at_the_limits() -> None:
    assert len(read(b"* x " + b"{0}\r\n" * client_reader.MAX_LITERALS + b"\r\n", 65_536)) == 1
    line = b"* " + b"x" * (client_reader.MAX_LINE_OCTETS - 6) + b"\r\n"
    assert len(read(line, 65_536)) == 1


@given(
    octets=st.lists(st.sampled_from([b"{3}\r\n", b"\r\n", b"x", b"* ", b"~{0}\r\n", b"{", b"}"])).map(
        b"".join
    )
)
def test_no_octets_break_it(octets: bytes) -> None:
    assert read(octets, 1) == read(octets, 1_000)
