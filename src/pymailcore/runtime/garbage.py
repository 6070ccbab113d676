"""How often Python looks for cycles of garbage.

Nearly all that a server allocates dies by reference count. Python's default is to look through the youngest
objects at every 700 allocations, which cost a fifth of the CPU of taking a message in (measured with
benchmarks/store_append.py: `--gc 700` against `--gc 25000`).
"""

import gc
from typing import Final

_THRESHOLDS: Final = (25_000, 20, 100)


def calm_collector() -> None:
    """Leave what start-up made out of every look, and look less often; once, before a process serves."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
