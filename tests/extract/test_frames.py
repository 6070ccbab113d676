import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.extract import frames
from pymailcore.extract.formats import Family
from pymailcore.extract.frames import BadFrame, Outcome

WITHOUT_TEXT = [
    Outcome.EMPTY,
    Outcome.ENCRYPTED,
    Outcome.DAMAGED,
    Outcome.LIMIT,
    Outcome.MEMORY,
    Outcome.UNKNOWN,
]


@pytest.mark.parametrize("family", list(Family))
@pytest.mark.parametrize(("length", "whole"), [(9, True), (10, True), (11, False)])
def test_a_request_may_be_as_long_as_the_limit(family: Family, length: int, whole: bool) -> None:
    head, body = frames.request_frame(family, b"x" * length)
    assert len(head) == frames.HEAD_OCTETS
    if whole:
        assert frames.read_request_head(head, 10) == (family, len(body))
    else:
        with pytest.raises(BadFrame):
            frames.read_request_head(head, 10)


@pytest.mark.parametrize("outcome", [Outcome.READ, Outcome.CUT])
@pytest.mark.parametrize(("length", "whole"), [(9, True), (10, True), (11, False)])
def test_text_may_be_as_long_as_the_limit(outcome: Outcome, length: int, whole: bool) -> None:
    frame = frames.answer_frame(outcome, "x" * length)
    if whole:
        assert frames.read_answer_head(frame[: frames.HEAD_OCTETS], 10) == (outcome, length)
        assert frames.text_of_body(frame[frames.HEAD_OCTETS :]) == "x" * length
    else:
        with pytest.raises(BadFrame):
            frames.read_answer_head(frame[: frames.HEAD_OCTETS], 10)


@pytest.mark.parametrize("outcome", WITHOUT_TEXT)
@pytest.mark.parametrize("length", [0, frames.WHY_OCTETS - 1, frames.WHY_OCTETS, frames.WHY_OCTETS + 1])
def test_a_word_about_why_is_short(outcome: Outcome, length: int) -> None:
    frame = frames.answer_frame(outcome, "x" * length)
    expected = outcome, min(length, frames.WHY_OCTETS)
    assert frames.read_answer_head(frame[: frames.HEAD_OCTETS], 10) == expected


@pytest.mark.parametrize("number", [0, 9, 255])
def test_an_outcome_that_no_helper_gives_is_refused(number: int) -> None:
    with pytest.raises(BadFrame):
        frames.read_answer_head(bytes([number, 0, 0, 0, 0]), 10)


def test_a_long_word_about_why_is_refused() -> None:
    head = frames.answer_frame(Outcome.DAMAGED, "")[:1] + (frames.WHY_OCTETS + 1).to_bytes(4)
    with pytest.raises(BadFrame):
        frames.read_answer_head(head, 10_000)


def test_text_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(BadFrame):
        frames.text_of_body(b"\xff")


def test_words_for_the_log_are_printable() -> None:
    assert frames.words_of_body(b"a\x1b[31m\n\xe6") == "a?[31m??"


def test_a_helper_says_that_it_is_ready() -> None:
    frame = frames.ready_frame("landlock 7")
    assert frames.read_ready_head(frame[: frames.HEAD_OCTETS]) == len(frame) - frames.HEAD_OCTETS
    for other in (frames.answer_frame(Outcome.EMPTY, ""), bytes([0]) + (frames.WHY_OCTETS + 1).to_bytes(4)):
        with pytest.raises(BadFrame):
            frames.read_ready_head(other[: frames.HEAD_OCTETS])


@given(st.binary(min_size=frames.HEAD_OCTETS, max_size=frames.HEAD_OCTETS))
def test_any_head_is_read_or_refused(head: bytes) -> None:
    with contextlib.suppress(BadFrame):
        assert frames.read_answer_head(head, 100)[1] <= frames.WHY_OCTETS
    with contextlib.suppress(BadFrame):
        assert frames.read_request_head(head, 100)[1] <= 100
    with contextlib.suppress(BadFrame):
        assert frames.read_ready_head(head) <= frames.WHY_OCTETS
