"""home: queued mail for domains that are kept here."""

import pytest
from tests.support.deliveries import MESSAGE, Post, make_post
from tests.support.directories import START_MS, address

from pymailcore.base.envelope import Envelope
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.delivery.delivery import without_return_path
from pymailcore.directory.accounts import Changed
from pymailcore.directory.actors import SYSTEM
from pymailcore.message.trace import count_received
from pymailcore.queue.home import HomeRelay
from pymailcore.queue.types import Lease, Message, Result, Verdict


class Elsewhere:
    """Takes everything."""

    async def attempt(self, lease: Lease, octets: bytes) -> list[Result]:
        """Say so."""
        assert octets
        return [Result(text, Verdict.SENT, "elsewhere") for text in lease.recipients]


@pytest.fixture
async def post() -> Post:
    return await make_post()


def lease(*recipients: str, sender: str = "s@c.example") -> Lease:
    message = Message(7, DEFAULT_TENANT, address(sender), len(MESSAGE), b"", False, False, START_MS)
    return Lease(message, recipients[0].partition("@")[2], recipients, START_MS)


async def attempt(post: Post, *recipients: str, octets: bytes = MESSAGE) -> list[tuple[Verdict, str]]:
    relay = HomeRelay(Elsewhere(), post.directory, post.delivery, hostname="mx.example", now_ms=post.clock)
    return [(one.verdict, one.reply[:5]) for one in await relay.attempt(lease(*recipients), octets)]


async def test_mail_for_other_domains_is_handed_on(post: Post) -> None:
    assert await attempt(post, "x@b.example") == [(Verdict.SENT, "elsew")]


async def test_mail_for_accounts_here_is_brought_with_a_received_field(post: Post) -> None:
    """RFC 5321 sections 4.4 and 6.3."""
    blue = (await post.directory.tenants.add(SYSTEM, "blue")).id
    await post.directory.domains.add(SYSTEM, "blue.example", tenant=blue)
    cy = await post.directory.accounts.add(SYSTEM, address("cy@blue.example"))
    assert await attempt(post, "cy@blue.example", "nobody@blue.example") == [
        (Verdict.SENT, "2.1.5"),
        (Verdict.FAILED, "5.1.1"),
    ]
    (octets,) = post.store.mail_of(cy.id)
    assert count_received(octets) == 1
    assert octets.endswith(MESSAGE)


async def test_a_suspended_account_gets_it_when_it_is_back(post: Post) -> None:
    """RFC 3463 section 3.3."""
    ben = address("ben@a.example")
    await post.directory.accounts.set(SYSTEM, ben, Changed(state="suspended"))
    assert await attempt(post, "ben@a.example") == [(Verdict.LATER, "4.2.1")]
    await post.directory.accounts.set(SYSTEM, ben, Changed(state="active"))
    assert await attempt(post, "ben@a.example") == [(Verdict.SENT, "2.1.5")]
    assert len(post.store.mail_of(post.ben.id)) == 1


async def test_a_full_account_waits_and_a_message_that_goes_round_ends(post: Post) -> None:
    """RFC 5321 section 6.3."""
    assert await attempt(post, "ann@a.example", octets=b"Received: x\r\n" * 50 + MESSAGE) == [
        (Verdict.FAILED, "5.4.6")
    ]
    post.store.memory.connection.execute("UPDATE accounts SET full = 1")
    assert await attempt(post, "ann@a.example") == [(Verdict.LATER, "4.3.0")]


async def test_a_closed_group_of_another_tenant_is_closed_here_too(post: Post) -> None:
    """RFC 3463 section 3.8."""
    blue = (await post.directory.tenants.add(SYSTEM, "blue")).id
    await post.directory.domains.add(SYSTEM, "blue.example", tenant=blue)
    await post.directory.accounts.add(SYSTEM, address("cy@blue.example"))
    staff = address("staff@blue.example")
    await post.directory.groups.add(SYSTEM, staff, posting="members")
    await post.directory.groups.add_member(SYSTEM, staff, address("cy@blue.example"))
    assert await attempt(post, "staff@blue.example") == [(Verdict.FAILED, "5.7.2")]
    await post.directory.groups.add_member(SYSTEM, staff, address("s@c.example"))
    assert await attempt(post, "staff@blue.example") == [(Verdict.SENT, "2.1.5")]


async def test_many_who_forward_to_many_in_two_tenants_get_it_once_each(post: Post) -> None:
    """Found in review: one message was 3, 9, 27 … messages, up to 3**50."""
    blue = (await post.directory.tenants.add(SYSTEM, "blue")).id
    await post.directory.domains.add(SYSTEM, "blue.example", tenant=blue)
    here = [address(f"a{number}@a.example") for number in range(3)]
    there = [address(f"b{number}@blue.example") for number in range(3)]
    for one in here + there:
        await post.directory.accounts.add(SYSTEM, one)
    for one in here:
        for other in there:
            await post.directory.forwards.set(SYSTEM, one, other, keep_copy=False)
            await post.directory.forwards.set(SYSTEM, other, one, keep_copy=False)
    relay = HomeRelay(Elsewhere(), post.directory, post.delivery, hostname="mx.example", now_ms=post.clock)

    async def send() -> int:
        """How many messages the queue has carried for one."""
        envelope = Envelope(reverse_path=address("s@c.example"), recipients=(here[0],))
        await post.delivery.accept(envelope, MESSAGE, tenant=DEFAULT_TENANT, received_ms=post.clock())
        carried = 0
        while leases := await post.queue.take(50):
            carried += len(leases)
            assert carried < 50
            for one in leases:
                octets = await post.store.rebuild(one.message.tenant, one.message.recipe)
                results = await relay.attempt(one, without_return_path(octets))
                assert {result.verdict for result in results} == {Verdict.SENT}
                await post.queue.finish(one, results)
        return carried

    assert [await send(), await send()] == [7, 7]  # a message that is sent again is another one


async def test_who_could_not_be_reached_is_tried_again(post: Post) -> None:
    relay = HomeRelay(Elsewhere(), post.directory, post.delivery, hostname="mx.example", now_ms=post.clock)
    ben = address("ben@a.example")
    for state, verdict in (("suspended", Verdict.LATER), ("active", Verdict.SENT), ("active", Verdict.SENT)):
        await post.directory.accounts.set(SYSTEM, ben, Changed(state=state))
        (result,) = await relay.attempt(lease("ben@a.example"), MESSAGE)
        assert result.verdict is verdict
    assert len(post.store.mail_of(post.ben.id)) == 1
