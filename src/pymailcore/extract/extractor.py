"""Text of attachments, by a few helper processes that are started when one is needed.

Theory of operation. An attachment is hostile until it has been read, so it is read by a process that can do
nothing but compute (`confine`), for a bounded time, with bounded memory. Whatever happens to it there, this
side gets an answer or kills the helper: for one attachment at most `seconds`, twice that when a helper that
had worked before died of it. What had no text stays without; nobody asks again for the same part.

A helper that cannot be started at all (no memory, a damaged installation) is tried three times; then for a
minute attachments go without text, so that indexing goes on. `pymailcore reindex` finds their text later.
"""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

import trio

from pymailcore.extract.attachment_text import AttachmentText
from pymailcore.extract.formats import Family, family_of, may_have_text
from pymailcore.extract.frames import Outcome
from pymailcore.extract.process import COMMAND, HelperDied, HelperProcess, start_helper
from pymailcore.extract.settings import AttachmentSettings
from pymailcore.runtime.fair_places import FairPlaces
from pymailcore.runtime.logs import get_logger
from pymailcore.runtime.metrics import Metrics

_START_PAUSES: Final = (0.1, 0.5)
_NO_START_SECONDS: Final = 60.0

log = get_logger()


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of one attachment.

    Attributes:
        text: None when there is none.
        why: a word on other outcomes than READ; printable ASCII.
        seconds: until the answer, waiting for a free helper left out.
    """

    outcome: Outcome
    text: str | None = None
    why: str = ""
    seconds: float = 0.0


class Extractor:
    """Reads attachments in helper processes; made by `open_extractor`.

    Any number of tasks may ask; `settings.helpers` attachments are read at a time, in turns by parties. A
    caller that is cancelled takes its helper with it.
    """

    def __init__(
        self, settings: AttachmentSettings, metrics: Metrics, command: Sequence[str] = COMMAND
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._command = command
        self._limits = settings.limits
        self._places = FairPlaces(settings.helpers)
        self._parked: list[HelperProcess] = []
        self._parking = trio.Event()
        self._no_start_until = -1.0
        self._told = False

    def wants(self, media_type: str, file_name: str, size_octets: int) -> bool:
        """Whether `text` may give something."""
        settings = self._settings
        return (
            settings.enabled
            and 0 < size_octets <= settings.input_octets
            and may_have_text(media_type, file_name)
        )

    async def text(self, media_type: str, file_name: str, octets: bytes) -> str | None:
        """Give the text of an attachment; None when there is none, for good.

        Raises nothing because of the attachment. Cancelled safely at any time.
        """
        if not self.wants(media_type, file_name, len(octets)):
            return None
        return (await self.read(octets)).text

    async def read(self, octets: bytes) -> Reading:
        """Read an attachment whatever it is called, and count what became of it."""
        family = family_of(octets)
        if family is None:
            reading = Reading(Outcome.UNKNOWN)
        elif len(octets) > self._limits.input_octets:
            reading = Reading(Outcome.LARGE)
        else:
            async with self._places.place():
                reading = await self._read(family, octets)
        name = "none" if family is None else family.name.lower()
        self._metrics.attachments.labels(name, reading.outcome.value).inc()
        self._metrics.attachment_seconds.labels(name).inc(reading.seconds)
        if reading.outcome is not Outcome.READ:
            log.debug("attachment", format=name, outcome=reading.outcome.value, why=reading.why)
        return reading

    async def _read(self, family: Family, octets: bytes) -> Reading:
        """Ask a helper; a second one when the first had read others before, which may have worn it out."""
        begin = trio.current_time()
        while True:
            helper = self._parked.pop() if self._parked else await self._start()
            if helper is None:
                return Reading(Outcome.START, seconds=trio.current_time() - begin)
            outcome, body = await self._ask(helper, family, octets)
            if outcome not in (Outcome.DIED, Outcome.MEMORY) or helper.asked == 1:
                break
        seconds = trio.current_time() - begin
        if outcome in (Outcome.READ, Outcome.CUT):
            return Reading(outcome, body, "", seconds)
        return Reading(outcome, None, body, seconds)

    async def _ask(self, helper: HelperProcess, family: Family, octets: bytes) -> tuple[Outcome, str]:
        """Ask a helper, and park it or see to its end, whatever happens."""
        answer = Outcome.TIME, ""
        whole = False
        try:
            with trio.move_on_after(self._settings.seconds):
                answer = await helper.ask(family, octets)
                whole = True
        except HelperDied as fault:
            answer = Outcome.DIED, str(fault)
        finally:
            worn = helper.asked >= self._settings.parts_per_helper or answer[0] is Outcome.MEMORY
            if whole and not worn:
                self._park(helper)
            else:
                await helper.end(kill=not whole)
        return answer

    async def _start(self) -> HelperProcess | None:
        """Start a helper; None when it cannot be, now and for a while."""
        if trio.current_time() < self._no_start_until:
            return None
        fault: Exception | None = None
        for pause in (*_START_PAUSES, None):
            try:
                helper = await start_helper(self._limits, self._command)
            except (HelperDied, OSError) as cause:
                fault = cause
                if pause is not None:
                    await trio.sleep(pause)
                continue
            self._metrics.attachment_helpers.inc()
            if not self._told:
                log.info("attachments are read by a helper process", confined_by=helper.confinement)
                self._told = True
            return helper
        log.error("no helper process for attachments can be started", fault=repr(fault))
        self._no_start_until = trio.current_time() + _NO_START_SECONDS
        return None

    def _park(self, helper: HelperProcess) -> None:
        helper.parked_at = trio.current_time()
        self._parked.append(helper)
        self._parking.set()

    async def _end_idle(self) -> None:
        """End helpers that have had nothing to do for some time; until cancelled."""
        idle_seconds = self._settings.idle_seconds
        while True:
            await self._parking.wait()
            self._parking = trio.Event()
            while self._parked:
                due = self._parked[0].parked_at + idle_seconds
                if due > trio.current_time():
                    await trio.sleep_until(due)
                else:
                    await self._parked.pop(0).end(kill=False)

    async def _close(self) -> None:
        while self._parked:
            await self._parked.pop().end(kill=False)


@contextlib.asynccontextmanager
async def open_extractor(
    settings: AttachmentSettings, metrics: Metrics, *, command: Sequence[str] = COMMAND
) -> AsyncIterator[Extractor]:
    """Give an extractor; at the end no helper is left. Nothing is started before it is needed."""
    extractor = Extractor(settings, metrics, command)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(extractor._end_idle)  # noqa: SLF001 - its own maker
        try:
            yield extractor
        finally:
            nursery.cancel_scope.cancel()
            await extractor._close()  # noqa: SLF001


class BlockingAttachmentText:
    """The same for threads that trio did not start.

    Args:
        token: of the loop in which `attachment_text` lives (`trio.lowlevel.current_trio_token`).
    """

    def __init__(self, attachment_text: AttachmentText, token: trio.lowlevel.TrioToken) -> None:
        self._attachment_text = attachment_text
        self._token = token

    def wants(self, media_type: str, file_name: str, size_octets: int) -> bool:
        """Whether `text` may give something."""
        return self._attachment_text.wants(media_type, file_name, size_octets)

    def text(self, media_type: str, file_name: str, octets: bytes) -> str | None:
        """Give the text; this thread waits.

        Raises:
            trio.Cancelled, trio.RunFinishedError: the loop is ending.
        """
        return trio.from_thread.run(
            self._attachment_text.text, media_type, file_name, octets, trio_token=self._token
        )
