"""One helper process, seen from its parent: started, asked, ended."""

import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

import trio

from pymailcore.extract.formats import Family
from pymailcore.extract.frames import (
    HEAD_OCTETS,
    BadFrame,
    Outcome,
    read_answer_head,
    read_ready_head,
    request_frame,
    text_of_body,
    words_of_body,
)
from pymailcore.extract.limits import Limits

COMMAND: Final = (sys.executable, "-I", "-B", "-m", "pymailcore.extract.helper")

_READY_SECONDS: Final = 20.0
_END_SECONDS: Final = 1.0
_READ_OCTETS: Final = 65_536


class HelperDied(Exception):
    """The process is gone, or says what no helper says."""


class HelperProcess:
    """A helper that waits for work; for one caller at a time.

    Attributes:
        confinement: how it says that it is confined.
        asked: attachments that it was given.
        parked_at: on trio's clock, since when it has had nothing to do.
    """

    def __init__(self, process: trio.Process, stream: trio.SocketStream, limits: Limits) -> None:
        self.confinement = ""
        self.asked = 0
        self.parked_at = 0.0
        self._process = process
        self._stream = stream
        self._limits = limits

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    async def ask(self, family: Family, octets: bytes) -> tuple[Outcome, str]:
        """Give what became of an attachment, and its text or a word about why there is none.

        Sets no deadline. A helper whose answer was not waited for must be killed.

        Raises:
            HelperDied: there is no lawful answer.
        """
        self.asked += 1
        try:
            for piece in request_frame(family, octets):
                await self._stream.send_all(piece)
            outcome, length = read_answer_head(await self._receive(HEAD_OCTETS), self._limits.text_octets)
            body = await self._receive(length)
            text = text_of_body(body) if outcome in (Outcome.READ, Outcome.CUT) else words_of_body(body)
        except (trio.BrokenResourceError, BadFrame) as fault:
            raise HelperDied(repr(fault)) from None
        return outcome, text

    async def greet(self) -> None:
        """Wait until it is confined and ready.

        Raises:
            HelperDied: it is not.
        """
        try:
            with trio.fail_after(_READY_SECONDS):
                length = read_ready_head(await self._receive(HEAD_OCTETS))
                self.confinement = words_of_body(await self._receive(length))
        except (trio.BrokenResourceError, trio.TooSlowError, BadFrame) as fault:
            raise HelperDied(repr(fault)) from None

    async def _receive(self, length: int) -> bytes:
        octets = bytearray()
        while len(octets) < length:
            piece = await self._stream.receive_some(min(length - len(octets), _READ_OCTETS))
            if not piece:
                raise trio.BrokenResourceError("end of stream")
            octets += piece
        return bytes(octets)

    async def end(self, *, kill: bool) -> None:
        """Let it end by itself, or kill it at once; waits until it is gone. Not cancelled."""
        with trio.CancelScope(shield=True):
            await trio.aclose_forcefully(self._stream)
            if not kill:
                with trio.move_on_after(_END_SECONDS):
                    await self._process.wait()
            if self._process.returncode is None:
                self._process.kill()
                await self._process.wait()


async def start_helper(limits: Limits, command: Sequence[str] = COMMAND) -> HelperProcess:
    """Start a helper and wait until it is ready; when that fails or is cancelled, nothing is left of it.

    Its environment is empty, and of our files it has one end of a socket.

    Raises:
        HelperDied, OSError: it cannot be started.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            process = await trio.lowlevel.open_process(
                [*command, limits.dump()],
                stdin=theirs,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={"LC_ALL": "C.UTF-8"},
                cwd="/",
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
    helper = HelperProcess(process, trio.SocketStream(trio.socket.from_stdlib_socket(ours)), limits)
    try:
        await helper.greet()
    except BaseException:
        await helper.end(kill=True)
        raise
    return helper
