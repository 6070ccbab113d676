import pytest

from pymailcore.sasl.external import External
from pymailcore.sasl.steps import MAX_FIELD_OCTETS, Challenge, Failed
from pymailcore.sasl.steps import External as Evidence


def test_who_it_is_need_not_be_said() -> None:
    """RFC 4422 appendix A.1: an empty authorization id stands for the certificate's own."""
    assert External().start(b"") == Evidence("")
    assert External().start("bücher@example.org".encode()) == Evidence("bücher@example.org")


def test_it_is_asked_for() -> None:
    machine = External()
    assert machine.start(None) == Challenge(b"")
    assert machine.respond(b"fred@example.com") == Evidence("fred@example.com")


@pytest.mark.parametrize("message", [b"a\0b", b"\xff"])
def test_what_is_no_text_fails(message: bytes) -> None:
    assert isinstance(External().start(message), Failed)


@pytest.mark.parametrize(("extra", "good"), [(-1, True), (0, True), (1, False)])
def test_the_name_is_bounded(extra: int, good: bool) -> None:
    assert isinstance(External().start(b"x" * (MAX_FIELD_OCTETS + extra)), Evidence) is good
