"""Parameters of Content-Type and Content-Disposition."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.message.limits import MAX_PARAMETERS
from pymailcore.message.parameters import parse_parameters


@pytest.mark.parametrize(
    ("text", "value", "parameters"),
    [
        ("text/plain", "text/plain", {}),
        ("text/plain;", "text/plain", {}),
        ("text/plain; charset=us-ascii (Plain text)", "text/plain", {"charset": "us-ascii"}),
        ('text/plain; charset="us-ascii"', "text/plain", {"charset": "us-ascii"}),
        ('a/b; X = "a;b\\"c\\\\" ;y=z', "a/b", {"x": 'a;b"c\\', "y": "z"}),
        ("a/b; name=two words; x=1", "a/b", {"name": "two words", "x": "1"}),
        ('a/b; name="open; x=1', "a/b", {"name": "open; x=1"}),
        ("a/b; x=1; x=2", "a/b", {"x": "1"}),
        ("a/b;; =x; y; z=", "a/b", {"z": ""}),
    ],
)
def test_parameters_are_read(text: str, value: str, parameters: dict[str, str]) -> None:
    """RFC 2045 section 5.1."""
    assert parse_parameters(text) == (value, parameters)


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        # RFC 2231 section 3
        (
            'message/external-body; access-type=URL; URL*0="ftp://"; '
            'URL*1="cs.utk.edu/pub/moore/bulk-mailer.tar"',
            {"access-type": "URL", "url": "ftp://cs.utk.edu/pub/moore/bulk-mailer.tar"},
        ),
        # RFC 2231 section 4
        (
            "application/x-stuff; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A",
            {"title": "This is ***fun***"},
        ),
        # RFC 2231 section 4.1
        (
            "application/x-stuff; title*0*=us-ascii'en'This%20is%20even%20more%20; "
            'title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*2="isn\'t it!"',
            {"title": "This is even more ***fun*** isn't it!"},
        ),
    ],
)
def test_examples_of_rfc_2231(text: str, parameters: dict[str, str]) -> None:
    """RFC 2231 sections 3 to 4.1."""
    assert parse_parameters(text)[1] == parameters


def test_the_extended_form_goes_first() -> None:
    assert parse_parameters("a/b; x=plain; x*=utf-8''%e2%82%ac")[1] == {"x": "€"}


def test_segments_may_come_in_any_order_and_end_at_a_gap() -> None:
    assert parse_parameters("a/b; x*1=b; x*0=a; x*3=d")[1] == {"x": "ab"}
    assert parse_parameters("a/b; x*1=b")[1] == {}
    assert parse_parameters("a/b; x*z=b; x*0001=c; *=d; x*²=e")[1] == {}


def test_a_charset_that_is_unknown_or_missing_is_guessed() -> None:
    assert parse_parameters("a/b; x*=x-none''%e2%82%ac")[1] == {"x": "€"}
    assert parse_parameters("a/b; x*=utf-8''it's")[1] == {"x": "it's"}
    assert parse_parameters("a/b; x*=it's")[1] == {"x": "it's"}
    assert parse_parameters("a/b; x*=%e9")[1] == {"x": "é"}


def test_encoded_words_in_parameters_are_decoded() -> None:
    """RFC 2047 section 5 forbids them; senders use them."""
    assert parse_parameters('a/b; name="=?utf-8?B?4oKs?= =?utf-8?Q?_x?="')[1] == {"name": "€ x"}
    assert parse_parameters("a/b; x*0==?utf-8?Q?=E2=82=AC?=")[1] == {"x": "€"}


def test_parameters_beyond_the_limit_are_passed_over() -> None:
    for count in (MAX_PARAMETERS - 1, MAX_PARAMETERS, MAX_PARAMETERS + 1):
        text = "a/b" + "".join(f"; p{number}=v" for number in range(count))
        assert len(parse_parameters(text)[1]) == min(count, MAX_PARAMETERS)


@given(st.text(alphabet="a=;\"\\*0%( )'é", max_size=80))
def test_nothing_makes_it_raise(text: str) -> None:
    for value in parse_parameters("a/b;" + text)[1].values():
        value.encode()
