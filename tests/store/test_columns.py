"""Columns of email_data: compressed where it pays, read again in every form that was ever written."""

import contextlib
import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.stores import Opened

from pymailcore.message.prepare import prepare
from pymailcore.store.columns import (
    DamagedColumn,
    pack_column,
    pack_columns,
    row_dictionary,
    unpack_column,
    unpack_wanted,
)

MESSAGE = (
    b"From: Ann <ann@example.org>\r\nTo: ben@example.org\r\nSubject: hello\r\nMessage-ID: <1@example.org>\r\n"
    b'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nhello\r\n"
    b"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>hello\r\n--b--\r\n"
)


def test_the_dictionary_is_the_one_that_was_released() -> None:
    """Rows on disks of others need it for ever: a better one gets a number of its own."""
    digest = hashlib.sha256(row_dictionary().as_bytes()).hexdigest()
    assert digest == "dcedec06412a90d9fd8442037372b939653cfa62d5e31ce55d289f824eee2132"


def test_what_a_first_release_wrote_is_read_for_ever() -> None:
    assert (
        unpack_column(
            bytes.fromhex(
                "0120a7d50100f0a16290c0c000cca7cd011e37ccacccd7ccdccce3cd010dcd011500c4009009fcac30b4cd80a394d70591cb4b397a7c14aa0b892151d5858001"
            )
        )
        == prepare(MESSAGE).parts
    )


def test_part_tree_and_facts_take_less_and_wire_forms_stay() -> None:
    prepared = prepare(MESSAGE)
    envelope, bodystructure, parts, facts = pack_columns(prepared)
    assert (envelope, bodystructure) == (prepared.envelope, prepared.bodystructure)
    assert len(parts) < len(prepared.parts) / 2
    assert len(facts) < len(prepared.facts) * 4 / 5
    assert unpack_column(parts) == prepared.parts
    assert unpack_column(facts) == prepared.facts


@given(message=st.binary(max_size=2000))
def test_columns_of_any_message_come_back(message: bytes) -> None:
    prepared = prepare(message)
    plain = (prepared.envelope, prepared.bodystructure, prepared.parts, prepared.facts)
    assert tuple(map(unpack_column, pack_columns(prepared))) == plain
    assert tuple(map(unpack_column, plain)) == plain  # from before there was a dictionary


def test_what_does_not_get_shorter_is_kept_as_it_is() -> None:
    noise = b"\x9d" + hashlib.sha256(b"noise").digest()
    assert pack_column(noise) == noise == unpack_column(noise)
    assert unpack_column(b"") == b""
    assert unpack_wanted(None) is None


@pytest.mark.parametrize("damaged", [b"\x01", b"\x01not this", b"\x02anything"])
def test_damage_is_named(damaged: bytes) -> None:
    with pytest.raises(DamagedColumn):
        unpack_column(damaged)


@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_flipped_bit_raises_nothing_else(place: int, bit: int) -> None:
    packed = bytearray(pack_column(prepare(MESSAGE).facts))
    packed[place % len(packed)] ^= 1 << bit
    with contextlib.suppress(DamagedColumn):
        unpack_column(bytes(packed))


def test_threads_do_not_disturb_each_other() -> None:
    values = [prepare(MESSAGE + b"%d\r\n" % n).facts * 20 for n in range(200)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda value: unpack_column(pack_column(value)), values)) == values


async def test_rows_hold_the_compressed_form(opened: Opened) -> None:
    await opened.deliver(octets=MESSAGE)
    row = await opened.store.database.read(
        lambda tx: tx.row("SELECT envelope, bodystructure, parts, facts FROM email_data")
    )
    assert row is not None
    assert tuple(map(bytes, row)) == pack_columns(prepare(MESSAGE))
