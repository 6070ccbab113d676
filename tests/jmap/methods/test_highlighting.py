"""RFC 8621 section 5: marks in subject and preview."""

import html
import re
import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.searching import WORDS

from pymailcore.jmap.methods.highlighting import (
    MAX_PREVIEW_OCTETS,
    MAX_SOUGHT,
    MOST_LOOKS,
    Sought,
    clusters,
    mark_all,
    mark_piece,
    wanted,
)
from pymailcore.store import query as q
from pymailcore.store.folding import normal
from pymailcore.store.fulltext.words import How, has_phrase, plain_text

ENTITY = re.compile("&(amp|lt|gt);")
MARKUP = re.compile("</?mark>")
TEXTS = st.lists(
    st.one_of(
        st.sampled_from([*WORDS, "<mark>", "</mark>", "&amp;", "&", "\0", "a\u0301\u0323"]),
        st.text(max_size=6),
    ),
    max_size=40,
).flatmap(lambda words: st.sampled_from([" ", "", "  ", "\n"]).map(lambda between: between.join(words)))


def sought(words: str, how: How = How.PREFIX) -> Sought:
    return Sought(plain_text(normal(words)), how)


def source(marked: str) -> str:
    """What was marked, from its HTML."""
    return html.unescape(MARKUP.sub("", marked))


def as_given(text: str) -> str:
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


@pytest.mark.parametrize(
    ("text", "words", "how", "expected"),
    [
        ("The invoice", "invo", How.PREFIX, "The <mark>invo</mark>ice"),
        ("The invoice", "voice", How.PREFIX, None),
        ("The invoice", "voice", How.SUBSTRING, "The in<mark>voice</mark>"),
        ("The invoice", "invo", How.WHOLE, None),
        ("INVOICE, invoices", "invoice", How.WHOLE, "<mark>INVOICE</mark>, invoices"),
        ("Au  Café\tde Flore", "cafe de", How.WHOLE, "Au  <mark>Café\tde</mark> Flore"),
        ("Cafe\u0301s", "café", How.PREFIX, "<mark>Cafe\u0301</mark>s"),
        ("Straße", "strass", How.PREFIX, "<mark>Straß</mark>e"),
        ("Straße", "strasse", How.WHOLE, "<mark>Straße</mark>"),
        ("第三会議室です", "会議", How.PREFIX, "第三<mark>会議</mark>室です"),
        ("a < b & c", "b &", How.PREFIX, "a &lt; <mark>b &amp;</mark> c"),
        ("x &amp; y", "amp", How.PREFIX, "x &amp;<mark>amp</mark>; y"),
        ("x & y", "amp", How.PREFIX, None),
        ("<mark>a</mark>", "mark", How.PREFIX, "&lt;<mark>mark</mark>&gt;a&lt;/<mark>mark</mark>&gt;"),
        ("شَجَرة", "شجر", How.PREFIX, "<mark>شَجَر</mark>ة"),
        ("İstanbul", "istanbul", How.WHOLE, "<mark>İstanbul</mark>"),
        ("👍🏽 ok", "👍", How.PREFIX, "<mark>👍🏽</mark> ok"),
        ("한국어", "한국", How.PREFIX, "<mark>한국</mark>어"),
        ("(a+)+$ .*", "(a+)+$ .*", How.WHOLE, "<mark>(a+)+$ .*</mark>"),
        ("-\u0338a b", "a", How.PREFIX, "<mark>-\u0338a</mark> b"),
        ("", "a", How.PREFIX, None),
    ],
)
def test_what_matches_is_marked(text: str, words: str, how: How, expected: str | None) -> None:
    assert mark_all(text, [sought(words, how)]) == expected


def test_marks_that_touch_are_one() -> None:
    assert mark_all("abc abd", [sought("ab"), sought("abc"), sought("abd")]) == (
        "<mark>abc</mark> <mark>abd</mark>"
    )
    assert mark_all("aabb", [sought("aa", How.SUBSTRING), sought("bb", How.SUBSTRING)]) == "<mark>aabb</mark>"


def test_a_preview_shows_where_most_is_together() -> None:
    text = "red " + "word " * 100 + "here are red & blue lamps " + "word " * 100
    preview = mark_piece(text, [sought("red"), sought("blue"), sought("absent")])
    assert preview is not None
    assert "here are <mark>red</mark> &amp; <mark>blue</mark> lamps word" in preview
    assert preview.startswith("word ")
    assert preview.endswith("word")
    assert 200 < len(preview) <= MAX_PREVIEW_OCTETS


@pytest.mark.parametrize("length", [240, 241, 242, 243, 244, 300])
def test_a_word_longer_than_a_preview_is_cut(length: int) -> None:
    """255 octets are 13 for the marks and 242 for the text."""
    preview = mark_piece("x" * length, [sought("x" * length)])
    assert preview == "<mark>" + "x" * min(length, 242) + "</mark>"


@pytest.mark.parametrize("word", ["é", "会", "👍🏽", "&", "a&é", "e\u0301"])
def test_a_preview_has_room_for_octets_and_not_for_characters(word: str) -> None:
    preview = mark_piece(f"begin {f'{word} ' * 400}", [sought("begin")])
    assert preview is not None
    assert 255 - 13 - len(html.escape(word).encode()) - 2 < len(preview.encode()) <= 255
    assert set(preview.removeprefix("<mark>begin</mark> ").split()) == {html.escape(word)}


