"""Logs: structured lines on standard error, with the ids of connection and transaction.

Ids are bound once (`structlog.contextvars`) by the accept loop and are in every line that the tasks of that
connection write, whatever package writes it. Control characters cannot break a line: both forms escape them.
"""

import contextlib
import json
import re
import sys
from collections.abc import Iterator
from typing import Any, Final, TextIO, cast

import orjson
import structlog
from structlog.typing import FilteringBoundLogger, Processor

from pymailcore.runtime.settings import LogSettings

Logger = FilteringBoundLogger
"""The type of a logger: `log.info("what happened", key=value)`."""

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def get_logger() -> Logger:
    """Give a logger; it may be made at import, before `configure`."""
    return cast(Logger, structlog.get_logger())


@contextlib.contextmanager
def bound_fields(**fields: str) -> Iterator[None]:
    """Have fields in every line that the task writes inside, whatever package writes it."""
    tokens = structlog.contextvars.bind_contextvars(**fields)
    try:
        yield
    finally:
        structlog.contextvars.reset_contextvars(**tokens)


def _dumps(value: object, **_: Any) -> str:  # noqa: ANN401 - the renderer's own arguments
    try:
        return orjson.dumps(value, default=str).decode()
    except orjson.JSONEncodeError:  # a lone surrogate, or a number of more than 64 bits
        return json.dumps(value, default=str, skipkeys=True)


def _show_controls(_logger: object, _method: str, event: Any) -> Any:  # noqa: ANN401 - structlog's types
    """Escape what could move a terminal's cursor; the renderer does so only for values with a space."""
    for key, value in event.items():
        if isinstance(value, str) and _CONTROL.search(value):
            event[key] = _CONTROL.sub(lambda match: ascii(match[0])[1:-1], value)
    return event


class _Stderr:
    """Standard error, maybe a file on a full disk or a pipe that nobody reads: mail goes on without.

    Each line is one write with its end: lines of several processes stand one behind the other.
    """

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()


def configure(settings: LogSettings, *, process: str = "") -> None:
    """Set level and form of all loggers of this process.

    Args:
        process: a name that each line carries ("front-1"); empty for none.
    """

    def name_process(_logger: object, _method: str, event: Any) -> Any:  # noqa: ANN401 - structlog's types
        event["process"] = process
        return event

    console = settings.format == "console" or (settings.format == "auto" and sys.stderr.isatty())
    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if process:
        processors.append(name_process)
    if console:
        processors.append(_show_controls)
        processors.append(
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        )
    else:
        processors += [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_dumps),
        ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.level]),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _Stderr())),
        cache_logger_on_first_use=False,
    )
