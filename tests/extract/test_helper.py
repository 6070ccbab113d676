"""The helper as a process, without our side of it: what it does with octets that are no requests."""

import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.support.attachments import corpus, docx, paragraph, pdf, shown

from pymailcore.extract import frames
from pymailcore.extract.formats import Family
from pymailcore.extract.frames import HEAD_OCTETS, Outcome
from pymailcore.extract.limits import MIB, Limits
from pymailcore.extract.process import COMMAND

LIMITS = replace(Limits(), input_octets=MIB)


class Running:
    """A helper and the other end of its socket."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.end, theirs = socket.socketpair()
        self.end.settimeout(20)
        with theirs:
            self.process = subprocess.Popen(
                [*COMMAND, limits.dump()],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    def receive(self, length: int) -> bytes:
        octets = b""
        while len(octets) < length:
            try:
                piece = self.end.recv(length - len(octets))
            except ConnectionResetError:  # it has not read all before it ended
                piece = b""
            if not piece:
                return octets
            octets += piece
        return octets

    def greet(self) -> str:
        return self.receive(frames.read_ready_head(self.receive(HEAD_OCTETS))).decode()

    def ask(self, family: Family, octets: bytes) -> tuple[Outcome, str]:
        self.end.sendall(b"".join(frames.request_frame(family, octets)))
        outcome, length = frames.read_answer_head(self.receive(HEAD_OCTETS), LIMITS.text_octets)
        return outcome, self.receive(length).decode()

    def close(self) -> None:
        self.end.close()
        self.process.kill()
        self.process.wait()


@pytest.fixture
def running() -> Iterator[Running]:
    helper = Running()
    yield helper
    helper.close()


def test_one_attachment_after_the_other(running: Running) -> None:
    """All in one process that was confined before the first: nothing is imported or opened later."""
    assert "files" in running.greet()
    assert running.ask(Family.PDF, pdf(shown("one"))) == (Outcome.READ, "one")
    assert running.ask(Family.PDF, b"%PDF-1.4")[0] is Outcome.DAMAGED
    assert running.ask(Family.PACKAGE, docx(paragraph("two"))) == (Outcome.READ, "two")
    assert running.ask(Family.RTF, rb"{\rtf1\ansicpg932 \'93\'8c}") == (Outcome.READ, "東")
    for name in (
        "letter.pdf",
        "browser.pdf",
        "owner.pdf",
        "plan.docx",
        "strategy.pptx",
        "dues.xlsx",
        "plan.odt",
    ):
        family = Family.PDF if name.endswith("pdf") else Family.PACKAGE
        assert running.ask(family, corpus(name))[0] is Outcome.READ, name
    assert running.ask(Family.PDF, corpus("locked.pdf"))[0] is Outcome.ENCRYPTED
    latin = '<?xml version="1.0" encoding="windows-1252"?>'
    assert running.ask(Family.PACKAGE, docx(paragraph("ab"), before=latin)) == (Outcome.READ, "ab")


def test_at_the_end_of_its_input_it_ends(running: Running) -> None:
    running.greet()
    running.end.shutdown(socket.SHUT_WR)
    assert running.process.wait(20) == 0


@pytest.mark.parametrize(
    "octets",
    [
        b"\x09\0\0\0\x01x",
        b"\0\0\0\0\0",
        b"\x01\xff\xff\xff\xff",
        b"\x01" + (MIB + 1).to_bytes(4),
        b"GET / HTTP",
    ],
    ids=["family", "zero", "long", "limit and one", "http"],
)
def test_what_is_no_request_ends_it(running: Running, octets: bytes) -> None:
    running.greet()
    running.end.sendall(octets)
    assert running.receive(1) == b""
    assert running.process.wait(20) == 0


def test_one_that_ran_out_of_memory_says_so_and_ends() -> None:
    running = Running(replace(LIMITS, memory_octets=128 * MIB, inflated_octets=2_000 * MIB))
    try:
        running.greet()
        page = shown("word") + b" " * (100 * MIB)
        assert running.ask(Family.PDF, pdf(page))[0] is Outcome.MEMORY
        assert running.process.wait(20) == 0
    finally:
        running.close()