@pytest.mark.parametrize(("others", "found"), [(-2, True), (-1, True), (0, False)])
def test_so_many_places_are_looked_at(others: int, found: bool) -> None:
    text = "ab " * (MOST_LOOKS + others) + "a"
    assert (mark_all(text, [sought("a", How.WHOLE)]) is not None) == found


def found_in(text: str, one: Sought) -> bool:
    return has_phrase(plain_text(normal(as_given(text))), one.words, one.how)


@given(text=TEXTS, words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=4), how=st.sampled_from(How))
@example("\u0301a", ["a"], How.PREFIX)
@example("a \u0301b", ["b"], How.SUBSTRING)
@example("-\u0338a", ["a"], How.PREFIX)
def test_marked_text_is_the_text(text: str, words: list[str], how: How) -> None:
    asked = [one for word in words if (one := sought(word, how)).words]
    whole, piece = mark_all(text, asked), mark_piece(text, asked)
    found = any(found_in(text, one) for one in asked)
    assert (whole is not None) == (piece is not None) == found
    if whole is None or piece is None:
        return
    given_text = as_given(text)
    assert source(whole) == given_text
    assert source(piece) in " ".join(given_text.split())
    assert len(piece.encode()) <= MAX_PREVIEW_OCTETS
    assert "<mark>" in piece
    for marked in (whole, piece):
        assert "<" not in MARKUP.sub("", marked)
        assert "&" not in ENTITY.sub("", marked)
        assert re.fullmatch("(</?mark>)*", "".join(MARKUP.findall(marked)))
        assert "</mark><mark>" not in marked
        assert MARKUP.findall(marked) == ["<mark>", "</mark>"] * marked.count("<mark>")


@given(
    text=st.text(alphabet="ae\u0301\u0323é \u200d👍🏽ᄒ\u1161\u11ab", max_size=60),
    words=st.text(alphabet="ae é", min_size=1, max_size=3),
)
def test_no_character_is_torn(text: str, words: str) -> None:
    """No mark and no end of a preview stands before what belongs to the character before it."""
    asked = sought(words, How.SUBSTRING)
    if not asked.words:
        return
    for marked in (mark_all(text, [asked]), mark_piece(text, [asked])):
        for piece in MARKUP.split(marked or "")[1:]:
            if piece and len(max(clusters(text), key=len)) < 8:
                before = (marked or "").partition(piece)[0]
                alone = not MARKUP.sub("", before) or MARKUP.sub("", before)[-1] == " "
                assert alone or unicodedata.combining(piece[0]) == 0, marked


@given(text=st.text(max_size=80))
def test_clusters_are_the_text(text: str) -> None:
    assert "".join(clusters(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "a" * 1_000_000,
        "a " * 500_000,
        "ab" * 500_000,
        "a\u0301" * 500_000,
        "\u0301" * 300_000,
        "会" * 1_000_000,
        "é" * 1_000_000,
        "&<" * 500_000,
        "a\n" * 500_000,
    ],
    ids=["letters", "words", "pairs", "accented", "marks", "han", "latin", "html", "lines"],
)
def test_hostile_texts_take_linear_time(text: str) -> None:
    asked = [
        sought(words, how)
        for words, how in (
            ("a", How.WHOLE), ("a" * 100, How.WHOLE), ("a" * 100, How.SUBSTRING), ("会会会", How.PREFIX),
            ("a a a a", How.PREFIX), ("&<", How.PREFIX), ("abab", How.SUBSTRING), ("é", How.SUBSTRING),
        )
    ]  # fmt: skip
    began = time.perf_counter()
    mark_piece(text, asked)
    assert time.perf_counter() - began < 5.0


def test_what_a_filter_looks_for() -> None:
    """What must not be there, and what is in no text of a snippet, is not marked."""

    def at(field: q.Field, words: str) -> q.Matches:
        return q.Matches(field, words, How.PREFIX)

    node = q.And(
        (
            at(q.Field.TEXT, "Both"),
            at(q.Field.FROM, "sender"),
            q.Or((at(q.Field.SUBJECT, "subject"), at(q.Field.BODY, "Böd"))),
            q.Not(q.Or((at(q.Field.TEXT, "not"), q.Not(at(q.Field.BODY, "twice"))))),
            at(q.Field.TEXT, "both"),
            q.HasAttachment(),
        )
    )
    found = wanted(node)
    assert [one.words for one in found.subject] == ["both", "subject"]
    assert [one.words for one in found.body] == ["both", "bod", "twice"]


@pytest.mark.parametrize(("count", "kept"), [(MAX_SOUGHT - 1, 15), (MAX_SOUGHT, 16), (MAX_SOUGHT + 1, 16)])
def test_so_much_is_marked(count: int, kept: int) -> None:
    node = q.And(tuple(q.Matches(q.Field.TEXT, f"w{number}", How.PREFIX) for number in range(count)))
    assert [*map(len, wanted(node))] == [kept, kept]
