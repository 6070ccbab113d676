"""delivery: mailboxes here and the queue for elsewhere, in one transaction."""

import pytest
from tests.support.deliveries import MESSAGE, Post, envelope, make_post
from tests.support.directories import START_MS, address
from tests.support.party_spy import parties_of

from pymailcore.base.errors import InvalidValue, NotFound, OverQuota, TemporaryFailure
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.base.parties import Party, party_of, working_for
from pymailcore.delivery.delivery import Accepted, without_return_path
from pymailcore.directory.accounts import Changed
from pymailcore.directory.actors import SYSTEM
from pymailcore.directory.errors import Loop
from pymailcore.runtime.hub import QUEUE
from pymailcore.store.types import StoredMessage, Transaction


@pytest.fixture
async def post() -> Post:
    return await make_post()


async def accept(
    post: Post, *recipients: str, octets: bytes = MESSAGE, reverse_path: str | None = "s@c.example"
) -> Accepted:
    return await post.delivery.accept(
        envelope(*recipients, reverse_path=reverse_path),
        octets,
        tenant=DEFAULT_TENANT,
        received_ms=START_MS,
    )


async def test_recipients_here_get_it_with_a_return_path(post: Post) -> None:
    """RFC 5321 section 4.4."""
    accepted = await accept(post, "ann@a.example", "BEN+x@a.example")
    expected = b"Return-Path: <s@c.example>\r\n" + MESSAGE
    assert post.store.mail_of(post.ann.id) == post.store.mail_of(post.ben.id) == [expected]
    assert [appended.account for appended in accepted.appended] == [post.ann.id, post.ben.id]
    assert (accepted.queued, accepted.remote) == (None, ())
    assert post.notices == []


async def test_the_null_reverse_path_is_empty_in_return_path(post: Post) -> None:
    """RFC 5321 section 4.5.5."""
    await accept(post, "ann@a.example", reverse_path=None)
    assert post.store.mail_of(post.ann.id) == [b"Return-Path: <>\r\n" + MESSAGE]


async def test_a_return_path_that_came_along_is_replaced(post: Post) -> None:
    await accept(post, "ann@a.example", octets=b"Return-Path: <forged@x>\r\n" + MESSAGE)
    assert post.store.mail_of(post.ann.id) == [b"Return-Path: <s@c.example>\r\n" + MESSAGE]


@pytest.mark.parametrize(
    ("octets", "rest"),
    [
        (b"", b""),
        (b"A: b\r\n\r\n", b"A: b\r\n\r\n"),
        (b"return-PATH: <x>\r\nReturn-Path: <y>\r\nA: b\r\n", b"A: b\r\n"),
        (b"Return-Path: <x>\r\n (folded)\r\n\tmore\r\nA: b\r\n", b"A: b\r\n"),
        (b"Return-Path: <x>", b""),
        (b"Return-Path: <x>\r\n ", b""),
        (b"A: b\r\nReturn-Path: <x>\r\n", b"A: b\r\nReturn-Path: <x>\r\n"),
    ],
)
def test_return_path_is_taken_away_in_front_only(octets: bytes, rest: bytes) -> None:
    assert without_return_path(octets) == rest


async def test_an_account_gets_it_once(post: Post) -> None:
    await post.directory.addresses.add(SYSTEM, address("team@a.example"), address("ann@a.example"))
    await accept(post, "ann@a.example", "ANN@a.example", "ann+x@a.example", "team@a.example")
    assert len(post.store.mail_of(post.ann.id)) == 1


async def test_recipients_elsewhere_are_queued_once_without_return_path(post: Post) -> None:
    """RFC 5321 section 4.4: a relay writes no Return-Path."""
    accepted = await accept(post, "x@b.example", "x@B.example", "y@b.example")
    assert accepted.appended == ()
    assert accepted.remote == (address("x@b.example"), address("y@b.example"))
    (lease,) = await post.queue.take(10)
    assert lease.recipients == ("x@b.example", "y@b.example")
    assert (lease.message.id, lease.message.reverse_path) == (accepted.queued, address("s@c.example"))
    assert await post.store.rebuild(DEFAULT_TENANT, lease.message.recipe) == MESSAGE
    assert [channel for channel, _ in post.notices] == [QUEUE]


async def test_an_alias_elsewhere_forwards_with_the_reverse_path_as_it_is(post: Post) -> None:
    """RFC 5321 section 3.9.1."""
    await post.directory.addresses.add(SYSTEM, address("far@a.example"), address("ann@b.example"))
    await post.directory.addresses.add(SYSTEM, address("far@a.example"), address("ben@a.example"))
    accepted = await accept(post, "far@a.example")
    assert len(accepted.appended) == 1
    assert accepted.remote == (address("ann@b.example"),)
    (lease,) = await post.queue.take(10)
    assert lease.message.reverse_path == address("s@c.example")


@pytest.mark.parametrize("fault", [TemporaryFailure("disk"), RuntimeError("power")])
async def test_a_failed_commit_leaves_nothing_anywhere(post: Post, fault: Exception) -> None:
    post.store.memory.fail_next = fault
    with pytest.raises(type(fault)):
        await accept(post, "ann@a.example", "x@b.example")
    assert post.store.count("mails") == post.store.count("queue_messages") == post.store.count("held") == 0
    assert post.notices == []


