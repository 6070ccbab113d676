import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.stores import a_message

from pymailcore.message.facts import unpack
from pymailcore.message.prepare import prepare
from pymailcore.store.folding import HEADER_COLUMNS, MAX_HEADER_TEXT, fold, header_values, normal, sought
from pymailcore.store.ordering import sort_values


@given(st.text())
@example("\u0130\u05c1")
@example("\ufb04\u0345\u0301")
@example("\u0390")
def test_folding_twice_changes_nothing_more(text: str) -> None:
    """RFC 9051 section 6.4.4: comparison without case."""
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("one", "other"), [("Straße", "STRASSE"), ("e\u0301", "É"), ("ABC", "abc"), ("Σας", "ΣΑΣ")]
)
def test_equal_texts_fold_alike(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("needle", "form"),
    [("Le ", "le "), ("\r\n\tA  B", " a b"), ("\u00a0", " "), (" \t ", " "), ("", ""), (" É\u3000", " é ")],
)
def test_a_blank_at_an_end_of_a_needle_stays(needle: str, form: str) -> None:
    assert sought(needle) == form


@given(st.text(st.sampled_from("aé \t\x1f\u2003"), max_size=6))
def test_a_needle_is_normal_but_for_its_ends(needle: str) -> None:
    assert sought(needle).strip(" ") == normal(needle)


def test_header_values_are_folded_in_the_order_of_the_columns() -> None:
    octets = a_message(
        "Re: Größe", extra="Cc: C <c@x>, d@x\r\nBcc: e@x\r\nDate: Tue, 14 Nov 2023 23:30:00 -0500"
    )
    prepared = prepare(octets)
    values = header_values(unpack(prepared.facts), prepared.envelope)
    assert values.columns == (
        "ada <ada@example.org>", "bob <bob@example.org>", "c <c@x>, d@x", "e@x", "re: grösse",
        *sort_values(unpack(prepared.facts), prepared.envelope),
    )  # fmt: skip
    assert len(values.columns) == len(HEADER_COLUMNS)
    assert values.sent_local_ms == 1_700_004_600_000  # 23:30 as if it were UTC


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_header_text_is_bounded(over: int) -> None:
    octets = a_message("x" * (MAX_HEADER_TEXT + over))
    prepared = prepare(octets)
    values = header_values(unpack(prepared.facts), prepared.envelope)
    assert len(values.columns[4]) == min(MAX_HEADER_TEXT, MAX_HEADER_TEXT + over)
    assert values.sent_local_ms is None


def test_address_text_is_bounded() -> None:
    octets = a_message(extra="Cc: " + ",\r\n ".join(f"{n:05}@example.org" for n in range(3000)))
    values = header_values(unpack(prepare(octets).facts), b"")
    assert len(values.columns[2]) <= MAX_HEADER_TEXT


def test_lone_surrogates_do_not_reach_the_database() -> None:
    prepared = prepare(a_message())
    facts = msgspec.structs.replace(unpack(prepared.facts), subject="a\ud800b")
    values = header_values(facts, prepared.envelope)
    assert values.columns[4:6] == ("a?b", "A?B")
