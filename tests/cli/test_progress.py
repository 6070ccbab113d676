import pytest

from pymailcore.cli.progress import Bars


def test_nothing_is_shown_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with Bars() as bars:
        bars.at(0.5)
        bars.begin("work")
        bars.at(0.5)
        bars.begin("more")
    assert capsys.readouterr() == ("", "")
