"""delivery: some of several mailboxes are full (RFC 5321 sections 3.6.3 and 6.2; S15)."""

import pytest
from tests.support.deliveries import MESSAGE, Post, envelope, make_post
from tests.support.directories import START_MS, address

from pymailcore.base.errors import OverQuota
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.delivery.delivery import Accepted
from pymailcore.directory.actors import SYSTEM
from pymailcore.directory.types import Account


@pytest.fixture
async def post() -> Post:
    """Ben's mailbox is full."""
    post = await make_post()
    fill(post, post.ben)
    return post


def fill(post: Post, account: Account) -> None:
    post.store.memory.connection.execute(
        "UPDATE accounts SET full = 1, quota_octets = 10 WHERE id = ?1", (account.id,)
    )


async def accept(post: Post, *recipients: str, may_report: bool) -> Accepted:
    async def is_proved() -> bool:
        return may_report

    return await post.delivery.accept(
        envelope(*recipients),
        MESSAGE,
        tenant=DEFAULT_TENANT,
        received_ms=START_MS,
        may_report=is_proved,
    )


def nothing_is_kept(post: Post) -> bool:
    return post.store.count("mails") == post.store.count("queue_recipients") == post.store.count("held") == 0


async def test_who_is_proved_has_it_wait_for_who_has_no_room(post: Post) -> None:
    """The others have it at once, in the same transaction; the queue tries, and reports in the end."""
    accepted = await accept(post, "ann@a.example", "Ben@a.example", "x@b.example", may_report=True)
    assert [one.account for one in accepted.appended] == [post.ann.id]
    assert [str(one) for one in accepted.remote] == ["Ben@a.example", "x@b.example"]
    assert post.store.count("queue_recipients") == 2


async def test_who_may_be_forged_gets_no_report_and_tries_again(post: Post) -> None:
    """Refused as a whole; on the next try the one without room is refused at RCPT, whatever is declared."""
    ben = await post.directory.route(address("ben@a.example"))
    ann = await post.directory.route(address("ann@a.example"))
    assert await post.delivery.has_room(ben, 0)
    with pytest.raises(OverQuota):
        await accept(post, "ann@a.example", "ben@a.example", may_report=False)
    assert nothing_is_kept(post)
    assert not await post.delivery.has_room(ben, 0)
    assert await post.delivery.has_room(ann, 0)
    await accept(post, "ann@a.example", may_report=False)
    assert len(post.store.mail_of(post.ann.id)) == 1


@pytest.mark.parametrize("recipients", [["ben@a.example"], ["ben@a.example", "ann@a.example"]])
async def test_where_nobody_has_room_it_is_refused(recipients: list[str], post: Post) -> None:
    """Who is signed in is told at once, not in five days."""
    fill(post, post.ann)
    with pytest.raises(OverQuota):
        await accept(post, *recipients, may_report=True)
    assert nothing_is_kept(post)


@pytest.mark.parametrize("members", [("ann", "ben"), ("ben", "ann"), ("ben", "x@b.example")])
async def test_what_leads_to_several_does_not_wait_for_one_of_them(
    members: tuple[str, ...], post: Post
) -> None:
    """It would come to the others twice."""
    await post.directory.groups.add(SYSTEM, address("staff@a.example"), posting="everyone")
    for member in members:
        await post.directory.groups.add_member(
            SYSTEM, address("staff@a.example"), address(member if "@" in member else f"{member}@a.example")
        )
        post.clock.ms += 1
    with pytest.raises(OverQuota):
        await accept(post, "staff@a.example", "ann@a.example", may_report=True)
    assert nothing_is_kept(post)


async def test_one_large_message_for_one_does_not_shut_out_small_ones(post: Post) -> None:
    """Who has no room is remembered only where others would have to wait with him."""
    ben = await post.directory.route(address("ben@a.example"))
    with pytest.raises(OverQuota):
        await accept(post, "ben@a.example", may_report=False)
    assert await post.delivery.has_room(ben, 0)


async def test_a_route_has_room_when_one_of_its_ends_has(post: Post) -> None:
    for alias, target in (("both", "ann"), ("both", "ben"), ("out", "ben")):
        await post.directory.addresses.add(
            SYSTEM, address(f"{alias}@a.example"), address(f"{target}@a.example")
        )
    await post.directory.addresses.add(SYSTEM, address("out@a.example"), address("x@b.example"))
    rooms = {
        name: await post.delivery.has_room(await post.directory.route(address(f"{name}@a.example")), 11)
        for name in ("ann", "ben", "both", "out")
    }
    assert rooms == {"ann": True, "ben": False, "both": True, "out": True}
