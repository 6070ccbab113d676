import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.base.errors import LocalProtocolError
from pymailcore.sasl.plain import Plain
from pymailcore.sasl.steps import MAX_FIELD_OCTETS, Challenge, Credentials, Failed


def test_the_initial_response_is_enough() -> None:
    """RFC 4616 section 4, first example."""
    assert Plain().start(b"\0tim\0tanstaaftanstaaf") == Credentials("tim", "", "tanstaaftanstaaf")


def test_the_authorization_id_is_kept() -> None:
    """RFC 4616 section 4, second example."""
    plain = Plain()
    assert plain.start(None) == Challenge(b"")
    assert plain.respond(b"Ursel\0Kurt\0xipj3plmq") == Credentials("Kurt", "Ursel", "xipj3plmq")


def test_an_empty_initial_response_is_a_response() -> None:
    """RFC 4422 section 5: empty differs from absent."""
    assert isinstance(Plain().start(b""), Failed)


@pytest.mark.parametrize(
    "response",
    [
        b"tim",
        b"\0tim",
        b"\0\0secret",
        b"\0tim\0",
        b"\0tim\0a\0b",
        b"\0t\xff\0secret",
        b"\0" * 20_000,
        b"a" * 20_000,
    ],
)
def test_what_is_not_three_fields_of_text_fails(response: bytes) -> None:
    """RFC 4616 section 2."""
    assert isinstance(Plain().start(response), Failed)


@pytest.mark.parametrize(("extra", "accepted"), [(-1, True), (0, True), (1, False)])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_fields_are_bounded(place: int, extra: int, accepted: bool) -> None:
    """RFC 4616 section 2: at least 255 octets each."""
    fields = [b"a", b"b", b"c"]
    fields[place] = b"x" * (MAX_FIELD_OCTETS + extra)
    assert isinstance(Plain().start(b"\0".join(fields)), Credentials) is accepted


@given(st.binary(max_size=60))
def test_no_response_raises(response: bytes) -> None:
    """RFC 4616 section 2; whatever comes is data."""
    step = Plain().start(response)
    if isinstance(step, Credentials):
        fields = (step.authorization_id, step.authentication_id, step.password)
        assert "\0".join(fields).encode() == response
    else:
        assert isinstance(step, Failed)


def test_a_spent_machine_is_our_own_fault() -> None:
    plain = Plain()
    with pytest.raises(LocalProtocolError):
        plain.respond(b"")
    plain.start(b"\0a\0b")
    with pytest.raises(LocalProtocolError):
        plain.respond(b"\0a\0b")
    with pytest.raises(LocalProtocolError):
        plain.start(None)


def test_the_password_is_not_shown() -> None:
    assert "tanstaaf" not in repr(Plain().start(b"\0tim\0tanstaaf"))
