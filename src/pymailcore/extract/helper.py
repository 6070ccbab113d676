"""A helper process: reads attachments one after the other from its standard input, a socket; answers there.

Started by `process` as `python -m pymailcore.extract.helper LIMITS`. It ends at the end of its input, when
it was sent what is no request, and after it ran out of memory. It logs nothing: what a library has to say
about a hostile file would fill a disk.
"""

import codecs
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import warnings
from collections.abc import Sequence
from typing import Final

from pymailcore.extract.confine import confine, limit_cpu
from pymailcore.extract.frames import (
    HEAD_OCTETS,
    BadFrame,
    Outcome,
    answer_frame,
    read_request_head,
    ready_frame,
)
from pymailcore.extract.limits import Limits
from pymailcore.extract.readers.pdf import load_library
from pymailcore.extract.readers.rtf import CODECS
from pymailcore.extract.reading import read_attachment

_SOCKET: Final = 0
_GRACE_SECONDS: Final = 2
_LIBRARY_CODECS: Final = (
    "ascii", "latin-1", "utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "iso-8859-15", "charmap",
    "cp1252", "gbk", "gb2312", "gb18030", "big5", "big5hkscs", "cp950", "cp932", "shift_jis", "euc_jp",
    "iso2022_jp", "cp949", "euc_kr", "johab", "koi8_r", "koi8_u", "windows-1251", "windows-1250", "idna",
)  # fmt: skip


class Helper:
    """The loop of a helper.

    Args:
        end: the socket to the parent.
    """

    def __init__(self, end: socket.socket, limits: Limits) -> None:
        self._end = end
        self._limits = limits

    def serve(self) -> None:
        """Answer requests until there are no more."""
        with contextlib.suppress(BadFrame, EOFError, OSError):
            while True:
                head = self._receive(HEAD_OCTETS)
                family, length = read_request_head(head, self._limits.input_octets)
                self._limit_time()
                outcome, body = read_attachment(family, self._receive(length), self._limits)
                signal.setitimer(signal.ITIMER_REAL, 0)
                self._end.sendall(answer_frame(outcome, body))
                if outcome is Outcome.MEMORY:
                    return
                body = ""
                gc.collect()

    def _limit_time(self) -> None:
        """Die of SIGALRM or SIGXCPU should nobody else end this process."""
        limit_cpu(self._limits.cpu_seconds + _GRACE_SECONDS)
        signal.setitimer(signal.ITIMER_REAL, self._limits.seconds + _GRACE_SECONDS)

    def _receive(self, length: int) -> bytes:
        octets = bytearray(length)
        view = memoryview(octets)
        done = 0
        while done < length:
            count = self._end.recv_into(view[done:])
            if not count:
                raise EOFError
            done += count
        view.release()
        return bytes(octets)


def main(arguments: Sequence[str]) -> int:
    """Confine this process and serve."""
    limits = Limits.load(arguments[0])
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    load_library()
    for name in (*_LIBRARY_CODECS, *CODECS):
        with contextlib.suppress(LookupError):
            codecs.lookup(name)
    end = socket.socket(fileno=_SOCKET)
    done = confine(limits.memory_octets)
    gc.freeze()
    end.sendall(ready_frame(", ".join(done)))
    Helper(end, limits).serve()
    os._exit(0)  # nothing is to be flushed, and nothing of an attachment may run at the end


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
