"""foreign_ids: what somebody else has is recorded once a time; what nobody has, and one's own, is not."""

from typing import Final, cast

import pytest
from tests.support.logs import captured
from tests.support.sign_in_world import SignInWorld, make_sign_in_world
from tests.support.stores import Opened, a_message

from pymailcore.base.errors import TemporaryFailure
from pymailcore.base.ids import ACCOUNT, EMAIL, MAILBOX, THREAD, encode_id
from pymailcore.directory.types import Principal
from pymailcore.store.blobids import email_blob, part_blob, upload_blob

PEER: Final = "192.0.2.7"
KEY: Final = bytes(32)
"""The key of the other's upload."""


@pytest.fixture
async def world(opened: Opened) -> SignInWorld:
    return await make_sign_in_world(opened)


async def records(world: SignInWorld) -> list[tuple[object, ...]]:
    await world.directory.flush()
    return await world.rows("SELECT actor, peer, tenant, subject FROM audit WHERE action = 'foreign-id'")


def ann(world: SignInWorld) -> Principal:
    return Principal(account=world.ann.id, tenant=world.ann.tenant, name=world.ann.name)


async def test_each_kind_of_id_is_known_and_ones_own_are_not_noted(world: SignInWorld) -> None:
    note, opened, me = world.directory.note_ids, world.opened, ann(world)
    theirs = await opened.deliver(a_message("theirs"))
    inbox = await world.rows("SELECT id FROM mailboxes WHERE account = ?1", opened.account)
    await opened.store.upload(opened.account, b"x", now_ms=world.clock.ms)
    ((key,),) = await world.rows("SELECT key FROM uploads")
    foreign = [
        encode_id(ACCOUNT, opened.account),
        encode_id(MAILBOX, int(str(inbox[0][0]))),
        encode_id(EMAIL, theirs.email),
        encode_id(THREAD, theirs.thread),
        email_blob(theirs.email),
        part_blob(theirs.email, "1"),
        upload_blob(cast(bytes, key)),
    ]
    for count, text in enumerate(foreign, 1):
        note(me, "Email/get", ["subject", "", "e" * 500, text], peer=PEER)
        assert (await records(world))[count - 1 :] == [(me.name, PEER, me.tenant, f"Email/get {text}")]
    mine = (await world.rows("SELECT id FROM mailboxes WHERE account = ?1", me.account))[0][0]
    unknown = [encode_id(EMAIL, 77), encode_id(ACCOUNT, 77), upload_blob(bytes(32)), email_blob(78)]
    own = [encode_id(MAILBOX, int(str(mine))), encode_id(ACCOUNT, me.account)]
    note(me, "Email/get", [*unknown, *own], peer=PEER)
    assert len(await records(world)) == len(foreign)
    assert (await world.directory.audit.verify()).broken is None


async def test_there_is_one_record_and_one_line_for_each_time(world: SignInWorld) -> None:
    text = encode_id(ACCOUNT, world.opened.account)
    with captured() as lines:
        for number in range(1_000):
            world.directory.note_ids(
                ann(world), f"A/{number}", [encode_id(EMAIL, number + 1), text], peer=PEER
            )
        assert [row[3] for row in await records(world)] == [f"A/0 {text}"]
        assert [line["asked"] for line in lines if line["event"] == "foreign id"] == [f"A/0 {text}"]
    assert len(await records(world)) == 1


async def test_what_cannot_be_looked_for_now_is_looked_for_later(
    world: SignInWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(_work: object) -> None:
        raise TemporaryFailure("no database")

    text = encode_id(ACCOUNT, world.opened.account)
    world.directory.note_ids(ann(world), "SEARCH", [text], peer=PEER)
    with monkeypatch.context() as patched:
        patched.setattr(world.opened.store.database, "read", down)
        await world.directory.flush()
    assert [row[3] for row in await records(world)] == [f"SEARCH {text}"]
