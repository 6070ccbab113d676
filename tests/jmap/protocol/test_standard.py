"""RFC 8620 sections 5.1 to 5.6: arguments of the standard methods."""

import pytest

from pymailcore.jmap.protocol.arguments import Arguments
from pymailcore.jmap.protocol.errors import MethodError
from pymailcore.jmap.protocol.standard import (
    Get,
    changes_arguments,
    get_arguments,
    query_arguments,
    set_arguments,
)


def get(**raw: object) -> Get:
    arguments = Arguments(raw)
    taken = get_arguments(arguments, max_objects=3, known={"id", "name"})
    arguments.finish()
    return taken


def test_get_takes_ids_once_each() -> None:
    assert get(ids=["a", "b", "a"]).ids == ["a", "b"]
    assert get(ids=None, properties=None).ids is None
    assert get(ids=["#x"], properties=["name"]).properties == ["name"]


@pytest.mark.parametrize(
    "raw",
    [
        {"ids": "a"},
        {"ids": [1]},
        {"ids": ["a b"]},
        {"ids": ["#"]},
        {"properties": "id"},
        {"properties": ["none"]},
        {"unknown": 1},
    ],
)
def test_get_refuses(raw: dict[str, object]) -> None:
    with pytest.raises(MethodError) as error:
        get(**raw)
    assert error.value.kind == "invalidArguments"


@pytest.mark.parametrize(("count", "fits"), [(2, True), (3, True), (4, False)])
def test_get_is_limited(count: int, fits: bool) -> None:
    ids = [f"i{number}" for number in range(count)]
    if fits:
        assert get(ids=ids).ids == ids
    else:
        with pytest.raises(MethodError, match="requestTooLarge"):
            get(ids=ids)


@pytest.mark.parametrize(("count", "fits"), [(1, True), (3, True), (4, False)])
def test_set_is_limited_over_all_it_names(count: int, fits: bool) -> None:
    raw: dict[str, object] = {
        "create": {"a": {}},
        "update": {},
        "destroy": [f"i{n}" for n in range(count - 1)],
    }
    if fits:
        assert len(set_arguments(Arguments(raw), max_objects=3).destroy) == count - 1
    else:
        with pytest.raises(MethodError, match="requestTooLarge"):
            set_arguments(Arguments(raw), max_objects=3)


@pytest.mark.parametrize(
    "raw",
    [
        {"create": []},
        {"create": {"a": 1}},
        {"create": {"#a": {}}},
        {"update": {"a b": {}}},
        {"destroy": {}},
        {"ifInState": 1},
    ],
)
def test_set_refuses(raw: dict[str, object]) -> None:
    with pytest.raises(MethodError, match="invalidArguments"):
        set_arguments(Arguments(raw), max_objects=3)


@pytest.mark.parametrize("raw", [{}, {"sinceState": 1}, {"sinceState": "1", "maxChanges": 0}])
def test_changes_refuses(raw: dict[str, object]) -> None:
    """RFC 8620 section 5.2: maxChanges must be greater than 0."""
    with pytest.raises(MethodError, match="invalidArguments"):
        changes_arguments(Arguments(raw))


def test_query_defaults() -> None:
    query = query_arguments(Arguments({}))
    assert (query.position, query.limit, query.anchor, query.calculate_total) == (0, None, None, False)
    query = query_arguments(
        Arguments({"position": -5, "sort": [{"property": "x", "isAscending": False, "k": 1}]})
    )
    assert query.position == -5
    assert (query.sort[0].property, query.sort[0].ascending, query.sort[0].extra) == ("x", False, {"k": 1})


@pytest.mark.parametrize(
    "raw",
    [
        {"filter": []},
        {"sort": {}},
        {"sort": [1]},
        {"sort": [{}]},
        {"sort": [{"property": "x", "isAscending": 1}]},
        {"sort": [{"property": "x", "collation": 1}]},
        {"limit": -1},
        {"limit": "1"},
        {"position": 1.5},
        {"anchor": 1},
        {"anchorOffset": "1"},
        {"calculateTotal": 1},
        {"limit": True},
    ],
)
def test_query_refuses(raw: dict[str, object]) -> None:
    with pytest.raises(MethodError, match="invalidArguments"):
        query_arguments(Arguments(raw))
