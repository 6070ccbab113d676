"""The garbage collector of a serving process."""

import gc

from pymailcore.runtime.garbage import calm_collector


def test_start_up_is_left_out_and_cycles_are_still_collected() -> None:
    """Objects made later, in a cycle, do not stay for ever."""
    before = gc.get_threshold()
    try:
        calm_collector()
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold()[0] > before[0]
        cycle: list[object] = []
        cycle.append(cycle)
        del cycle
        assert gc.collect() >= 1
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
