import pytest

from pymailcore.sasl.login import Login
from pymailcore.sasl.plain import Plain
from pymailcore.sasl.registry import MECHANISMS, new_mechanism


@pytest.mark.parametrize("name", ["PLAIN", "plain", "Plain"])
def test_names_are_found_in_any_case(name: str) -> None:
    """RFC 4422 section 3.1."""
    assert isinstance(new_mechanism(name), Plain)
    assert isinstance(new_mechanism("login"), Login)


@pytest.mark.parametrize("name", ["", "CRAM-MD5", "EXTERNAL", "PLAIN ", "plaın"])
def test_other_names_are_not(name: str) -> None:
    assert new_mechanism(name) is None


def test_each_attempt_has_its_own_machine() -> None:
    assert new_mechanism("PLAIN") is not new_mechanism("PLAIN")
    assert list(MECHANISMS) == ["PLAIN", "LOGIN"]
