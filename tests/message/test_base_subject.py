"""Base subjects."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.message.samples import growth

from pymailcore.message.base_subject import base_subject, base_subject_and_reply


@pytest.mark.parametrize(
    ("subject", "base"),
    [
        ("hello", "hello"),
        ("", ""),
        ("Re: hello", "hello"),
        ("re : RE: Fw: fwd: hello", "hello"),
        ("Re[2]: hello", "hello"),
        ("Re [2] : hello", "hello"),
        ("[list] Re: [list] hello", "hello"),
        ("[a] [b] hello", "hello"),
        ("[a] [b]", "[b]"),
        ("[only]", "[only]"),
        ("Re: [only]", "[only]"),
        ("hello (fwd)", "hello"),
        ("hello (FWD) (fwd) ", "hello"),
        ("[Fwd: hello]", "hello"),
        ("[fwd: [fwd: Re: hello (fwd)]]", "hello"),
        ("Re: [Fwd: hello]", "hello"),
        ("[Fwd: hello] tail", "tail"),
        ("  a \t b  ", "a b"),
        ("Re:", ""),
        ("(fwd)", ""),
        ("Reply: x", "Reply: x"),
        ("[[a] x", "[[a] x"),
        ("Re [a: b", "Re [a: b"),
        ("[fwd:", "[fwd:"),
    ],
)
def test_what_replies_and_forwards_add_is_removed(subject: str, base: str) -> None:
    """RFC 5256 section 2.1."""
    assert base_subject(subject) == base


def by_the_book(subject: str) -> str:
    """The algorithm as RFC 5256 section 2.1 words it."""
    text = re.sub(r"[ \t\r\n]+", " ", subject)
    while True:
        while match := re.search(r"(?:\(fwd\)| )\Z", text, re.IGNORECASE):
            text = text[: match.start()]
        changed = True
        while changed:
            changed = False
            leader = re.match(
                r"(?:(?:\[[^\[\]]*\][ ]*)*(?:re|fwd?)[ ]*(?:\[[^\[\]]*\][ ]*)?:| )", text, re.IGNORECASE
            )
            if leader:
                text, changed = text[leader.end() :], True
            blob = re.match(r"\[[^\[\]]*\][ ]*", text)
            if blob and text[blob.end() :].strip():
                text, changed = text[blob.end() :], True
        if not (text.lower().startswith("[fwd:") and len(text) > 5 and text.endswith("]")):
            return text
        text = text[5:-1]


@given(
    st.lists(
        st.sampled_from(["re", "fwd", "fw", ":", " ", "[", "]", "(fwd)", "[fwd:", "a", "Re:", "[x]"]),
        max_size=14,
    )
)
def test_it_is_the_algorithm_of_the_rfc(pieces: list[str]) -> None:
    """RFC 5256 section 2.1."""
    subject = "".join(pieces)
    assert base_subject(subject) == by_the_book(subject)


@pytest.mark.slow
@pytest.mark.parametrize("piece", ["[a]", "Re:", "[fwd:", "(fwd)", "re[", "[", "Re [x] ", "]"])
def test_bombs_take_linear_time(piece: str) -> None:
    def make(size: int) -> str:
        count = size // len(piece)
        return piece * count + "]" * count

    assert growth(make, lambda subject: base_subject(str(subject)), 200_000) < 1.3


@pytest.mark.parametrize(
    ("subject", "is_reply"),
    [("a", False), ("", False), ("Re: a", True), ("fw [x]: a", True), ("a (fwd)", True), ("[fwd: a]", True),
     ("[x] a", False), ("[x] Re: a", True), ("Re", False), ("(fwd)", True), ("  a  ", False),
     ("[fwd:]", True)],
)  # fmt: skip
def test_replies_and_forwards_are_known_by_what_is_taken_away(subject: str, is_reply: bool) -> None:
    """RFC 5256 section 3, REFERENCES."""
    assert base_subject_and_reply(subject) == (base_subject(subject), is_reply)
