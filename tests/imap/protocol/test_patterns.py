import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.imap.protocol.patterns import compile_pattern


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("*", "a/b/c", True),
        ("%", "a", True),
        ("%", "a/b", False),
        ("%/%", "a/b", True),
        ("a/%", "a/b", True),
        ("a/%", "a", False),
        ("a/*", "a/b/c", True),
        ("a*", "a", True),
        ("*%", "a/b", True),
        ("%*", "a/b", True),
        ("%%", "a/b", False),
        ("*b%c", "a/bxb/bc", True),
        ("INBOX", "INBOX", True),
        ("INBOX", "inbox", False),
        ("", "", True),
        ("", "a", False),
        ("*", "", True),
        ("a.b", "axb", False),
    ],
)
def test_wildcards(pattern: str, name: str, expected: bool) -> None:
    """RFC 3501 section 6.3.8."""
    assert compile_pattern(pattern).matches(name) is expected


@given(st.text("ab/*%", max_size=9), st.text("ab/", max_size=9))
def test_it_agrees_with_a_slow_matcher(pattern: str, name: str) -> None:
    """RFC 3501 section 6.3.8; the slow one is a regular expression, which small names can afford."""
    regex = "".join({"*": ".*", "%": "[^/]*"}.get(character, re.escape(character)) for character in pattern)
    assert compile_pattern(pattern).matches(name) is (re.fullmatch(regex, name) is not None)


def test_fifty_wildcards_against_ten_thousand_names_are_quick() -> None:
    """I3 (James CVE-2021-40110)."""
    names = ["a" * 40 + f"/{n}" for n in range(10_000)]
    start = time.process_time()
    pattern = compile_pattern("*a%" * 25 + "b")
    assert not any(map(pattern.matches, names))
    assert time.process_time() - start < 2
