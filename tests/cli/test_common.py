import pytest

from pymailcore.cli.common import show


def test_control_characters_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show([{"a": "x\x1b[31m\ny", "b": None, "c": True}], ("a", "b", "c"), as_json=False)
    assert capsys.readouterr().out == "x�[31m�y\t\tyes\n"
