import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.admin.transfer.names import (
    MAX_FILE_NAME_OCTETS,
    clean_path,
    decode_level,
    file_name,
    usual_role,
)
from pymailcore.store.ops.mailboxes import checked_path

LEVELS = st.lists(st.text(max_size=400), max_size=40)


@given(levels=LEVELS)
def test_every_name_becomes_one_that_the_store_takes(levels: list[str]) -> None:
    """RFC 5198 section 2: no control characters; limits as the store has them."""
    path = clean_path(levels)
    assert checked_path(path) == path


@pytest.mark.parametrize(
    ("octets", "name"),
    [
        (b"Entw&APw-rfe", "Entwürfe"),
        ("Entwürfe".encode(), "Entwürfe"),
        ("Entwürfe".encode("latin-1"), "Entwürfe"),
        (b"R&D", "R&D"),
        (b"a&AC4-b", "a.b"),  # not canonical, but what our export writes for a dot
        (b"&2D0-", "&2D0-"),  # half a surrogate pair stays as it is
        (b"", ""),
    ],
)
def test_names_are_read_in_what_they_are_written_in(octets: bytes, name: str) -> None:
    """RFC 3501 section 5.1.3; Dovecot keeps UTF-8 if told to."""
    assert decode_level(octets) == name


@given(level=st.text(min_size=1, max_size=60).filter(lambda text: "\0" not in text))
def test_a_file_name_is_safe_and_leads_back(level: str) -> None:
    level = clean_path([level])
    name = file_name(level)
    assert name.isascii()
    assert not set(name) & set("./\\:\0\n") - {"\\", ":"}
    assert len(name) <= MAX_FILE_NAME_OCTETS
    if len(name) < MAX_FILE_NAME_OCTETS:
        assert clean_path([decode_level(name.encode())]) == level


def test_two_long_names_stay_two() -> None:
    assert clean_path(["x" * 300 + "a"]) != clean_path(["x" * 300 + "b"])


def test_usual_english_names_have_roles() -> None:
    """RFC 6154 section 2 for servers without it."""
    assert [usual_role(path) for path in ("Sent Items", "SPAM", "Trash", "Work/Sent", "Gesendet")] == [
        "sent", "junk", "trash", None, None,
    ]  # fmt: skip
