import pytest

from pymailcore.store.housekeeping.pace import Pace, Throttle, rest_after


def test_a_slice_grows_while_it_is_quick_and_shrinks_when_it_was_slow() -> None:
    pace = Pace(64, most=200, seconds=0.004)
    pace.took(0.001)
    assert pace.rows == 128
    pace.took(0.003)
    assert pace.rows == 128
    pace.took(0.001)
    assert pace.rows == 200
    pace.took(0.008)
    assert pace.rows == 75
    pace.took(10.0)
    assert pace.rows == 1


def test_octets_are_paid_for_by_waiting() -> None:
    throttle = Throttle(100.0)
    assert throttle.wait_after(50, now=10.0) == pytest.approx(0.5)
    assert throttle.wait_after(50, now=10.0) == pytest.approx(1.0)
    assert throttle.wait_after(50, now=20.0) == pytest.approx(0.5), "what was not used is not saved up"
    assert Throttle(0).wait_after(10**9, now=0.0) == 0.0


@pytest.mark.parametrize(("percent", "rest"), [(25.0, 3.0), (100.0, 0.0), (400.0, 0.0), (50.0, 1.0)])
def test_work_is_a_share_of_the_time(percent: float, rest: float) -> None:
    assert rest_after(1.0, percent) == pytest.approx(rest)
