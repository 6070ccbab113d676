"""HTML to words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.message.samples import growth

from pymailcore.message import html as message_html
from pymailcore.message.html import html_to_text
from pymailcore.message.limits import MAX_TEXT_OCTETS
from pymailcore.message.slices import MAX_CALL


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("plain", "plain"),
        ("<p>a</p><p>b</p>", "a\nb"),
        ("a<br>b<BR/>c", "a\nb\nc"),
        ("<b>a</b>b <i>c</i>", "ab c"),
        ("a \n\t b", "a b"),
        ("a<b> </b>c", "a c"),
        ("<td>a</td><td>b</td>", "a b"),
        ("a &amp; b &lt;c&gt; &#8364; &nbsp;x &bogus;", "a & b <c> € x &bogus;"),
        ("a<!-- <b> -->b<!-->c<!--->d", "abcd"),
        ("a<!doctype html>b<?php x ?>c", "abc"),
        ("<title>t</title><STYLE>p{}</style >a<script>if (a<b) x('</p>')</script>b", "ab"),
        ("a<script>b", "a"),
        ("a < b <3 <", "a < b <3 <"),
        ("<a title=\"a > b\" href='x'>link</a>", "link"),
        ('<a title="open>link</a>', "link"),
        ("a<b", "a"),
        ("a<!-- b", "a"),
        ("<pre>a\nb</pre>", "a b"),
        ("&#xd800;", "\ufffd"),
        (" <div> a </div> ", "a"),
        # Python 3.11.2 takes '<u">' for a tag when the group of the pattern is possessive
        ('<u">x', "x"),
        ('<u">x" y="z>', 'x" y="z>'),
    ],
)
def test_words_come_out(html: str, text: str) -> None:
    assert html_to_text(html, 1000) == text


def test_the_text_ends_at_the_limit() -> None:
    assert [len(html_to_text("<b>ab</b>" * 100, limit)) for limit in (9, 10, 11)] == [9, 10, 11]
    assert html_to_text("abc", 0) == ""


def test_html_beyond_the_limit_is_not_read() -> None:
    for length, there in ((MAX_TEXT_OCTETS - 1, True), (MAX_TEXT_OCTETS, True), (MAX_TEXT_OCTETS + 1, False)):
        html = "<!--" + "x" * (length - 8) + "-->y"
        assert (html_to_text(html, 10) == "y") is there


@given(
    st.lists(
        st.sampled_from(
            ["<", ">", "a", " ", '"', "'", "/", "!--", "-->", "script", "b", "&", "&#x", "é", "\0"]
        )
    )
)
def test_nothing_makes_it_raise(pieces: list[str]) -> None:
    html_to_text("".join(pieces), 50).encode()


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    [
        '<a x="',
        "<!--",
        "<",
        "<a",
        "<script>",
        "</script",
        "<a x='\"",
        "<style></styl",
        '<a "x">',
        "&",
        "&#",
        "<p>",
        "<!",
        "<?",
    ],
)
def test_bombs_take_linear_time(piece: str) -> None:
    """Stdlib html.parser took 13.5 s for 60 KB of `<a x="` and 29 s for 160 KB of `<!--`."""
    assert (
        growth(lambda size: piece * (size // len(piece)), lambda html: html_to_text(str(html), 10**9), 40_000)
        < 1.3
    )


TOKENS = [
    "<",
    ">",
    "a",
    " ",
    "\n",
    '"',
    "'",
    "<b ",
    '<p c="',
    "<script",
    "</script",
    "&amp;",
    "\u00e9",
    "long",
]


@pytest.mark.parametrize("limit", [1, 7, 30])
@given(
    st.lists(
        st.sampled_from(TOKENS),
        max_size=40,
    ).map("".join)
)
def test_long_tags_and_texts_are_read_as_short_ones(limit: int, html: str) -> None:
    """What is beyond the limit of one call is read step by step, with the same result."""
    whole = html_to_text(html, 1000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(message_html, "_MAX_TAG", limit)
        assert html_to_text(html, 1000) == whole
        if "&" not in html:  # a reference is cut only in a word longer than half a piece
            patch.setattr(message_html, "_MAX_PIECE", limit)
            assert html_to_text(html, 1000) == whole


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_a_tag_may_be_longer_than_one_call_takes(over: int) -> None:
    """An image that stands in its tag, as a data URI, is often that long."""
    for mark, most in (("'", message_html._MAX_TAG), ('"', MAX_CALL)):
        start = f"<img alt={mark}a > b{mark} src={mark}"
        tag = start + "A" * (most + over - len(start) - 2) + mark + ">"
        assert len(tag) == most + over
        assert html_to_text(f"a{tag}b <i title={mark}c>d{mark}>e</i>", 100) == "a b e"


def test_a_long_text_keeps_its_words() -> None:
    words = ["word", "caf\u00e9", "&amp;", "x" * 100] * 3000
    html = "<p>" + " ".join(words) + "</p>"
    assert html_to_text(html, len(html)) == " ".join(words).replace("&amp;", "&")
    assert html_to_text("y" * 500_000, 600_000) == "y" * 500_000
