"""delivery: reports that senders asked for, and mail that is held."""

from dataclasses import replace

import pytest
from tests.support.deliveries import MESSAGE, Post, envelope, make_post
from tests.support.directories import START_MS, address

from pymailcore.base.envelope import ReportTerms, Terms
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.delivery.delivery import Accepted
from pymailcore.directory.actors import SYSTEM
from pymailcore.queue.types import Lease

SUCCESS = ReportTerms(notify=frozenset({"SUCCESS", "FAILURE"}), orcpt="rfc822;first@o.example")


@pytest.fixture
async def post() -> Post:
    return await make_post()


async def accept(
    post: Post,
    *recipients: str,
    said: ReportTerms = SUCCESS,
    terms: Terms | None = None,
    reverse_path: str | None = "s@c.example",
) -> Accepted:
    to = envelope(*recipients, reverse_path=reverse_path)
    to = replace(to, terms=terms or Terms(), report_terms=dict.fromkeys(to.recipients, said))
    return await post.delivery.accept(to, MESSAGE, tenant=DEFAULT_TENANT, received_ms=START_MS)


async def told(post: Post) -> list[tuple[str, str, str]]:
    bounces = await post.queue.take_bounces(10)
    return [(one.address, one.action, one.orcpt) for bounce in bounces for one in bounce.failures]


async def test_delivery_here_is_told_where_it_was_asked_for(post: Post) -> None:
    """RFC 3461 section 5.2.3 (a)."""
    accepted = await accept(post, "ann@a.example")
    assert (accepted.queued, accepted.remote) == (None, ())
    assert len(post.store.mail_of(post.ann.id)) == 1
    assert await told(post) == [("ann@a.example", "delivered", "rfc822;first@o.example")]
    assert post.notices != []


@pytest.mark.parametrize("words", [(), ("FAILURE", "DELAY"), ("NEVER",)])
async def test_delivery_here_is_not_told_otherwise(post: Post, words: tuple[str, ...]) -> None:
    """RFC 3461 section 5.2.3 (b) and (c)."""
    await accept(post, "ann@a.example", said=ReportTerms(notify=frozenset(words)))
    assert await told(post) == []
    assert post.store.count("queue_messages") == 0


async def test_nobody_is_told_of_a_report(post: Post) -> None:
    """RFC 3461 section 5.2."""
    await accept(post, "ann@a.example", reverse_path=None)
    assert post.store.count("queue_messages") == 0


async def lease(post: Post) -> Lease:
    (found,) = await post.queue.take(10)
    return found


async def test_an_alias_of_one_address_hands_on_what_was_said(post: Post) -> None:
    """RFC 3461 section 5.2.7.2."""
    await post.directory.addresses.add(SYSTEM, address("far@a.example"), address("ann@b.example"))
    await accept(post, "far@a.example")
    assert (await lease(post)).report_terms == {"ann@b.example": SUCCESS}
    assert await told(post) == []


@pytest.mark.parametrize(
    ("words", "left"), [(("SUCCESS", "FAILURE"), {"FAILURE"}), (("SUCCESS",), {"NEVER"})]
)
async def test_an_alias_of_several_is_expanded(post: Post, words: tuple[str, ...], left: set[str]) -> None:
    """RFC 3461 section 5.2.7.3 (c)."""
    for target in ("ann@a.example", "far@b.example"):
        await post.directory.addresses.add(SYSTEM, address("all@a.example"), address(target))
    said = replace(SUCCESS, notify=frozenset(words))
    await accept(post, "all@a.example", said=said)
    assert (await lease(post)).report_terms == {"far@b.example": replace(said, notify=frozenset(left))}
    assert await told(post) == [("all@a.example", "expanded", "rfc822;first@o.example")]
    assert len(post.store.mail_of(post.ann.id)) == 1


async def test_what_is_held_is_not_delivered_here_either(post: Post) -> None:
    """RFC 4865 section 4."""
    accepted = await accept(post, "ann@a.example", terms=Terms(hold_until_ms=START_MS + 1))
    assert accepted.remote == (address("ann@a.example"),)
    assert post.store.mail_of(post.ann.id) == []
    assert await post.queue.take(10) == []
    post.clock.ms = START_MS + 1
    assert (await lease(post)).recipients == ("ann@a.example",)


async def test_a_release_that_is_over_holds_nothing(post: Post) -> None:
    await accept(post, "ann@a.example", terms=Terms(hold_until_ms=START_MS))
    assert len(post.store.mail_of(post.ann.id)) == 1
