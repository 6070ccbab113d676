import json

import pytest

from pymailcore.cli.common import Lister, Some, show, show_one


def test_control_characters_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show([{"a": "x\x1b[31m\ny", "b": None, "c": True}], ("a", "b", "c"), as_json=False)
    assert capsys.readouterr().out == "x�[31m�y\t\tyes\n"


def test_json_is_written_while_it_comes_and_is_one_list(capsys: pytest.CaptureFixture[str]) -> None:
    with Lister(("a",), as_json=True) as lister:
        lister.add([{"a": 1}])
        assert capsys.readouterr().out == '[\n  {\n    "a": 1\n  }'
        lister.add([])
        lister.add([{"a": [2, "\xe4"]}, {"a": None}])
    rest = capsys.readouterr().out
    assert json.loads('[{"a": 1}' + rest) == [{"a": 1}, {"a": [2, "\xe4"]}, {"a": None}]
    with Lister(("a",), as_json=True):
        pass
    assert capsys.readouterr().out == "[]\n"


def test_one_thing_is_a_line_for_each_value(capsys: pytest.CaptureFixture[str]) -> None:
    show_one({"a": "x\x1b", "b": [{"c": 1, "d": None}, {"c": 2}], "e": []}, as_json=False)
    assert capsys.readouterr().out == "a: x\N{REPLACEMENT CHARACTER}\nb: c=1\nb: c=2\n"


@pytest.mark.parametrize(
    ("after", "start"),
    [
        (None, None),
        ("a@x.test", "a@x.test"),
        ("a@x.test b@y.test", "a@x.test\nb@y.test"),
        ('"a b"@x.test c@y.test', '"a b"@x.test\nc@y.test'),
    ],
)
def test_where_a_list_of_pairs_goes_on(after: str | None, start: str | None) -> None:
    assert Some(None, after).start() == start
    if start is not None:
        assert Some.written(start) == after
