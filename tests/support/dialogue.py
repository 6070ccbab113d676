r"""Transcripts of a conversation: the files in tests/dialogues.

A line of a transcript is one of

    # why, with the RFC section
    #! word word         what the server under test is to offer
    > EHLO client        sent with CRLF
    >raw "x\n.\r\n"        sent exactly so (a Python string, one octet a character)
    < 250 2.1.0          one whole reply comes; its first line begins so
    <has SIZE            the reply just read has a line with this text
    <... b OK            replies are passed over until one begins so (IMAP)
    none                 nothing more comes
    closed               nothing more comes, and the conversation has ended
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a transcript.

    Attributes:
        kind: "send", "reply", "has", "until", "none" or "closed".
    """

    number: int
    kind: str
    octets: bytes = b""


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One transcript."""

    name: str
    words: frozenset[str]
    steps: tuple[Step, ...]


def load(path: Path) -> Dialogue:
    """Read one file."""
    words: set[str] = set()
    steps = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("#!"):
            words.update(line[2:].split())
        elif line and not line.startswith("#"):
            steps.append(_step(path, number, line))
    return Dialogue(path.stem, frozenset(words), tuple(steps))


def _step(path: Path, number: int, line: str) -> Step:
    if line.startswith(">raw "):
        return Step(number, "send", str(ast.literal_eval(line[5:])).encode("latin-1"))
    if line.startswith("<has "):
        return Step(number, "has", line[5:].encode())
    if line.startswith("<... "):
        return Step(number, "until", line[5:].encode())
    if line.startswith("< "):
        return Step(number, "reply", line[2:].encode())
    if line == ">" or line.startswith("> "):
        return Step(number, "send", line[2:].encode() + b"\r\n")
    if line in {"none", "closed"}:
        return Step(number, line)
    raise ValueError(f"{path}:{number}: what is this?")


def replies(octets: bytes) -> Iterator[bytes]:
    """Cut what a server said into whole replies (RFC 5321 section 4.2.1)."""
    reply = b""
    for line in octets.splitlines(keepends=True):
        reply += line
        if line[3:4] != b"-":
            yield reply
            reply = b""
    assert reply == b"", f"half a reply: {reply!r}"


def play(
    dialogue: Dialogue, exchange: Callable[[bytes], bytes], is_closed: Callable[[], bool], cut: int
) -> None:
    """Run a transcript against a server without I/O.

    Args:
        exchange: puts octets in and gives what the server says to them.
        cut: octets that are sent at a time; 0 for each line of the transcript whole.
    """
    waiting = list(replies(exchange(b"")))
    last = b""
    for step in dialogue.steps:
        where = f"{dialogue.name}, line {step.number}: {step.octets!r}"
        match step.kind:
            case "send":
                size = cut or max(1, len(step.octets))
                for start in range(0, len(step.octets), size):
                    waiting += replies(exchange(step.octets[start : start + size]))
            case "reply":
                assert waiting, f"{where}: nothing came"
                last = waiting.pop(0)
                assert last.startswith(step.octets), f"{where}: {last!r} came"
            case "has":
                assert step.octets in last, f"{where}: not in {last!r}"
            case _:
                assert waiting == [], f"{where}: {waiting!r} came"
                assert is_closed() is (step.kind == "closed"), where
    assert waiting == [], f"{dialogue.name}: {waiting!r} is not in the transcript"
