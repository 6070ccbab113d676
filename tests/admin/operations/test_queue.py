"""queue: outbound mail that waits."""

import json
from typing import Any

import pytest
from tests.support.administration import OPERATOR
from tests.support.deliveries import MESSAGE, Post, envelope, make_post
from tests.support.directories import START_MS
from tests.support.directory_parts import ALL

from pymailcore.admin.operation import moment
from pymailcore.admin.registry import Administration
from pymailcore.base.errors import InvalidValue, NotFound
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.directory.audit_log import Filter


@pytest.fixture
async def post() -> Post:
    return await make_post()


async def call(post: Post, name: str, **arguments: object) -> dict[str, Any]:
    return await Administration(post.directory, post.queue).call(OPERATOR, name, arguments)


async def test_recipients_are_listed_retried_and_dropped(post: Post) -> None:
    for recipient in ("x@b.example", "y@c.example"):
        await post.delivery.accept(envelope(recipient), MESSAGE, tenant=DEFAULT_TENANT, received_ms=START_MS)
        post.clock.ms += 1
    page = await call(post, "queue.list", limit=1)
    (first,) = page["items"]
    assert (first["recipient"], first["state"], first["next_try"]) == (
        "x@b.example",
        "waiting",
        moment(START_MS),
    )
    assert json.loads(json.dumps(first)) == first
    rest = await call(post, "queue.list", after=page["next"])
    assert ([one["recipient"] for one in rest["items"]], rest["next"]) == (["y@c.example"], None)
    assert await call(post, "queue.retry", message=first["id"]) == {"count": 1}
    assert await call(post, "queue.retry", domain="C.example") == {"count": 1}
    assert await call(post, "queue.drop", domain="b.example") == {"count": 1}
    assert await call(post, "queue.drop") == {"count": 1}
    with pytest.raises(NotFound):
        await call(post, "queue.drop")
    written = [
        (one.action, one.subject) for one in await post.directory.audit.listing(ALL, Filter(action="queue"))
    ]
    assert written == [
        ("queue.drop", "everything"),
        ("queue.drop", "to b.example"),
        ("queue.retry", "to c.example"),
        ("queue.retry", f"message {first['id']}"),
    ]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("queue.retry", {"message": "q"}),
        ("queue.retry", {"message": "17"}),
        ("queue.drop", {"message": "m1"}),
        ("queue.drop", {"domain": "a b"}),
        ("queue.list", {"after": ["x", "y"]}),
        ("queue.list", {"limit": 0}),
        ("queue.burn", {}),
    ],
)
async def test_what_cannot_be_understood_is_refused_in_one_line(
    post: Post, name: str, arguments: dict[str, object]
) -> None:
    with pytest.raises(InvalidValue) as caught:
        await call(post, name, **arguments)
    assert "\n" not in str(caught.value)
