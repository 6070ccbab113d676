from dataclasses import replace

from pymailcore.extract.limits import Limits


def test_they_travel_as_one_argument() -> None:
    limits = replace(Limits(), pages=7, seconds=0.5)
    assert Limits.load(limits.dump()) == limits
