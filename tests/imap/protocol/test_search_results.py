from pymailcore.imap.protocol.search_options import PartialRange, ReturnOptions
from pymailcore.imap.protocol.search_results import extended, numbers, returned


def test_plain_numbers() -> None:
    """RFC 3501 section 7.2.5, RFC 7162 section 3.1.6 (example 16), RFC 5256 section 4."""
    assert numbers(b"SEARCH", [2, 3, 6]) == b"* SEARCH 2 3 6\r\n"
    assert numbers(b"SORT", []) == b"* SORT\r\n"
    assert numbers(b"SEARCH", [2, 5], 917162500) == b"* SEARCH 2 5 (MODSEQ 917162500)\r\n"
    assert numbers(b"SEARCH", [], 5) == b"* SEARCH\r\n"


def test_extended() -> None:
    """RFC 4731 section 3.1, RFC 9051 section 7.3.4."""
    every = ReturnOptions(min=True, max=True, all=True, count=True)
    found = [2, 3, 4, 7]
    assert extended(b"A2", found, every, uid=False) == (
        b'* ESEARCH (TAG "A2") MIN 2 MAX 7 ALL 2:4,7 COUNT 4\r\n'
    )
    assert extended(b"A2", [], every, uid=True) == b'* ESEARCH (TAG "A2") UID COUNT 0\r\n'
    assert extended(b"a", found, ReturnOptions(all=True), uid=False, modseq=9) == (
        b'* ESEARCH (TAG "a") ALL 2:4,7 MODSEQ 9\r\n'
    )


def test_ranges_of_a_sort_ascend() -> None:
    """RFC 5267 section 3.2."""
    found = [5, 4, 3, 7, 8, 9]
    assert extended(b"E", found, ReturnOptions(all=True, min=True), uid=True) == (
        b'* ESEARCH (TAG "E") UID MIN 5 ALL 5,4,3,7:9\r\n'
    )


def test_partial() -> None:
    """RFC 9394 section 3.1."""
    options = ReturnOptions(partial=PartialRange(-1, -2, b"-1:-2"), count=True)
    assert extended(b"a", [2, 3, 4], options, uid=True) == (
        b'* ESEARCH (TAG "a") UID PARTIAL (-1:-2 3:4) COUNT 3\r\n'
    )
    options = ReturnOptions(partial=PartialRange(9, 10, b"9:10"))
    assert extended(b"a", [2], options, uid=False) == b'* ESEARCH (TAG "a") PARTIAL (9:10 NIL)\r\n'


def test_relevancy_is_told_in_the_order_of_what_was_found() -> None:
    """RFC 6203 section 4."""
    options = ReturnOptions(all=True, relevancy=True)
    assert extended(b"B1", [1, 5, 10], options, uid=False, scores=[4, 99, 42]) == (
        b'* ESEARCH (TAG "B1") ALL 1,5,10 RELEVANCY (4 99 42)\r\n'
    )
    partial = ReturnOptions(partial=PartialRange(2, 3, b"2:3"), relevancy=True)
    assert extended(b"B1", [1, 5, 10], partial, uid=False, scores=[4, 99, 42]) == (
        b'* ESEARCH (TAG "B1") PARTIAL (2:3 5,10) RELEVANCY (99 42)\r\n'
    )


def test_what_an_answer_names() -> None:
    """RFC 5182 section 2.4, RFC 9394 section 3.2."""
    found = [3, 5, 7, 9]
    assert returned(found, ReturnOptions(save=True)) == found
    assert returned(found, ReturnOptions(save=True, min=True)) == [3]
    assert returned(found, ReturnOptions(save=True, min=True, max=True)) == [3, 9]
    assert returned([3], ReturnOptions(save=True, min=True, max=True)) == [3]
    partial = PartialRange(2, 3, b"2:3")
    assert returned(found, ReturnOptions(save=True, partial=partial)) == [5, 7]
    assert returned(found, ReturnOptions(save=True, partial=partial, max=True)) == [5, 7, 9]
    assert returned(found, ReturnOptions(save=True, partial=partial, count=True)) == found
    assert returned([], ReturnOptions(min=True)) == []
