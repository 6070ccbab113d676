from collections.abc import Callable
from pathlib import Path

import pytest

from pymailcore.runtime.settings import LogSettings, MetricsSettings, ServeSettings, TlsSettings, parse_bind


@pytest.mark.parametrize(
    ("text", "bind"),
    [
        ("127.0.0.1:25", ("127.0.0.1", 25)),
        ("[::1]:0", ("::1", 0)),
        (":65535", ("", 65535)),
    ],
)
def test_binds(text: str, bind: tuple[str, int]) -> None:
    assert parse_bind(text) == bind


@pytest.mark.parametrize(
    "text", ["", "25", "localhost:25", "::1:25", "127.0.0.1:65536", "127.0.0.1", "[::1:]:9"]
)
def test_what_is_no_bind(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be|no IP address"):
        parse_bind(text)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TlsSettings(key=Path("k")), "no certificate"),
        (lambda: LogSettings(level="loud"), "level: must be one of"),
        (lambda: LogSettings(format="xml"), "format: must be one of"),
        (lambda: MetricsSettings(bind="everywhere"), "bind: must be"),
        (lambda: ServeSettings(connections_count=0), "connections_count: must be at least 1"),
        (lambda: ServeSettings(drain_seconds=30.0), "drain_seconds"),
        (lambda: ServeSettings(trusted_networks=("10.0.0.1/8",)), "trusted_networks"),
    ],
)
def test_values_that_cannot_be(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
