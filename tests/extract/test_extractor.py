import contextlib
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
import trio.testing
from tests.support.attachments import bomb, corpus, docx, paragraph, pdf, pdf_of_objects, shown

from pymailcore.base.parties import Party, current_party, working_for
from pymailcore.extract.extractor import BlockingAttachmentText, Extractor, Reading, open_extractor
from pymailcore.extract.formats import Family
from pymailcore.extract.frames import Outcome
from pymailcore.extract.limits import MIB
from pymailcore.extract.settings import AttachmentSettings
from pymailcore.runtime.metrics import Metrics

PDF = pdf(shown("word"))
STUB = (
    "import os, signal, socket, sys, time\nend = socket.socket(fileno=0)\n"
    "end.sendall(bytes([0, 0, 0, 0, 2]) + b'ok')\nargument = sys.argv[1]\nend.recv(5)\n"
)


def stub(code: str, argument: str = "") -> list[str]:
    """A command that greets like a helper and runs `code` once it was asked."""
    return [sys.executable, "-I", "-c", STUB + code, argument]


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def started(metrics: Metrics) -> float:
    return metrics.registry.get_sample_value("pymailcore_attachment_helpers_total") or 0.0


def counted(metrics: Metrics, form: str, outcome: Outcome) -> float:
    labels = {"format": form, "outcome": outcome.value}
    return metrics.registry.get_sample_value("pymailcore_attachments_total", labels) or 0.0


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def extractor(metrics: Metrics) -> AsyncIterator[Extractor]:
    async with open_extractor(AttachmentSettings(), metrics) as made:
        yield made


async def test_text_of_an_attachment(extractor: Extractor, metrics: Metrics) -> None:
    assert await extractor.text("application/pdf", "", PDF) == "word"
    assert await extractor.text("application/octet-stream", "a.docx", docx(paragraph("two"))) == "two"
    assert started(metrics) == 1
    assert counted(metrics, "pdf", Outcome.READ) == 1
    assert counted(metrics, "package", Outcome.READ) == 1


async def test_what_is_not_wanted_starts_no_helper(extractor: Extractor, metrics: Metrics) -> None:
    assert await extractor.text("text/plain", "a.pdf", PDF) is None
    assert await extractor.text("application/pdf", "a.pdf", b"") is None
    assert await extractor.text("application/pdf", "a.pdf", b"MZ") is None
    assert started(metrics) == 0
    assert counted(metrics, "none", Outcome.UNKNOWN) == 1


async def test_what_was_asked_without_a_wish_is_answered_within_the_limit(metrics: Metrics) -> None:
    settings = AttachmentSettings(input_octets=len(PDF))
    async with open_extractor(settings, metrics) as extractor:
        assert (await extractor.read(PDF[:-1])).outcome is Outcome.READ
        assert (await extractor.read(PDF)).outcome is Outcome.READ
        assert (await extractor.read(PDF + b"\n")).outcome is Outcome.LARGE


@pytest.mark.parametrize(("size", "wanted"), [(0, False), (1, True), (99, True), (100, True), (101, False)])
def test_the_size_decides_before_it_is_read(metrics: Metrics, size: int, wanted: bool) -> None:
    extractor = Extractor(AttachmentSettings(input_octets=100), metrics)
    assert extractor.wants("application/pdf", "", size) is wanted


async def test_nothing_is_wanted_when_it_is_switched_off(metrics: Metrics) -> None:
    async with open_extractor(AttachmentSettings(enabled=False), metrics) as extractor:
        assert not extractor.wants("application/pdf", "", 100)
        assert await extractor.text("application/pdf", "", PDF) is None


async def test_callers_get_their_own_text(extractor: Extractor, metrics: Metrics) -> None:
    """One helper, many callers: nobody gets what another asked for."""
    got: dict[int, str | None] = {}

    async def ask(number: int) -> None:
        got[number] = await extractor.text("application/pdf", "", pdf(shown(f"word {number}")))

    async with trio.open_nursery() as nursery:
        for number in range(12):
            nursery.start_soon(ask, number)
    assert got == {number: f"word {number}" for number in range(12)}
    assert started(metrics) == 1


