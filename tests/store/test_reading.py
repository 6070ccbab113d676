import base64
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.stores import Opened, a_message, opened_store

from pymailcore.message.parse import parse
from pymailcore.message.split import split
from pymailcore.store.blobids import part_blob
from pymailcore.store.packs import DamagedBlob
from pymailcore.store.recipes import DamagedMessage
from pymailcore.store.types import Transaction

LINES = st.sampled_from(
    [
        b"A: b\r\n",
        b"\r\n",
        b"--b\r\n",
        b"--b--\r\n",
        b"Content-Type: multipart/mixed; boundary=b\r\n",
        b"Content-Type: message/rfc822\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"t" * 1500 + b"\r\n",
        (b"QUJD" * 19 + b"\r\n") * 20,
        b" x\n",
        b"no end",
    ]
)


@given(lines=st.lists(LINES, max_size=12))
@settings(suppress_health_check=list(HealthCheck))
def test_the_header_of_a_message_begins_its_skeleton(lines: list[bytes]) -> None:
    """No leaf lies before the body of the message, so `headers` needs the skeleton's beginning alone."""
    octets = b"".join(lines)
    root, _ = parse(octets)
    skeleton = split(octets, root).skeleton
    assert skeleton[: root.body_start] == octets[: root.body_start]


@pytest.mark.parametrize(
    "octets",
    [
        a_message(),
        a_message(body="text " * 2000),
        a_message(body="text " * 20_000),
        a_message(extra="X-Long: " + "x" * 5000, body="t" * 3000),
        b"Subject: no body",
        b"Subject: an empty line\r\n\r\n",
        b"\r\nno header at all",
        b"",
    ],
)
async def test_headers_are_those_of_the_message(opened: Opened, octets: bytes) -> None:
    """RFC 9051 section 6.4.5.1, HEADER."""
    filed = await opened.deliver(octets)
    ((email, header),) = await opened.store.headers(opened.account, [filed.email])
    assert email == filed.email
    root, _ = parse(octets)
    assert header == octets[: root.body_start]


async def test_headers_come_in_the_order_asked_for_and_only_to_their_account(opened: Opened) -> None:
    filed = [await opened.deliver(a_message(f"{n}")) for n in range(3)]
    ids = [filed[2].email, 5, filed[0].email]
    found = await opened.store.headers(opened.account, ids)
    assert [email for email, _ in found] == [filed[2].email, filed[0].email]
    assert b"Subject: 2\r\n" in found[0][1]
    assert await opened.store.headers(type(opened.account)(9), ids) == []


@pytest.mark.parametrize("what", ["message", "part", "upload"])
async def test_octets_that_are_sound_but_another_blobs_are_damage(tmp_path: Path, what: str) -> None:
    """Every CRC is right here: only the address tells that a row names the wrong place."""
    encoded = [base64.encodebytes(bytes([n]) * 3000).replace(b"\n", b"\r\n").decode() for n in (1, 2)]
    head = "Content-Type: image/png\r\nContent-Transfer-Encoding: base64"
    async with opened_store(tmp_path / "data") as opened:
        store, account = opened.store, opened.account
        filed = await opened.deliver(a_message(extra=head, body=encoded[0]))
        await opened.deliver(a_message(extra=head, body=encoded[1]))
        uploads = [await store.upload(account, bytes([n]) * 3000 + b"!", now_ms=0) for n in (1, 2)]
        wanted = {"message": filed.blob, "part": part_blob(filed.email, "1"), "upload": uploads[0]}
        size = 3001 if what == "upload" else 3000
        assert len(await store.blob(account, wanted[what])) > 2999

        async def swap(tx: Transaction) -> None:
            sql = "SELECT pack, position, stored_octets, encoding, crc, id FROM blobs WHERE size_octets = ?1"
            one, two = await tx.rows(sql, size)
            change = "UPDATE blobs SET pack = ?1, position = ?2, stored_octets = ?3, encoding = ?4, crc = ?5"
            await tx.run(f"{change} WHERE id = ?6", *one[:5], two[5])
            await tx.run(f"{change} WHERE id = ?6", *two[:5], one[5])

        await store.database.write(swap)
        with pytest.raises((DamagedBlob, DamagedMessage)):
            await store.blob(account, wanted[what])
