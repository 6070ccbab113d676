"""Our parser beside Python's email package, and the bombs of security.md section 2.2, in one run.

Usage: python -m benchmarks.message_compare [rounds]

First table: CPU time for the three messages of `message_prepare` and for a mail of 1 MiB without the proof
that its base64 comes back ("beyond the check"). Two columns compare like with like: the tree alone
(`email.message_from_bytes` with the compat32 policy against `parse`), and tree, header values and text
(policy default, headers and content read, against `prepare`, which also writes the IMAP forms and splits).
Second table: milliseconds for each megabyte of each bomb, at 3 MB, or less where a field may not be longer.
"""

import email
import email.policy
import statistics
import sys
import time
from collections.abc import Callable

from tests.message.bombs import BOMBS

from benchmarks.message_prepare import alternative, attachment, plain
from pymailcore.message.parse import parse
from pymailcore.message.prepare import prepare
from pymailcore.message.split import split

ONE_FIELD = {"parameters", "to_list", "encoded_words", "parentheses", "combining_marks", "many_references",
             "quotes", "angle_commas", "colons_behind_an_address", "folded_field"}  # fmt: skip


def _microseconds(run: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        start = time.process_time()
        run()
        times.append((time.process_time() - start) * 1e6)
    return statistics.median(times)


def read_with_email(octets: bytes) -> object:
    """Read with the email package what `prepare` reads: fields, attachments, text."""
    message = email.message_from_bytes(octets, policy=email.policy.default)
    names = ("subject", "from", "to", "cc", "date", "message-id", "references", "in-reply-to")
    values = [str(message[name]) for name in names]
    body = message.get_body(("plain", "html"))
    return values, body and body.get_content()[:256], [part.get_filename() for part in message.walk()]


def compare(rounds: int) -> None:
    """Print the first table."""
    print(
        f"{'message':<12} {'octets':>8} {'parse':>8} {'email':>8} {'ratio':>6}"
        f" {'prepare':>8} {'email':>8} {'ratio':>6}"
    )
    for make in (plain, alternative, attachment):
        octets = make()
        count = rounds if len(octets) < 100_000 else max(rounds // 10, 5)
        ours = _microseconds(lambda octets=octets: parse(octets), count)  # type: ignore[misc]
        theirs = _microseconds(lambda octets=octets: email.message_from_bytes(octets), count)  # type: ignore[misc]
        all_ours = _microseconds(lambda octets=octets: prepare(octets), count)  # type: ignore[misc]
        all_theirs = _microseconds(lambda octets=octets: read_with_email(octets), count)  # type: ignore[misc]
        print(
            f"{make.__name__:<12} {len(octets):>8} {ours:>8.0f} {theirs:>8.0f} {theirs / ours:>6.1f}"
            f" {all_ours:>8.0f} {all_theirs:>8.0f} {all_theirs / all_ours:>6.1f}"
        )
    octets = attachment()
    root = parse(octets).root
    whole = _microseconds(lambda: prepare(octets), 30)
    check = _microseconds(lambda: split(octets, root), 30)
    print(f"1 MiB attachment: whole {len(octets) / whole:.0f} MB/s, "
          f"beyond the base64 check {len(octets) / max(whole - check, 1):.0f} MB/s")  # fmt: skip


def bombs() -> None:
    """Print the second table."""
    for bomb in BOMBS:
        octets = bomb(500_000 if bomb.__name__ in ONE_FIELD else 3_000_000)
        best = min(_microseconds(lambda octets=octets: prepare(octets), 1) for _ in range(3))  # type: ignore[misc]
        print(f"{bomb.__name__:<28} {len(octets):>8} octets {best / 1000 / (len(octets) / 1e6):>7.1f} ms/MB")


if __name__ == "__main__":
    compare(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
    bombs()
