"""Plain text as HTML: escaped first, linked by a tokenizer."""

import html.parser
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.web.plain import linked, text_to_html


@pytest.mark.parametrize(
    ("line", "href", "text"),
    [
        (
            "see https://example.org/a?b=1&c=2.",
            "https://example.org/a?b=1&amp;c=2",
            "https://example.org/a?b=1&amp;c=2",
        ),
        ("(http://example.org/x_(y))", "http://example.org/x_(y)", "http://example.org/x_(y)"),
        ("www.example.org, then", "https://www.example.org", "www.example.org"),
        ("mail bob@example.org!", "mailto:bob@example.org", "bob@example.org"),
        ("HTTPS://EXAMPLE.ORG", "HTTPS://EXAMPLE.ORG", "HTTPS://EXAMPLE.ORG"),
    ],
)
def test_addresses_become_links(line: str, href: str, text: str) -> None:
    assert f'<a href="{href}" target="_blank" rel="noopener noreferrer">{text}</a>' in linked(line)


@pytest.mark.parametrize(
    "line",
    [
        "javascript:alert(1)",
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        'https://example.org/"onmouseover="alert(1)',
        "https://example.org/'><svg onload=alert(1)>",
        "https://example.org/<script>alert(1)</script>",
        'a@b.example"onclick=alert(1)',
        "data:text/html,<script>alert(1)</script>",
        "&lt;script&gt;",
        "http://[::1]\u2028<b>",
    ],
)
def test_no_text_becomes_markup(line: str) -> None:
    """Roundcube CVE-2023-43770."""
    assert only_links(linked(line))
    assert 'onmouseover="' not in linked(line)


def only_links(text: str) -> bool:
    tags: list[tuple[str, list[tuple[str, str | None]]]] = []

    class Reader(html.parser.HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append((tag, attrs))

    reader = Reader()
    reader.feed(text)
    reader.close()
    return all(
        tag == "blockquote"
        or (tag == "a" and [name for name, _ in attrs] == ["href", "target", "rel"]
            and (attrs[0][1] or "").lower().startswith(("http://", "https://", "mailto:")))
        for tag, attrs in tags
    )  # fmt: skip


@given(st.text(alphabet="<>\"'&ahtps:/.w@)( \n\t=jx", max_size=200))
def test_nothing_but_links_and_quotes_comes_out(text: str) -> None:
    assert only_links(text_to_html(text))


@given(st.text(max_size=200))
def test_the_text_stays(text: str) -> None:
    out: list[str] = []

    class Reader(html.parser.HTMLParser):
        def handle_data(self, data: str) -> None:
            out.append(data)

    if text[:1] == ">" or "\n>" in text or "\r>" in text or "\0" in text:
        return
    reader = Reader()
    reader.feed(text_to_html(text))
    reader.close()
    assert "".join(out) == text.replace("\r\n", "\n").replace("\r", "\n") + "\n"


def test_quotes_are_nested_and_bounded() -> None:
    text = text_to_html("a\n> b\n>> c\n> d\ne\n" + ">" * 50 + " f")
    assert text.startswith("a\n<blockquote>b\n<blockquote>c\n</blockquote>d\n</blockquote>e\n")
    assert text.count("<blockquote>") == text.count("</blockquote>") == 2 + 6


@pytest.mark.parametrize(
    "bomb", ["http://" * 50_000, "a@" * 100_000, "www." * 80_000, "https://x/" + "(" * 200_000, ">" * 300_000,
             "a" * 300_000 + "@", "https://e.x/" + ")" * 100_000, "-" * 300_000, "a." * 150_000]
)  # fmt: skip
def test_bombs_take_linear_time(bomb: str) -> None:
    began = time.process_time()
    text_to_html(bomb)
    assert time.process_time() - began < 2
