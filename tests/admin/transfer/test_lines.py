import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.admin.transfer.lines import plausible, told_ms, with_crlf, with_lf

NOW_MS = 1_790_000_000_000
TEXT = st.lists(st.sampled_from([b"a", b"\n", b"\r\n", b"\r", b"From "]), max_size=20).map(b"".join)


@pytest.mark.parametrize(
    ("kept", "octets"),
    [
        (b"a\nb\n", b"a\r\nb\r\n"),
        (b"a\nb\r\nc\n", b"a\r\nb\r\nc\r\n"),
        (b"a\r\nb\nc\r\n", b"a\r\nb\nc\r\n"),  # the first line decides
        (b"a\rb\n", b"a\rb\r\n"),
        (b"a", b"a"),
        (b"\n", b"\r\n"),
    ],
)
def test_lone_line_feeds_become_crlf(kept: bytes, octets: bytes) -> None:
    """RFC 5322 section 2.3."""
    assert with_crlf(kept) == octets


@given(octets=TEXT)
def test_a_text_that_claims_to_come_back_does(octets: bytes) -> None:
    written, exact = with_lf(octets)
    assert written.endswith(b"\n")
    assert (with_crlf(written) == octets) or not exact


def test_a_message_tells_when_it_came() -> None:
    """RFC 5321 section 4.4: the newest Received field is the first."""
    received = (
        b"Received: from a by b; Tue, 1 Sep 2020 10:00:02 +0200\r\n"
        b"Received: from x by a; Tue, 1 Sep 2020 09:00:00 +0200\r\n"
    )
    date = b"Date: Tue, 1 Sep 2020 08:00:00 +0000\r\n"
    assert told_ms(date + received + b"\r\nx", NOW_MS) == 1_598_947_202_000
    assert told_ms(date + b"\r\nx", NOW_MS) == 1_598_947_200_000
    assert told_ms(b"Date: Tue, 1 Sep 1970 08:00:00 +0000\r\n\r\n", NOW_MS) is None
    assert told_ms(b"Received: nonsense\r\nDate: nonsense\r\n", NOW_MS) is None


def test_mail_of_tomorrow_and_of_unset_clocks_is_not_believed() -> None:
    assert plausible(NOW_MS, NOW_MS)
    assert not plausible(NOW_MS + 2 * 86_400_000, NOW_MS)
    assert not plausible(0, NOW_MS)
