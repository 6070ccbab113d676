from collections.abc import Callable

import pytest

from pymailcore.base.errors import LocalProtocolError
from pymailcore.sasl.machine import text_of
from pymailcore.sasl.plain import Plain
from pymailcore.sasl.steps import Challenge, Failed, ScramKeys, Succeeded

PLAIN = b"\0tim\0secret"


def test_nobody_has_logged_in_before_somebody_says_so() -> None:
    """RFC 4422 section 3.6."""
    accepted, refused = Plain(), Plain()
    accepted.start(PLAIN)
    refused.start(PLAIN)
    assert accepted.accept() == Succeeded()
    assert refused.refuse() == Failed("refused")


def test_calls_out_of_order_are_our_own_fault() -> None:
    machine = Plain()
    calls: list[Callable[[], object]] = [machine.accept, machine.refuse]
    calls += [lambda: machine.respond(b""), lambda: machine.keys(_keys())]
    for call in calls:
        with pytest.raises(LocalProtocolError):
            call()
    assert machine.start(None) == Challenge(b"")
    with pytest.raises(LocalProtocolError):
        machine.accept()
    machine.respond(PLAIN)
    with pytest.raises(LocalProtocolError):
        machine.respond(PLAIN)
    machine.accept()
    calls = [machine.accept, machine.refuse, lambda: machine.start(PLAIN)]
    for call in calls:
        with pytest.raises(LocalProtocolError):
            call()


@pytest.mark.parametrize(
    ("octets", "text"), [(b"", ""), ("ü".encode(), "ü"), (b"a\0b", None), (b"\xff", None)]
)
def test_text_is_utf_8_without_nul(octets: bytes, text: str | None) -> None:
    """RFC 4422 section 3.4.1."""
    assert text_of(octets) == text


@pytest.mark.parametrize(("length", "good"), [(9, True), (10, True), (11, False)])
def test_text_is_bounded(length: int, good: bool) -> None:
    assert (text_of(b"x" * length, 10) is not None) is good


def _keys() -> ScramKeys:
    return ScramKeys(b"salt", 4096, ())
