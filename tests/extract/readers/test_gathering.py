import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.extract.readers.gathering import Full, Gathering


@pytest.mark.parametrize(("limit", "whole"), [(4, False), (5, True), (6, True)])
def test_text_up_to_the_limit_is_taken_and_counted_in_octets(limit: int, whole: bool) -> None:
    gathering = Gathering(limit)
    if whole:
        gathering.add("aæ東"[:2])
        gathering.add("bc")
        assert gathering.text == "aæbc"
    else:
        gathering.add("aæ")
        with pytest.raises(Full):
            gathering.add("bc")
        assert gathering.text == "aæb"


def test_a_character_that_does_not_fit_is_left_out_whole() -> None:
    gathering = Gathering(4)
    with pytest.raises(Full):
        gathering.add("ab東")
    assert gathering.text == "ab"


def test_line_ends_become_lf_and_what_is_no_text_a_space() -> None:
    gathering = Gathering(100)
    gathering.add("a\r\nb\rc\0d\ud800e so\u00adft\ufeff\x85")
    assert gathering.text == "a\nb\nc d e soft"


@given(st.lists(st.text(st.characters(), max_size=20), max_size=20), st.integers(0, 60))
def test_what_is_given_can_be_written_and_keeps_the_limit(pieces: list[str], limit: int) -> None:
    gathering = Gathering(limit)
    with contextlib.suppress(Full):
        for piece in pieces:
            gathering.add(piece)
    assert len(gathering.text.encode("utf-8")) <= limit
    assert "\0" not in gathering.text
    assert "\r" not in gathering.text
