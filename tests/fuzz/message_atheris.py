"""Runs one target under atheris, by hand: `python -m tests.fuzz.message_atheris TARGET [CORPUS] [options]`.

atheris is no dependency (35 MB, and no wheel for every Python); options are those of libFuzzer, such as
`-max_total_time=20`.
"""

import importlib
import sys

from tests.fuzz.message_targets import TARGETS


def main() -> None:
    """Fuzz until something breaks or the time is up."""
    atheris = importlib.import_module("atheris")
    target = TARGETS[sys.argv.pop(1)]
    atheris.instrument_all()
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
