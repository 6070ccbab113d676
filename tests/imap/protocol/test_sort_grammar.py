import pytest

from pymailcore.imap.protocol.scanner import BadCommand, Scanner
from pymailcore.imap.protocol.sort_grammar import (
    MAX_CRITERIA,
    SortCriterion,
    SortKey,
    ThreadAlgorithm,
    parse_algorithm,
    parse_criteria_list,
)


def test_each_key_is_known() -> None:
    """RFC 5256 section 5 (`sort-key`), RFC 5957 section 5, RFC 6203 section 7."""
    names = b"ARRIVAL CC DATE DISPLAYFROM DISPLAYTO FROM RELEVANCY SIZE SUBJECT TO"
    assert parse_criteria_list(Scanner([b"(%b)" % names])) == tuple(map(SortCriterion, SortKey))


def test_reverse_is_for_one_key() -> None:
    """RFC 5256 section 3."""
    assert parse_criteria_list(Scanner([b"(subject reverse date)"])) == (
        SortCriterion(SortKey.SUBJECT),
        SortCriterion(SortKey.DATE, reverse=True),
    )


def test_what_is_named_again_changes_nothing() -> None:
    assert parse_criteria_list(Scanner([b"(DATE REVERSE DATE)"])) == (SortCriterion(SortKey.DATE),)


@pytest.mark.parametrize(
    "text", [b"", b"()", b"DATE", b"(DATE", b"(REVERSE)", b"(REVERSE REVERSE DATE)", b"(X)"]
)
def test_what_is_no_list_of_criteria(text: bytes) -> None:
    with pytest.raises(BadCommand):
        parse_criteria_list(Scanner([text]))


@pytest.mark.parametrize("more", [0, 1])
def test_criteria_are_counted(more: int) -> None:
    """I4."""
    scanner = Scanner([b"(%b)" % b" ".join([b"DATE"] * (MAX_CRITERIA + more))])
    if more:
        with pytest.raises(BadCommand):
            parse_criteria_list(scanner)
    else:
        assert len(parse_criteria_list(scanner)) == 1


def test_algorithms() -> None:
    """RFC 5256 section 5 (`thread-alg`)."""
    assert parse_algorithm(Scanner([b"references"])) is ThreadAlgorithm.REFERENCES
    assert parse_algorithm(Scanner([b"ORDEREDSUBJECT"])) is ThreadAlgorithm.ORDERED_SUBJECT
    with pytest.raises(BadCommand):
        parse_algorithm(Scanner([b"REFS"]))