@pytest.mark.parametrize("helpers", [1, 2])
async def test_so_many_are_read_at_a_time(metrics: Metrics, tmp_path: Path, helpers: int) -> None:
    """Each stub waits until all have begun, so two of two come to an end, and two of one do not.

    They are processes of their own, without anything between them but the folder; the deadline ends them.
    """
    code = (
        "open(f'{argument}/{os.getpid()}', 'w').close()\n"
        "while len(os.listdir(argument)) < 2: time.sleep(0.01)\n"
        "end.sendall(bytes([1, 0, 0, 0, 4]) + b'both'); end.recv(1)"
    )
    settings = AttachmentSettings(helpers=helpers, seconds=1.0 if helpers == 1 else 20.0, parts_per_helper=1)
    outcomes = []
    async with open_extractor(settings, metrics, command=stub(code, str(tmp_path))) as extractor:

        async def ask() -> None:
            outcomes.append((await extractor.read(PDF)).outcome)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            nursery.start_soon(ask)
    first = Outcome.READ if helpers == 2 else Outcome.TIME
    assert outcomes == [first, Outcome.READ]


@pytest.mark.parametrize(("parts", "helpers"), [(2, 2), (3, 1), (4, 1)])
async def test_a_helper_is_replaced_after_so_many_attachments(
    metrics: Metrics, parts: int, helpers: int
) -> None:
    async with open_extractor(AttachmentSettings(parts_per_helper=parts), metrics) as extractor:
        for _ in range(3):
            assert (await extractor.read(PDF)).text == "word"
    assert started(metrics) == helpers


async def test_a_helper_that_stands_still_is_killed_and_replaced(metrics: Metrics) -> None:
    async with open_extractor(AttachmentSettings(seconds=0.5), metrics) as extractor:
        assert (await extractor.read(PDF)).text == "word"
        pid = extractor._parked[0].pid
        os.kill(pid, signal.SIGSTOP)
        assert (await extractor.read(PDF)).outcome is Outcome.TIME
        assert is_gone(pid)
        assert await extractor.text("application/pdf", "", PDF) == "word"
    assert counted(metrics, "pdf", Outcome.TIME) == 1


async def test_a_helper_that_died_while_it_waited_is_nobodys_fault(
    extractor: Extractor, metrics: Metrics
) -> None:
    assert (await extractor.read(PDF)).text == "word"
    os.kill(extractor._parked[0].pid, signal.SIGKILL)
    assert (await extractor.read(PDF)).text == "word"
    assert started(metrics) == 2


async def test_what_a_helper_dies_of_is_tried_once_and_has_no_text(metrics: Metrics) -> None:
    async with open_extractor(AttachmentSettings(), metrics, command=stub("os._exit(1)")) as extractor:
        reading = await extractor.read(PDF)
    assert (reading.outcome, reading.text) == (Outcome.DIED, None)
    assert started(metrics) == 1


async def test_memory_that_is_used_up_is_no_text_and_the_next_is_read(metrics: Metrics) -> None:
    settings = AttachmentSettings(memory_octets=128 * MIB)
    hungry = pdf(shown("word") + b" " * (60 * MIB))
    async with open_extractor(settings, metrics) as extractor:
        reading = await extractor.read(hungry)
        assert reading.text is None
        assert reading.outcome is Outcome.MEMORY
        assert (await extractor.read(PDF)).text == "word"


async def test_processor_time_that_is_over_gives_what_was_read_by_then(metrics: Metrics) -> None:
    slow = b"BT /F1 12 Tf " + b"(x) Tj 1 0 0 1 0 0 Tm " * 300_000 + b"ET"
    async with open_extractor(AttachmentSettings(cpu_seconds=0.5), metrics) as extractor:
        reading = await extractor.read(pdf(shown("first page"), slow))
        assert (reading.outcome, reading.text) == (Outcome.CUT, "first page")
        assert reading.seconds < 10


async def test_a_caller_that_is_cancelled_takes_its_helper_with_it(metrics: Metrics, tmp_path: Path) -> None:
    fifo = tmp_path / "asked"
    os.mkfifo(fifo)
    command = stub("open(argument, 'w').write(str(os.getpid()))\nsignal.pause()", str(fifo))
    async with open_extractor(AttachmentSettings(), metrics, command=command) as extractor:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(extractor.read, PDF)
            pid = int(await trio.to_thread.run_sync(fifo.read_text))
            nursery.cancel_scope.cancel()
        assert is_gone(pid)
        assert extractor._places.taken == 0


