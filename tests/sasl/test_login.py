import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.base.errors import LocalProtocolError
from pymailcore.sasl.login import Login
from pymailcore.sasl.steps import MAX_FIELD_OCTETS, Challenge, Credentials, Failed


@pytest.mark.parametrize("initial", [None, b""])
def test_both_questions_are_asked(initial: bytes | None) -> None:
    login = Login()
    assert login.start(initial) == Challenge(b"Username:")
    assert login.respond(b"tim") == Challenge(b"Password:")
    assert login.respond(b"secret") == Credentials("tim", "", "secret")


def test_an_initial_response_is_the_user_name() -> None:
    """RFC 4422 section 5."""
    login = Login()
    assert login.start(b"tim") == Challenge(b"Password:")
    assert login.respond("pässword".encode()) == Credentials("tim", "", "pässword")


@pytest.mark.parametrize("answer", [b"", b"a\0b", b"\xff", b"x" * (MAX_FIELD_OCTETS + 1)])
@pytest.mark.parametrize("first", [True, False])
def test_a_bad_answer_fails(first: bool, answer: bytes) -> None:
    login = Login()
    login.start(None)
    if not first:
        login.respond(b"tim")
    assert isinstance(login.respond(answer), Failed)
    with pytest.raises(LocalProtocolError):
        login.respond(b"tim")


def test_answers_at_the_limit_are_taken() -> None:
    login = Login()
    login.start(b"u" * MAX_FIELD_OCTETS)
    assert isinstance(login.respond(b"p" * MAX_FIELD_OCTETS), Credentials)


def test_a_machine_is_started_once() -> None:
    login = Login()
    with pytest.raises(LocalProtocolError):
        login.respond(b"tim")
    login.start(None)
    with pytest.raises(LocalProtocolError):
        login.start(None)


@given(st.lists(st.binary(max_size=20), min_size=2, max_size=2))
def test_no_answer_raises(answers: list[bytes]) -> None:
    login = Login()
    step = login.start(None)
    for answer in answers:
        if not isinstance(step, Challenge):
            break
        step = login.respond(answer)
    assert isinstance(step, Credentials | Failed)
