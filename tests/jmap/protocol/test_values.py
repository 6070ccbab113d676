"""RFC 8620 sections 1.2 to 1.4."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.jmap.protocol.values import MAX_INT, is_id, is_int, parse_date, parse_utc_date, utc_date


@pytest.mark.parametrize(
    ("value", "right"),
    [("a", True), ("A-_9", True), ("a" * 255, True), ("a" * 256, False), ("", False), ("a b", False),
     ("é", False), ("a\n", False), (1, False), (None, False)],
)  # fmt: skip
def test_ids(value: object, right: bool) -> None:
    assert is_id(value) is right


@pytest.mark.parametrize(
    ("value", "right"),
    [
        (0, True),
        (MAX_INT, True),
        (MAX_INT + 1, False),
        (-MAX_INT, True),
        (True, False),
        (1.0, False),
        ("1", False),
    ],
)
def test_ints(value: object, right: bool) -> None:
    assert is_int(value) is right


@given(st.integers(min_value=0, max_value=253_402_300_799))
def test_utc_dates_come_back(seconds: int) -> None:
    assert parse_utc_date(utc_date(seconds * 1000)) == seconds * 1000


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.5Z", 500),
        ("2014-10-30T06:12:00Z", 1_414_649_520_000),
        ("1990-12-31T23:59:60Z", 662_687_999_000),
    ],
)
def test_a_utc_date_is_read(text: str, milliseconds: int) -> None:
    assert parse_utc_date(text) == milliseconds


@pytest.mark.parametrize(
    "text",
    ["", "2014-10-30", "2014-10-30T06:12:00", "2014-10-30t06:12:00z", "2014-10-30T06:12:00.0Z",
     "2014-10-30T06:12:00+00:00", "2014-13-30T06:12:00Z", "2014-02-30T06:12:00Z", "2014-10-30T24:12:00Z",
     "2014-10-30T06:12:61Z", "2014-10-30T06:12:00Z\n", "0000-01-01T00:00:00Z"],
)  # fmt: skip
def test_what_is_no_utc_date_is_refused(text: str) -> None:
    assert parse_utc_date(text) is None


def test_a_date_keeps_its_moment_whatever_its_zone() -> None:
    assert parse_date("2014-10-30T14:12:00+08:00") == parse_date("2014-10-30T06:12:00Z")
    assert parse_date("2014-10-30T14:12:00+24:00") is None
    assert parse_date("0001-01-01T00:00:00+01:00") is None