async def test_an_idle_helper_is_ended_and_another_started_when_needed(metrics: Metrics) -> None:
    async with open_extractor(AttachmentSettings(idle_seconds=0.05), metrics) as extractor:
        for _ in range(2):
            assert (await extractor.read(PDF)).text == "word"
            process = extractor._parked[0]._process
            await process.wait()
            assert process.returncode == 0
    assert started(metrics) == 2


async def test_at_the_end_no_helper_is_left(metrics: Metrics) -> None:
    async with open_extractor(AttachmentSettings(), metrics) as extractor:
        await extractor.read(PDF)
        pid = extractor._parked[0].pid
        assert not is_gone(pid)
    assert is_gone(pid)


async def test_when_none_can_be_started_attachments_go_without(
    metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pymailcore.extract.extractor._START_PAUSES", (0.0, 0.0))
    async with open_extractor(AttachmentSettings(), metrics, command=["/nowhere"]) as extractor:
        for _ in range(2):
            assert (await extractor.read(PDF)).outcome is Outcome.START
        extractor._no_start_until = trio.current_time()
        extractor._command = stub("end.recv(9); os._exit(0)")
        assert (await extractor.read(PDF)).outcome is Outcome.DIED
    assert started(metrics) == 1


HOSTILE = {
    "package bomb": bomb("word/document.xml", 4_096),
    "entities": docx(paragraph("&a;"), before='<!DOCTYPE d [<!ENTITY a "b"><!ENTITY c "&a;&a;&a;">]>'),
    "encrypted": corpus("locked.pdf"),
    "truncated": corpus("plan.docx")[:20_000],
    "deep": pdf_of_objects([b"<< /Type /Catalog /Pages " + b"[" * 200_000 + b" >>"]),
    "many objects": pdf_of_objects([b"<< /Type /Catalog /Pages 2 0 R >>", *[b"null"] * 1_000_000]),
    "zeros": b"%PDF-1.7" + bytes(8 * MIB),
    "old office": b"PK\x03\x04" + bytes(10_000),
}


@pytest.mark.slow
async def test_hostile_attachments_have_no_text_and_hurt_nobody(metrics: Metrics) -> None:
    settings = AttachmentSettings(seconds=20.0, cpu_seconds=3.0)
    outcomes = {}
    async with open_extractor(settings, metrics) as extractor:
        for name, octets in HOSTILE.items():
            reading = await extractor.read(octets)
            assert reading.text is None, name
            outcomes[name] = reading.outcome
            assert (await extractor.read(PDF)).text == "word", name
    assert outcomes["package bomb"] is outcomes["entities"] is Outcome.LIMIT
    assert outcomes["encrypted"] is Outcome.ENCRYPTED
    assert outcomes["truncated"] is outcomes["old office"] is Outcome.DAMAGED
    assert started(metrics) <= 3


async def test_threads_that_trio_did_not_start_may_ask(extractor: Extractor) -> None:
    blocking = BlockingAttachmentText(extractor, trio.lowlevel.current_trio_token())
    got: list[str | None] = []
    done = trio.Event()
    token = trio.lowlevel.current_trio_token()

    def work() -> None:
        if blocking.wants("application/pdf", "", len(PDF)):
            got.append(blocking.text("application/pdf", "", PDF))
        with contextlib.suppress(trio.RunFinishedError):
            token.run_sync_soon(done.set)

    thread = threading.Thread(target=work)
    thread.start()
    await done.wait()
    thread.join()
    assert got == ["word"]


async def test_attachments_are_read_in_turns_by_tenants(
    metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T6: one helper, and one tenant has left many; another's is the next but one."""
    order: list[int] = []
    go = trio.Event()

    async def read(_: Extractor, family: Family, octets: bytes) -> Reading:
        order.append(current_party().tenant)
        await go.wait()
        return Reading(Outcome.READ, "text")

    async def ask(extractor: Extractor, tenant: int) -> None:
        with working_for(Party(tenant, tenant)):
            await extractor.read(PDF)

    monkeypatch.setattr(Extractor, "_read", read)
    settings = AttachmentSettings(helpers=1)
    async with open_extractor(settings, metrics) as extractor, trio.open_nursery() as nursery:
        for tenant in [8] * 20 + [9]:
            nursery.start_soon(ask, extractor, tenant)
            await trio.testing.wait_all_tasks_blocked()
        go.set()
    assert (order.index(9), len(order)) == (1, 21)
