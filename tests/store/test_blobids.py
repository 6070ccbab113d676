import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.store.blobids import (
    EmailBlob,
    PartBlob,
    UploadBlob,
    email_blob,
    parse_blob,
    part_blob,
    upload_blob,
)

IDS = st.integers(1, 2**63 - 1)


@given(
    email=IDS,
    path=st.lists(st.integers(1, 999), min_size=1, max_size=9),
    key=st.binary(min_size=32, max_size=32),
)
def test_ids_come_back_and_are_ids_of_jmap(email: int, path: list[int], key: bytes) -> None:
    """RFC 8620 section 1.2."""
    dotted = ".".join(map(str, path))
    for blob, value in (
        (email_blob(email), EmailBlob(email)),
        (part_blob(email, dotted), PartBlob(email, dotted)),
        (upload_blob(key), UploadBlob(key)),
    ):
        assert parse_blob(blob) == value
        assert 1 <= len(blob) <= 255
        assert set(blob) <= set("0123456789abcdefghijklmnopqrstuvwxyz-")


@given(st.text(max_size=80))
def test_nothing_else_raises(text: str) -> None:
    assert parse_blob(text) is None or isinstance(parse_blob(text), EmailBlob | PartBlob | UploadBlob)


@pytest.mark.parametrize(
    "text", ["", "m", "M1", "m01", "p1", "p1-", "p1-1.2", "p1--1", "b", "b" + "0" * 63, "b" + "A" * 64]
)
def test_near_misses_are_none(text: str) -> None:
    assert parse_blob(text) is None
