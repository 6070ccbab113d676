import io
import json
from collections.abc import Iterator

import pytest
import structlog

from pymailcore.runtime.logs import configure, get_logger
from pymailcore.runtime.settings import LogSettings

log = get_logger()


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_a_line_is_one_json_object_whatever_is_in_it(capfd: pytest.CaptureFixture[str]) -> None:
    configure(LogSettings(format="json"), process="front-1")
    with structlog.contextvars.bound_contextvars(connection="c1"):
        log.warning("strange", name="a\r\n{forged}\x1b[31m", octets=b"\xff")
    line = capfd.readouterr().err
    assert line.count("\n") == 1
    entry = json.loads(line)
    assert entry["event"] == "strange"
    assert entry["name"] == "a\r\n{forged}\x1b[31m"
    assert (entry["process"], entry["connection"], entry["level"]) == ("front-1", "c1", "warning")


def test_the_console_form_shows_no_control_characters(capfd: pytest.CaptureFixture[str]) -> None:
    configure(LogSettings(format="console"))
    log.warning("strange", name="a\r\nforged\x1b[31m")
    line = capfd.readouterr().err
    assert line.count("\n") == 1
    assert "\x1b" not in line


def test_the_console_form_shows_no_control_characters_in_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    """S18: the renderer quotes only what has a space in it."""
    configure(LogSettings(format="console"))
    log.warning("strange", name="a\x1b]0;owned\x07", other="b\x9b31m", third="c\u2028d")
    line = capfd.readouterr().err
    assert line.isprintable() or line.rstrip("\n").isprintable()
    assert "\\x1b]0;owned" in line


@pytest.mark.parametrize("value", ["a\ud800b", 2**70, {"x": "\udfff"}])
def test_no_value_keeps_a_line_from_being_written(capfd: pytest.CaptureFixture[str], value: object) -> None:
    """S18: a log line of a hostile value is no fault of the connection."""
    configure(LogSettings(format="json"))
    log.warning("strange", value=value)
    assert json.loads(capfd.readouterr().err)["value"] == value


def test_less_important_lines_are_left_out(capfd: pytest.CaptureFixture[str]) -> None:
    configure(LogSettings(level="warning", format="json"))
    log.info("quiet")
    assert capfd.readouterr().err == ""


def test_faults_carry_their_trace(capfd: pytest.CaptureFixture[str]) -> None:
    configure(LogSettings(format="json"))
    try:
        raise ZeroDivisionError("by zero")
    except ZeroDivisionError:
        log.exception("fault")
    entry = json.loads(capfd.readouterr().err)
    assert "ZeroDivisionError: by zero" in entry["exception"]


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), ValueError("closed")])
def test_a_log_that_cannot_be_written_is_no_fault_of_mail(
    monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    """GR4: standard error may be a file on the disk that is full."""

    class Full(io.StringIO):
        def write(self, _text: str) -> int:
            raise fault

        def flush(self) -> None:
            raise fault

    configure(LogSettings(format="json"))
    monkeypatch.setattr("sys.stderr", Full())
    log.warning("nobody reads this")


def test_a_line_goes_out_with_its_end_in_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """Found under attack: text and end of lines of several processes stood between each other."""
    writes: list[str] = []

    class Noting(io.StringIO):
        def write(self, text: str) -> int:
            writes.append(text)
            return len(text)

    configure(LogSettings(format="json"))
    monkeypatch.setattr("sys.stderr", Noting())
    log.warning("one")
    log.warning("two")
    assert [text.count("\n") for text in writes] == [1, 1]
    assert all(text.endswith("\n") for text in writes)
