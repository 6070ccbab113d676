from datetime import UTC

from pymailcore.runtime.clock import now, now_ms


def test_both_clocks_tell_the_same_time() -> None:
    assert now().tzinfo is UTC
    assert abs(now().timestamp() * 1000 - now_ms()) < 1000
