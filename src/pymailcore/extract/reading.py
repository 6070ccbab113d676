"""One attachment into an outcome and its text, within the time that there is; runs in the helper."""

import signal
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Final

from pymailcore.extract.formats import Family
from pymailcore.extract.frames import Outcome
from pymailcore.extract.limits import Limits
from pymailcore.extract.readers.gathering import (
    Encrypted,
    Full,
    Gathering,
    LimitReached,
    Unknown,
    Unreadable,
)
from pymailcore.extract.readers.office import read_package
from pymailcore.extract.readers.pdf import read_pdf
from pymailcore.extract.readers.rtf import read_rtf

_READERS: Final[Mapping[Family, Callable[[bytes, Gathering, Limits], None]]] = {
    Family.PDF: read_pdf,
    Family.PACKAGE: read_package,
    Family.RTF: read_rtf,
}
_AGAIN_SECONDS: Final = 0.2


class OutOfTime(BaseException):
    """The processor time is over; no reader's `except Exception` keeps it."""


class _Timer:
    """Raises `OutOfTime` in the main thread, again and again until it gets through, while it is armed."""

    def __init__(self, cpu_seconds: float) -> None:
        self._cpu_seconds = cpu_seconds
        self._armed = False

    def __enter__(self) -> None:
        signal.signal(signal.SIGPROF, self._ring)
        self._armed = True
        signal.setitimer(signal.ITIMER_PROF, self._cpu_seconds, _AGAIN_SECONDS)

    def __exit__(self, *_: object) -> None:
        self._armed = False
        signal.setitimer(signal.ITIMER_PROF, 0)

    def _ring(self, _number: int, _frame: FrameType | None) -> None:
        if self._armed:
            raise OutOfTime


def read_attachment(family: Family, octets: bytes, limits: Limits) -> tuple[Outcome, str]:
    """Give what became of it and its text; for outcomes without text, a word about why.

    Whatever ends the reading before the end, what was gathered by then is given.
    """
    gathering = Gathering(limits.text_octets)
    outcome, why = _read(family, octets, gathering, limits)
    text = gathering.text
    if text:
        return (Outcome.READ if outcome is Outcome.EMPTY else Outcome.CUT), text
    return outcome, why


def _read(family: Family, octets: bytes, gathering: Gathering, limits: Limits) -> tuple[Outcome, str]:
    try:
        with _Timer(limits.cpu_seconds):
            _READERS[family](octets, gathering, limits)
    except OutOfTime:
        return Outcome.LIMIT, "cpu_seconds"
    except MemoryError:
        return Outcome.MEMORY, "memory_octets"
    except Full:
        return Outcome.LIMIT, "text_octets"
    except Unreadable as fault:
        return _OUTCOMES.get(type(fault), Outcome.DAMAGED), str(fault)
    except Exception as fault:  # a hostile file finds all of Python's
        return Outcome.DAMAGED, type(fault).__name__
    return Outcome.EMPTY, ""


_OUTCOMES: Final[Mapping[type[Unreadable], Outcome]] = {
    Encrypted: Outcome.ENCRYPTED,
    LimitReached: Outcome.LIMIT,
    Unknown: Outcome.UNKNOWN,
}