async def test_one_full_account_refuses_all_and_queues_nothing(post: Post) -> None:
    post.store.memory.connection.execute("UPDATE accounts SET full = 1 WHERE id = ?1", (post.ben.id,))
    with pytest.raises(OverQuota):
        await accept(post, "ann@a.example", "ben@a.example", "x@b.example")
    assert post.store.count("mails") == post.store.count("queue_recipients") == 0


async def test_an_unknown_recipient_refuses_all(post: Post) -> None:
    with pytest.raises(NotFound):
        await accept(post, "ann@a.example", "nobody@a.example")
    assert post.store.count("mails") == 0


async def test_a_message_needs_a_recipient(post: Post) -> None:
    with pytest.raises(InvalidValue):
        await accept(post)


@pytest.mark.parametrize("hops", [49, 50, 51])
async def test_a_message_that_made_too_many_hops_goes_round(post: Post, hops: int) -> None:
    """RFC 5321 section 6.3."""
    octets = b"Received: from x by y; Thu, 1 Jan 2026 00:00:00 +0000\r\n" * hops + MESSAGE
    if hops <= 50:
        await accept(post, "ann@a.example", octets=octets)
    else:
        with pytest.raises(Loop):
            await accept(post, "ann@a.example", octets=octets)


async def test_received_in_the_body_is_no_hop(post: Post) -> None:
    await accept(post, "ann@a.example", octets=MESSAGE + b"Received: x\r\n" * 60)


async def test_two_servers_that_forward_to_each_other_stop(post: Post) -> None:
    """RFC 5321 section 6.3: each pass adds a Received field."""
    await post.directory.addresses.add(SYSTEM, address("round@a.example"), address("round@b.example"))
    hop, octets = b"Received: from b by a; Thu, 1 Jan 2026 00:00:00 +0000\r\n", MESSAGE
    for _ in range(50):
        octets = hop + octets
        await accept(post, "round@a.example", octets=octets)
    with pytest.raises(Loop):
        await accept(post, "round@a.example", octets=hop + octets)


async def test_further_rows_share_the_transaction(post: Post) -> None:
    async def also(tx: Transaction, message: StoredMessage) -> None:
        await tx.run("INSERT INTO held VALUES (77, ?1)", message.recipe)
        raise TemporaryFailure("after all")

    with pytest.raises(TemporaryFailure):
        await post.delivery.accept(
            envelope("ann@a.example"), MESSAGE, tenant=DEFAULT_TENANT, received_ms=0, also=also
        )
    assert post.store.count("mails") == post.store.count("held") == 0


async def test_a_message_can_be_filed_in_another_mailbox(post: Post) -> None:
    await post.delivery.accept(
        envelope("ann@a.example"), MESSAGE, tenant=DEFAULT_TENANT, received_ms=0, role="junk"
    )
    (row,) = post.store.memory.connection.execute("SELECT mailbox FROM mails").fetchall()
    assert row == ("junk",)


async def test_what_is_of_another_tenant_or_suspended_goes_by_the_queue(post: Post) -> None:
    """One message is stored for one tenant; nobody's mail is refused because its owner is suspended."""
    directory = post.directory
    blue = (await directory.tenants.add(SYSTEM, "blue")).id
    await directory.domains.add(SYSTEM, "blue.example", tenant=blue)
    cy = await directory.accounts.add(SYSTEM, address("cy@blue.example"))
    await directory.accounts.set(SYSTEM, address("ben@a.example"), Changed(state="suspended"))
    await directory.addresses.add(SYSTEM, address("out@blue.example"), address("far@b.example"))
    queued = ["ben@a.example", "cy@blue.example", "out@blue.example", "x@b.example"]
    accepted = await accept(post, "ann@a.example", *queued)
    assert [appended.account for appended in accepted.appended] == [post.ann.id]
    assert [str(one) for one in accepted.remote] == queued
    await post.delivery.accept(envelope("cy@blue.example"), MESSAGE, tenant=blue, received_ms=START_MS)
    assert len(post.store.mail_of(cy.id)) == 1


async def test_a_forward_goes_to_the_queue_with_the_reverse_path_as_it_came(post: Post) -> None:
    await post.directory.forwards.set(
        SYSTEM, address("ann@a.example"), address("far@b.example"), keep_copy=False
    )
    accepted = await accept(post, "ann@a.example", reverse_path=None)
    assert accepted.appended == ()
    assert [str(one) for one in accepted.remote] == ["far@b.example"]


async def test_mail_is_filed_in_the_turn_of_who_sends_or_else_gets_it(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T6 of the security notes: mail from outside counts for the tenant that it comes to."""
    seen = parties_of(monkeypatch, post.store, "deliver")
    await accept(post, "ben@a.example", "ann@a.example")
    await accept(post, "x@b.example")
    with working_for(Party(7, 70)):
        await accept(post, "ben@a.example")
    assert seen == [party_of(DEFAULT_TENANT, post.ben.id), party_of(DEFAULT_TENANT), Party(7, 70)]
