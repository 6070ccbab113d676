"""CPU time of preparing one message: parse, IMAP forms, facts, split.

Usage: python benchmarks/message_prepare.py [rounds]

Three messages, the same in each run: 8 KiB multipart/alternative in a thread, the same with an attachment of
1 MiB in base64, and a plain reply of 2 KiB. Prints the median and the best of the rounds for each step.
"""

import base64
import random
import statistics
import sys
import time
from collections.abc import Callable

from pymailcore.message.parse import parse
from pymailcore.message.prepare import prepare
from pymailcore.message.split import join
from pymailcore.message.text import searchable_text

_RANDOM = random.Random(20)
_WORDS = ["".join(_RANDOM.choices("abcdefghijklmnoprstuvw", k=_RANDOM.randint(3, 10))) for _ in range(5000)]


def _lines(count: int) -> str:
    words = _RANDOM.choices(_WORDS, k=count)
    return "\r\n".join(" ".join(words[place : place + 9]) for place in range(0, count, 9))


def _head(content_type: str) -> str:
    return (
        "Received: from relay.example.org (relay.example.org [192.0.2.7])\r\n"
        "\tby mx.example.net with ESMTPS id 00000007; Sun, 24 Dec 2023 01:30:13 +0000\r\n"
        "From: Some Person <person@example.org>\r\n"
        "To: Other Person <other@example.net>\r\n"
        f"Subject: Re: {' '.join(_RANDOM.choices(_WORDS, k=5))}\r\n"
        "Date: Sun, 24 Dec 2023 01:30:13 +0000\r\n"
        "Message-ID: <m7.1@example.org>\r\n"
        "In-Reply-To: <m6.1@example.org>\r\n"
        "References: <m5.1@example.org> <m6.1@example.org>\r\n"
        "MIME-Version: 1.0\r\n"
        f"Content-Type: {content_type}\r\n\r\n"
    )


def plain() -> bytes:
    """Make a reply of 2 KiB without parts."""
    return (_head("text/plain; charset=utf-8") + _lines(200)).encode()


def alternative() -> bytes:
    """Make 8 KiB of multipart/alternative."""
    html = "".join(f"<p>{_lines(40)}</p>\r\n" for _ in range(12))
    return (
        _head('multipart/alternative; boundary="=_b7"')
        + f"--=_b7\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{_lines(400)}\r\n"
        + f"--=_b7\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body>{html}</body></html>\r\n"
        + "--=_b7--\r\n"
    ).encode()


def attachment() -> bytes:
    """Make a short text with 1 MiB in base64."""
    file = base64.encodebytes(_RANDOM.randbytes(1 << 20)).replace(b"\n", b"\r\n")
    text = (
        _head('multipart/mixed; boundary="=_b7"')
        + f"--=_b7\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{_lines(120)}\r\n"
        + "--=_b7\r\nContent-Type: application/octet-stream\r\n"
        + 'Content-Disposition: attachment; filename="a7.bin"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    ).encode()
    return text + file + b"\r\n--=_b7--\r\n"


def _measure(run: Callable[[], object], rounds: int) -> tuple[float, float]:
    times = []
    for _ in range(rounds):
        start = time.process_time()
        run()
        times.append((time.process_time() - start) * 1e6)
    return statistics.median(times), min(times)


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    print(f"{'message':<12} {'octets':>9} {'step':<16} {'median us':>10} {'best us':>10}")
    for make in (plain, alternative, attachment):
        octets = make()
        prepared = prepare(octets)
        root = parse(octets).root
        leaves = [leaf.octets for leaf in prepared.leaves]
        steps: dict[str, Callable[[], object]] = {
            "parse": lambda octets=octets: parse(octets),  # type: ignore[misc]
            "prepare": lambda octets=octets: prepare(octets),  # type: ignore[misc]
            "join": lambda p=prepared, leaves=leaves: join(p.recipe, p.skeleton, leaves),  # type: ignore[misc]
            "searchable text": lambda octets=octets, root=root: searchable_text(octets, root, 1 << 20),  # type: ignore[misc]
        }
        for name, run in steps.items():
            median, best = _measure(run, rounds if len(octets) < 100_000 else max(rounds // 10, 5))
            print(f"{make.__name__:<12} {len(octets):>9} {name:<16} {median:>10.1f} {best:>10.1f}")


if __name__ == "__main__":
    main()
