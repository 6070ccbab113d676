import os
import sys
from dataclasses import replace

import pytest
from tests.support.attachments import pdf, shown

from pymailcore.extract.formats import Family
from pymailcore.extract.frames import Outcome
from pymailcore.extract.limits import Limits
from pymailcore.extract.process import HelperDied, start_helper

LIMITS = replace(Limits(), text_octets=100)


def says(code: str) -> list[str]:
    """A command that is no helper: it runs `code` with the socket as `end`, after it has said it is ready."""
    begin = "import os, signal, socket\nend = socket.socket(fileno=0)\n"
    begin += "end.sendall(bytes([0, 0, 0, 0, 2]) + b'ok')\n"
    return [sys.executable, "-I", "-c", begin + code]


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_a_helper_is_started_asked_and_ended() -> None:
    helper = await start_helper(LIMITS)
    assert "files" in helper.confinement
    assert await helper.ask(Family.PDF, pdf(shown("word"))) == (Outcome.READ, "word")
    assert helper.asked == 1
    await helper.end(kill=False)
    assert is_gone(helper.pid)


async def test_it_sees_nothing_of_our_environment_and_files() -> None:
    code = "end.recv(5); end.recv(9); n = len(os.environ), len(os.listdir('/proc/self/fd')), os.getcwd()\n"
    code += "text = repr(n).encode(); end.sendall(bytes([1, 0, 0, 0, len(text)]) + text)"
    helper = await start_helper(LIMITS, says(code))
    outcome, text = await helper.ask(Family.RTF, b"123456789")
    await helper.end(kill=True)
    assert (outcome, text) == (Outcome.READ, "(1, 4, '/')")  # the fourth is that of the listing itself


@pytest.mark.parametrize(
    "code",
    [
        "",
        "end.recv(5); os._exit(1)",
        "end.recv(5); os.kill(os.getpid(), 11)",
        "end.sendall(bytes([1, 0, 0, 0, 9]) + b'12345'); os._exit(0)",
        "end.sendall(bytes([1, 0, 0, 0, 101]) + bytes(101)); end.recv(5); signal.pause()",
        "end.sendall(bytes([200, 0, 0, 0, 0])); end.recv(5); signal.pause()",
        "end.sendall(bytes([1, 0, 0, 0, 1]) + b'\\xff'); end.recv(5); signal.pause()",
    ],
    ids=["ends", "exits", "crashes", "stops", "too much", "no outcome", "no text"],
)
async def test_one_that_gives_no_lawful_answer_is_dead_to_us(code: str) -> None:
    helper = await start_helper(LIMITS, says(code))
    with pytest.raises(HelperDied):
        await helper.ask(Family.RTF, b"x")
    await helper.end(kill=True)
    assert is_gone(helper.pid)


@pytest.mark.parametrize(
    "code",
    ["", "import os; os.write(0, b'\\1\\0\\0\\0\\0')", "import os; os.write(0, b'\\0\\0\\0\\0\\5ok')"],
    ids=["ends", "another frame", "short"],
)
async def test_one_that_does_not_greet_was_not_started(code: str) -> None:
    with pytest.raises(HelperDied):
        await start_helper(LIMITS, [sys.executable, "-I", "-c", code])


async def test_a_program_that_is_not_there_is_told() -> None:
    with pytest.raises(OSError, match="nowhere"):
        await start_helper(LIMITS, ["/nowhere"])


async def test_one_that_is_killed_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pymailcore.extract.process._END_SECONDS", 600.0)
    helper = await start_helper(LIMITS, says("signal.pause()"))
    await helper.end(kill=True)
    assert is_gone(helper.pid)


async def test_one_that_does_not_end_by_itself_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pymailcore.extract.process._END_SECONDS", 0.05)
    helper = await start_helper(LIMITS, says("signal.pause()"))
    await helper.end(kill=False)
    assert is_gone(helper.pid)
