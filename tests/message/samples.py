"""Messages and measuring that the tests of this package share."""

import gc
import math
import time
from collections.abc import Callable

NESTED = (
    b"From: a@example.com\r\n"
    b"Subject: outer\r\n"
    b"MIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="outer"\r\n'
    b"\r\n"
    b"preamble\r\n"
    b"--outer\r\n"
    b"Content-Type: text/plain; charset=us-ascii\r\n"
    b"\r\n"
    b"one\r\n"
    b"--outer\r\n"
    b"Content-Type: message/rfc822\r\n"
    b"Content-Description: forwarded\r\n"
    b"\r\n"
    b"From: Inner <b@example.com>\r\n"
    b"Subject: inner\r\n"
    b"Content-Type: multipart/alternative; boundary=inner\r\n"
    b"\r\n"
    b"--inner\r\n"
    b"\r\n"
    b"two\r\n"
    b"--inner\r\n"
    b"Content-Type: text/html\r\n"
    b"\r\n"
    b"<p>three</p>\r\n"
    b"--inner--\r\n"
    b"--outer\r\n"
    b"Content-Type: image/png; name=x.png\r\n"
    b"Content-Transfer-Encoding: base64\r\n"
    b'Content-Disposition: attachment; filename="x.png"\r\n'
    b"\r\n"
    b"AAAA\r\n"
    b"--outer--\r\n"
    b"epilogue\r\n"
)


def growth(
    make: Callable[[int], object], run: Callable[[object], object], small: int, factor: int = 8
) -> float:
    """Give the exponent with which CPU time grows with size: 1 is linear, 2 is quadratic.

    Best of 5 for each size, in turn, because the machine may be busy; without Python's collector, whose
    work depends on what else the process holds.
    """
    subjects = [make(small), make(small * factor)]
    best = [math.inf, math.inf]
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            for index, subject in enumerate(subjects):
                start = time.process_time()
                run(subject)
                best[index] = min(best[index], time.process_time() - start)
    finally:
        gc.enable()
    return math.log(max(best[1], 1e-5) / max(best[0], 1e-5)) / math.log(factor)
