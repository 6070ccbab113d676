"""Ids: text form and mint."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.base.ids import EMAIL, MAILBOX, IdMint, decode_id, encode_id


@given(number=st.integers(min_value=0, max_value=2**63 - 1))
def test_an_id_comes_back_from_its_text(number: int) -> None:
    """RFC 8620 section 1.2: letters, digits, no more than 255 octets, not beginning with a digit."""
    text = encode_id(EMAIL, number)
    assert decode_id(EMAIL, text) == number
    assert text.isalnum()
    assert text.isascii()
    assert text == text.lower()
    assert text[0].isalpha()
    assert len(text) <= 14


@given(text=st.text(max_size=20))
def test_any_text_is_an_id_or_nothing(text: str) -> None:
    """RFC 8620 section 1.2: one text for each id, so that no two texts name one thing."""
    number = decode_id(EMAIL, text)
    assert number is None or encode_id(EMAIL, number) == text


@pytest.mark.parametrize("text", ["", "e", "m5", "e05", "e-1", "e5 ", "eA", "e" + "v" * 13, "e\u0661"])
def test_what_the_mint_never_made_is_no_id(text: str) -> None:
    """RFC 8620 section 1.2."""
    assert decode_id(EMAIL, text) is None


def test_kinds_do_not_mix() -> None:
    """RFC 8474 section 4: an id names one thing of one kind."""
    assert decode_id(MAILBOX, encode_id(EMAIL, 7)) is None


def test_ids_ascend_also_when_the_clock_stands_or_goes_back() -> None:
    """An id is never used again."""
    times = iter([5_000, 5_000, 4_000, 5_001, 5_001])
    mint = IdMint(lambda: 1_704_067_200_000 + next(times), lambda bits: (1 << bits) - 1)
    ids = [mint.new() for _ in range(5)]
    assert ids == sorted(set(ids))


def test_two_processes_begin_at_different_places() -> None:
    """The random part keeps ids of one millisecond apart."""
    one = IdMint(lambda: 1_800_000_000_000, lambda _bits: 1)
    two = IdMint(lambda: 1_800_000_000_000, lambda _bits: 1000)
    assert one.new() != two.new()
