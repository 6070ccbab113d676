"""operations: text in, records out, one clear line when it is wrong."""

import json
from collections.abc import Awaitable, Callable

import pytest
from tests.support.deliveries import MESSAGE, Post, envelope, make_post
from tests.support.directories import START_MS

from pymailcore.admin.operations import Operations, moment
from pymailcore.base.errors import AlreadyExists, InvalidValue, NotEmpty, NotFound
from pymailcore.base.ids import DEFAULT_TENANT


@pytest.fixture
async def post() -> Post:
    return await make_post()


@pytest.fixture
async def operations(post: Post) -> Operations:
    return Operations(post.directory, post.queue)


async def test_domains(operations: Operations) -> None:
    assert (await operations.add_domain("Bücher.example"))["domain"] == "xn--bcher-kva.example"
    assert [domain["domain"] for domain in await operations.domains()] == [
        "a.example",
        "xn--bcher-kva.example",
    ]
    await operations.remove_domain("BÜCHER.example")
    with pytest.raises(NotFound):
        await operations.remove_domain("b.example")
    with pytest.raises(NotEmpty):
        await operations.remove_domain("a.example")
    with pytest.raises(AlreadyExists):
        await operations.add_domain("a.example")


async def test_accounts(operations: Operations, post: Post) -> None:
    added = await operations.add_account(" Eve@a.example ", "correct horse", admin=True)
    assert (added["address"], added["admin"], added["created"]) == ("Eve@a.example", True, moment(START_MS))
    assert [a["address"] for a in await operations.accounts()] == [
        "ann@a.example",
        "ben@a.example",
        "Eve@a.example",
    ]
    await operations.set_account("eve@a.example", password="another horse", admin=False)
    who = await post.directory.authenticate("eve@a.example", "another horse", peer="x", protocol="http")
    assert not who.admin
    await operations.set_account("eve@a.example")
    await operations.remove_account("eve@a.example")
    assert len(await operations.accounts()) == 2


async def test_aliases(operations: Operations) -> None:
    await operations.add_alias("team@a.example", "ann@a.example")
    await operations.add_alias("team@a.example", "x@b.example")
    assert await operations.aliases() == [
        {"address": "team@a.example", "target": "ann@a.example", "local": True},
        {"address": "team@a.example", "target": "x@b.example", "local": False},
    ]
    await operations.remove_alias("team@a.example", "x@b.example")
    await operations.remove_alias("team@a.example")
    assert await operations.aliases() == []


async def test_the_queue(operations: Operations, post: Post) -> None:
    for recipient in ("x@b.example", "y@c.example"):
        await post.delivery.accept(envelope(recipient), MESSAGE, tenant=DEFAULT_TENANT, received_ms=START_MS)
        post.clock.ms += 1
    first, second = await operations.queued()
    assert first["id"] != second["id"]
    assert (first["recipient"], first["state"], first["next_try"]) == (
        "x@b.example",
        "waiting",
        moment(START_MS),
    )
    assert json.loads(json.dumps(first)) == first
    assert await operations.queued(after=(str(first["id"]), str(first["recipient"]))) == [second]
    assert await operations.queued(limit=1) == [first]
    assert await operations.retry(message=str(first["id"])) == 1
    assert await operations.retry(domain="C.example") == 1
    assert await operations.drop(domain="b.example") == 1
    assert await operations.drop() == 1
    with pytest.raises(NotFound):
        await operations.drop()


@pytest.mark.parametrize(
    "call",
    [
        lambda it: it.add_domain("a b"),
        lambda it: it.add_account("ann", "correct horse"),
        lambda it: it.add_account("eve@a.example", "short"),
        lambda it: it.set_account("@a.example", password="correct horse"),
        lambda it: it.remove_account(""),
        lambda it: it.add_alias("x@a.example", "nobody"),
        lambda it: it.remove_alias("x"),
        lambda it: it.retry(message="q"),
        lambda it: it.retry(message="17"),
        lambda it: it.drop(message="m1"),
        lambda it: it.drop(domain="a b"),
        lambda it: it.queued(after=("x", "y")),
    ],
)
async def test_what_cannot_be_understood_is_refused_in_one_line(
    operations: Operations, call: Callable[[Operations], Awaitable[object]]
) -> None:
    with pytest.raises(InvalidValue) as caught:
        await call(operations)
    assert str(caught.value)
    assert "\n" not in str(caught.value)
