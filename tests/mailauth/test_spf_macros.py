"""spf_macros: texts with macros in them (RFC 7208 section 7)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.mailauth.spf_macros import (
    MAX_NAME_LENGTH,
    Malformed,
    expand_domain,
    expand_text,
    is_name,
    letters,
    parse,
    parse_domain,
)

VALUES = {
    "s": "strong-bad@email.example.com",
    "l": "strong-bad",
    "o": "email.example.com",
    "d": "email.example.com",
    "i": "192.0.2.3",
    "p": "mx.example.org",
    "v": "in-addr",
    "h": "mail.example.com",
    "c": "192.0.2.3",
    "r": "host.example",
    "t": "12",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%{s}", "strong-bad@email.example.com"),
        ("%{o}", "email.example.com"),
        ("%{d4}", "email.example.com"),
        ("%{d3}", "email.example.com"),
        ("%{d2}", "example.com"),
        ("%{d1}", "com"),
        ("%{dr}", "com.example.email"),
        ("%{d2r}", "example.email"),
        ("%{l}", "strong-bad"),
        ("%{l-}", "strong.bad"),
        ("%{lr-}", "bad.strong"),
        ("%{l1r-}", "strong"),
        ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
        ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
        ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"),
        ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
    ],
)
def test_the_examples_of_the_standard(text: str, expected: str) -> None:
    """RFC 7208 section 7.4."""
    assert expand_domain(parse_domain(text), VALUES) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%%a%_b%-c.example", "%a b%20c.example"),
        ("%{D2R}", "example.email"),
        ("%{S}.example", "strong-bad%40email.example.com.example"),
        ("%{d999999999999999999999}", "email.example.com"),
        ("%{d01}", "com"),
        ("%{s-@}", None),
        ("%{s-.}.e.example", "strong.bad@email.example.com.e.example"),
        ("%{o1}.a-1.", "com.a-1"),
        ("x.1a", "x.1a"),
    ],
)
def test_macros_of_all_kinds(text: str, expected: str | None) -> None:
    """RFC 7208 section 7.3: digits, reversal, delimiters; upper case is escaped as in a URL."""
    if expected is None:
        with pytest.raises(Malformed):
            parse_domain(text)
    else:
        assert expand_domain(parse_domain(text), VALUES) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "e",
        "e.",
        "e.1",
        "e.-a",
        "e.a-",
        "e.a..",
        "%",
        "%a",
        "%{",
        "%{}",
        "%{d",
        "%{x}",
        "%{d0}",
        "%{d00r}",
        "%{dr2}",
        "%{d.e}",
        "%(d)",
        "%{d}e",
        "a.e/24",
        "a b.example",
        "a\tb.example",
        "\xe4.example",
        "%{c}",
        "%{r}.example",
        "%{t}.example",
    ],
)
def test_what_is_no_domain(text: str) -> None:
    """RFC 7208 section 7.1; c, r and t are for explanations only (section 7.2)."""
    with pytest.raises(Malformed):
        parse_domain(text)


def test_an_explanation_may_hold_more() -> None:
    pieces = parse("From %{c}, at %{t}, by %{r}: 100%%", spaces=True, explanation=True)
    assert letters(pieces) == {"c", "t", "r"}
    assert expand_text(pieces, VALUES, 400) == "From 192.0.2.3, at 12, by host.example: 100%"
    assert expand_text(pieces, VALUES, 7) == "From 19"


def test_what_is_too_long_loses_labels_on_the_left() -> None:
    """RFC 7208 section 7.3: 252, 253 and 254 characters."""
    long = "a" * 60
    for first, expected in (("b" * 8, True), ("b" * 9, True), ("b" * 10, False)):
        values = {**VALUES, "l": f"{first}.{long}.{long}.{long}.{long}"}
        name = expand_domain(parse_domain("%{l}%{v}"), {**values, "v": ""})
        assert name == (f"{first}." if expected else "") + f"{long}.{long}.{long}.{long}"
        assert len(name) <= MAX_NAME_LENGTH


def test_a_text_full_of_macros_makes_no_long_name() -> None:
    """D1: two thousand macros of 250 characters each."""
    values = {**VALUES, "s": "a" * 50 + "." + "b" * 50}
    assert len(expand_domain(parse_domain("%{s}." * 2_000 + "example.org"), values)) <= MAX_NAME_LENGTH
    assert expand_domain(parse_domain("%{s}" * 2_000), {**VALUES, "s": "a" * 300}) == ""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.example", True),
        ("a", True),
        ("_spf.a@b.example", True),
        ("a" * 63 + ".e", True),
        ("a" * 64 + ".e", False),
        (".".join(["a" * 49] * 5) + ".abc", True),
        (".".join(["a" * 49] * 5) + ".abcd", False),
        ("", False),
        (".", False),
        ("@", False),
        ("a..e", False),
        (".e", False),
        ("a\\.e", False),
        ("\xe4.e", False),
        ("a\n.e", False),
    ],
)
def test_which_names_can_be_asked_for(name: str, expected: bool) -> None:
    assert is_name(name) is expected


@given(st.text(st.sampled_from("%{}slodiphcrtvSXr09.-+,/_=a \xe4\n"), max_size=30))
def test_no_text_does_harm(text: str) -> None:
    """It is refused, or gives a name that is not too long."""
    for explanation in (False, True):
        try:
            pieces = parse(text, spaces=explanation, explanation=explanation)
        except Malformed:
            continue
        assert len(expand_domain(pieces, VALUES)) <= MAX_NAME_LENGTH
        assert len(expand_text(pieces, VALUES, 50)) <= 50
