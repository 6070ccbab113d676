"""What tests have to say besides that they passed: counts of crashes, the method of a power cut.

The lines are printed together at the end of the run (`tests/conftest.py`), to be pasted elsewhere.
"""

from collections.abc import Callable
from typing import TypeAlias

Say: TypeAlias = Callable[[str], None]
"""The fixture `say`: takes one line."""
