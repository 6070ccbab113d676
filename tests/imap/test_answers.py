from pymailcore.imap.answers import KeptAnswers


def test_what_was_asked_for_last_is_kept() -> None:
    kept = KeptAnswers(10)
    kept.keep("a", b"aaaa")
    kept.keep("b", b"bbbb")
    assert kept.get("a") == b"aaaa"
    kept.keep("c", b"cc")
    assert [kept.get(key) for key in "abc"] == [b"aaaa", b"bbbb", b"cc"]
    kept.get("a")
    kept.keep("d", b"d")
    assert [kept.get(key) for key in "abcd"] == [b"aaaa", None, b"cc", b"d"]


def test_an_answer_takes_the_place_of_an_older_one() -> None:
    kept = KeptAnswers(10)
    for _ in range(5):
        kept.keep("a", b"aaaaaa")
    kept.keep("a", b"a")
    kept.keep("b", b"bbbbbbbbb")
    assert len(kept) == 2


def test_an_answer_that_is_too_large_is_not_kept() -> None:
    kept = KeptAnswers(10)
    kept.keep("a", b"a" * 11)
    assert kept.get("a") is None
    kept.keep("b", b"b" * 10)
    assert kept.get("b") == b"b" * 10
