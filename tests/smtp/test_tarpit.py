"""tarpit: waits that grow and are bounded (S9)."""

import pytest
import trio
import trio.testing
from tests.support.smtp import FakeConnection, FakeRole, read_codes, server_of

from pymailcore.smtp.protocol import events
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.settings import SmtpSettings
from pymailcore.smtp.tarpit import delay_seconds

SETTINGS = SmtpSettings(soft_errors_count=3, error_delay_seconds=0.5, max_error_delay_seconds=3.0)


@pytest.mark.parametrize(
    ("errors", "honest", "suspicious"),
    [(0, 0, 0), (1, 0, 0.5), (2, 0, 1), (3, 0.5, 2), (4, 1, 3), (5, 2, 3), (6, 3, 3), (10_000, 3, 3)],
)
def test_waits_double_up_to_the_longest(errors: int, honest: float, suspicious: float) -> None:
    """At the soft limit, one before and one beyond it."""
    assert delay_seconds(SETTINGS, errors, suspicious=False) == honest
    assert delay_seconds(SETTINGS, errors, suspicious=True) == suspicious


def test_no_delay_is_a_setting() -> None:
    none = SmtpSettings(error_delay_seconds=0.0, max_error_delay_seconds=0.0)
    assert delay_seconds(none, 19, suspicious=True) == 0.0


@pytest.mark.parametrize(("marked", "waits"), [(False, [0, 0, 0.5]), (True, [0.5, 1, 2])])
async def test_who_looks_bad_waits_from_the_first_error(
    *, marked: bool, waits: list[float], nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    role = FakeRole()

    def decision(event: events.Event) -> Reply | None:
        if isinstance(event, events.Hello) and marked:
            role.sessions[0].marks.add("hello-localhost")
        return None

    role.decision = decision
    ours, theirs = trio.testing.memory_stream_pair()
    nursery.start_soon(server_of(role, SETTINGS).serve_connection, FakeConnection(ours))
    await read_codes(theirs, 1)
    await theirs.send_all(b"EHLO c.example\r\n")
    assert await read_codes(theirs, 1) == [b"250"]
    seen = []
    for _ in waits:
        began = trio.current_time()
        await theirs.send_all(b"NOPE\r\n")
        assert await read_codes(theirs, 1) == [b"500"]
        seen.append(trio.current_time() - began)
    assert seen == waits
