import signal
from dataclasses import replace

import pytest
from tests.support.attachments import corpus, docx, package, paragraph, pdf, shown

from pymailcore.extract import reading
from pymailcore.extract.formats import Family
from pymailcore.extract.frames import Outcome
from pymailcore.extract.limits import Limits
from pymailcore.extract.readers.gathering import Gathering
from pymailcore.extract.reading import read_attachment

LIMITS = Limits()


@pytest.mark.parametrize(
    ("family", "octets", "outcome", "body"),
    [
        (Family.PDF, pdf(shown("one")), Outcome.READ, "one"),
        (Family.PDF, pdf(b""), Outcome.EMPTY, ""),
        (Family.PDF, corpus("locked.pdf"), Outcome.ENCRYPTED, "password"),
        (Family.PDF, b"%PDF-1.4", Outcome.DAMAGED, None),
        (Family.PACKAGE, docx(paragraph("two")), Outcome.READ, "two"),
        (Family.PACKAGE, package({"a": b""}), Outcome.UNKNOWN, "package"),
        (Family.PACKAGE, b"PK\x03\x04", Outcome.DAMAGED, None),
        (Family.RTF, rb"{\rtf1 three}", Outcome.READ, "three"),
    ],
)
def test_what_becomes_of_it(family: Family, octets: bytes, outcome: Outcome, body: str | None) -> None:
    got, text = read_attachment(family, octets, LIMITS)
    assert got is outcome
    assert body is None or text == body


@pytest.mark.parametrize(("limit", "outcome"), [(8, Outcome.CUT), (9, Outcome.READ), (10, Outcome.READ)])
def test_text_over_the_limit_is_cut(limit: int, outcome: Outcome) -> None:
    octets = rb"{\rtf1 123456789}"
    assert read_attachment(Family.RTF, octets, replace(LIMITS, text_octets=limit)) == (
        outcome,
        "123456789"[:limit],
    )


def test_what_was_gathered_before_the_damage_is_given() -> None:
    octets = docx(paragraph("before") + "<w:p>")
    assert read_attachment(Family.PACKAGE, octets, LIMITS) == (Outcome.CUT, "before")


def test_a_limit_before_any_text_is_told() -> None:
    octets = docx(paragraph("word"), before='<!DOCTYPE d [<!ENTITY a "b">]>')
    assert read_attachment(Family.PACKAGE, octets, LIMITS) == (Outcome.LIMIT, "entities")


def never_ends(_octets: bytes, gathering: Gathering, _limits: Limits) -> None:
    gathering.add("some words")
    while True:
        try:
            sum(range(1_000))
        except Exception:  # noqa: S112 - as a library does that is sure of itself
            continue


def test_when_the_time_is_over_what_was_gathered_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(reading._READERS, Family.RTF, never_ends)
    limits = replace(LIMITS, cpu_seconds=0.1)
    before = signal.getsignal(signal.SIGPROF)
    try:
        assert read_attachment(Family.RTF, b"", limits) == (Outcome.CUT, "some words")
        assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)
    finally:
        signal.signal(signal.SIGPROF, before)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [(MemoryError, Outcome.MEMORY), (RecursionError, Outcome.DAMAGED), (KeyError, Outcome.DAMAGED)],
)
def test_no_fault_of_a_reader_gets_out(
    monkeypatch: pytest.MonkeyPatch, fault: type[Exception], outcome: Outcome
) -> None:
    def fails(_octets: bytes, _gathering: Gathering, _limits: Limits) -> None:
        raise fault

    monkeypatch.setitem(reading._READERS, Family.RTF, fails)
    assert read_attachment(Family.RTF, b"", LIMITS)[0] is outcome
