"""format=flowed, read and written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.message.samples import growth

from pymailcore.message.flowed import Paragraph, flow_text, join_flowed, read_flowed, write_flowed


def test_flowed_lines_are_one_paragraph() -> None:
    """RFC 3676 section 4.1: a line that ends with a space goes on in the next."""
    text = "first \nsecond \nthird\nnext\n\nlast \n"
    assert read_flowed(text) == [(0, "first second third"), (0, "next"), (0, ""), (0, "last ")]
    assert read_flowed(text.replace("\n", "\r\n")) == read_flowed(text)


def test_a_paragraph_ends_where_the_quote_depth_changes() -> None:
    """RFC 3676 section 4.5."""
    text = ">> deep \n>> deeper\n> less \nown \n> again"
    assert read_flowed(text) == [(2, "deep deeper"), (1, "less "), (0, "own "), (1, "again")]
    assert join_flowed(text) == ">> deep deeper\n> less \nown \n> again"


def test_stuffing_is_taken_away() -> None:
    """RFC 3676 section 4.4."""
    assert read_flowed("  indented\n >not a quote\n From here\n> >two? no: one, stuffed") == [
        (0, " indented"),
        (0, ">not a quote"),
        (0, "From here"),
        (1, ">two? no: one, stuffed"),
    ]


def test_the_mark_of_a_signature_flows_not() -> None:
    """RFC 3676 section 4.3."""
    assert read_flowed("body \n-- \nname\n") == [(0, "body "), (0, "-- "), (0, "name")]
    assert read_flowed("> body\n> -- \n> name\n") == [(1, "body"), (1, "-- "), (1, "name")]


def test_delsp_takes_the_space_that_makes_a_line_flow() -> None:
    """RFC 3676 section 4.1: for scripts without spaces between words."""
    assert read_flowed("日本 \n語です\n", delete_space=True) == [(0, "日本語です")]
    assert read_flowed("two  \nwords\n", delete_space=True) == [(0, "two words")]
    assert read_flowed("日本 \n語です\n") == [(0, "日本 語です")]


def test_long_lines_are_cut_behind_spaces() -> None:
    """RFC 3676 section 4.2."""
    text = flow_text(("word " * 40).strip())
    assert all(len(line) <= 73 for line in text.split("\n"))
    assert [line.endswith(" ") for line in text.splitlines()] == [True, True, False]
    assert flow_text("x" * 200 + " y") == "x" * 200 + " \ny\n"


def test_plain_text_becomes_flowed() -> None:
    assert flow_text("> quoted\nFrom me\n  in\n-- \nname  \n") == "> quoted\n From me\n   in\n-- \nname\n"
    assert flow_text("") == "\n"
    assert flow_text("a\r\nb") == "a\nb\n"
    assert flow_text(">>deep") == ">> deep\n"


TEXTS = st.text("ab >-é\u3000F", max_size=120).map(lambda text: text.rstrip(" ")) | st.sampled_from(
    ["-- ", "From x", "-- x", " -- " + "x " * 60 + "x", "-- " + "y" * 80, "--"]
)
PARAGRAPHS = st.lists(st.builds(Paragraph, st.integers(0, 4), TEXTS), min_size=1, max_size=8)


@given(PARAGRAPHS, st.integers(20, 77))
def test_what_is_written_is_read_back(paragraphs: list[Paragraph], width: int) -> None:
    """RFC 3676 sections 4.1 and 4.2: the two are each other's inverse."""
    assert read_flowed(write_flowed(paragraphs, width=width)) == paragraphs


@given(st.text(max_size=300), st.booleans())
def test_no_text_raises(text: str, delete_space: bool) -> None:
    join_flowed(text, delete_space=delete_space)
    flow_text(text)


@pytest.mark.slow
@pytest.mark.parametrize("unit", [" ", "> ", "x ", "-- ", ">", "-- \n", "a"])
def test_flowing_takes_linear_time(unit: str) -> None:
    def run(text: object) -> object:
        assert isinstance(text, str)
        return join_flowed(text), flow_text(text)

    assert growth(lambda size: unit * (size // len(unit)), run, 50_000) <= 1.2
