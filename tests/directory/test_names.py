"""names: domains, local parts, wildcards."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.directories import address

from pymailcore.base.errors import InvalidValue
from pymailcore.directory.names import Pattern, domain_name, shown_domain, shown_text, tenant_name


def test_a_domain_has_one_form_and_another_for_people() -> None:
    """RFC 5890 section 2.3.2.1."""
    assert domain_name("Bücher.Example") == "xn--bcher-kva.example"
    assert shown_domain("xn--bcher-kva.example") == "bücher.example"
    assert shown_domain("xn--\xff.example") == "xn--\xff.example"
    for text in ("", "[192.0.2.1]", "a..b"):
        with pytest.raises(InvalidValue):
            domain_name(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ann@a.example", "aNN@A.Example"),
        ("Jörg@a.example", "JO\u0308RG@a.example"),
        ("STRASSE@a.example", "straße@a.example"),
        ("ΣΊΣΥΦΟΣ@a.example", "σίσυφος@a.example"),
    ],
)
def test_local_parts_are_equal_after_nfc_and_case_folding(one: str, other: str) -> None:
    """RFC 6531 section 3.3, RFC 8265 section 3.3."""
    assert address(one).key == address(other).key
    assert address(str(address(one))).key == address(one).key


def test_names_of_tenants_and_texts_that_are_shown() -> None:
    assert tenant_name("a-1") == "a-1"
    assert shown_text("  Größe ") == "Größe"
    for text in ("a\nb", "\x1b[0m", "x" * 201):
        with pytest.raises(InvalidValue):
            shown_text(text)
    for name in ("A", "", "-a", "ä", "a" * 64):
        with pytest.raises(InvalidValue):
            tenant_name(name)


def test_a_wildcard_has_one_star() -> None:
    assert Pattern.of(address("Sales-*-EU@a.example")) == Pattern("sales-", "-eu", "a.example")
    for text in ("ann@a.example", "*a*@a.example"):
        assert Pattern.of(address(text)) is None
    assert Pattern("sales-", "-eu", "a.example").key == "sales-*-eu@a.example"


TEXTS = st.text(alphabet="ab-", max_size=4)


@given(prefix=TEXTS, suffix=TEXTS, localpart=TEXTS)
def test_a_wildcard_matches_as_a_star_does(prefix: str, suffix: str, localpart: str) -> None:
    found = any(
        localpart == prefix + localpart[len(prefix) : len(prefix) + count] + suffix
        for count in range(len(localpart) + 1)
    )
    assert Pattern(prefix, suffix, "a.example").matches(localpart) is found
