from pymailcore.smtp.protocol.states import AFTER_ACCEPT, AFTER_REFUSE, ALLOWED, ENDED, State


def test_nothing_is_served_in_states_that_read_no_commands() -> None:
    """RFC 5321 section 4.1.4; section 3.1 for REFUSED."""
    silent = {State.CONNECTED, State.DATA, State.CHUNK, State.AUTH, State.TLS, State.RENEWED, State.CLOSED}
    for verb, states in ALLOWED.items():
        assert not silent & states
        assert (State.REFUSED in states) is (verb == b"QUIT")


def test_three_states_end_a_core() -> None:
    assert {State.TLS, State.RENEWED, State.CLOSED} == ENDED
    assert State.CLOSED not in {*AFTER_ACCEPT.values(), *AFTER_REFUSE.values()}
