"""What the indexer remembers of accounts."""

from pymailcore.store.fulltext.remembered import Remembered


def test_what_is_remembered_is_bounded() -> None:
    remembered = Remembered(most=10)
    remembered.begin(1, [], whole=3)
    remembered.add(1, [f"a{n}" for n in range(6)], 4)
    remembered.begin(2, ["b"], whole=None)
    remembered.add(2, ["b"] * 3, 4)
    assert [remembered.is_whole(1, chunk) for chunk in (3, 4, 5)] == [False, True, False]
    assert not remembered.is_whole(2, 4)
    assert remembered.of(1) == {f"a{n}" for n in range(6)}  # used last
    remembered.add(2, [f"b{n}" for n in range(6)], 5)
    assert remembered.of(2) is None
    remembered.begin(3, [f"c{n}" for n in range(6)], whole=None)
    assert remembered.of(1) is None
    assert not remembered.is_whole(1, 4)
    remembered.clear()
    assert remembered.of(1) is None
    assert not remembered.is_whole(1, 4)
