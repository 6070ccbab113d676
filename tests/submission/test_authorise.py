"""authorise: nobody sends as somebody else (S14)."""

import pytest
from tests.support.deliveries import Post, envelope, make_post
from tests.support.directories import address

from pymailcore.base.errors import Forbidden
from pymailcore.submission.authorise import authorise


@pytest.fixture
async def post() -> Post:
    return await make_post()


async def may(post: Post, header: bytes, reverse_path: str | None = "ann@a.example") -> bool:
    principal = await post.directory.principal(post.ann.id)
    try:
        await authorise(
            post.directory,
            principal,
            envelope("x@b.example", reverse_path=reverse_path),
            header + b"\r\n\r\n",
        )
    except Forbidden:
        return False
    return True


@pytest.mark.parametrize(
    "header",
    [
        b"From: ann@a.example",
        b"From: Ann <ANN@A.example>",
        b'From: "Boss <boss@a.example>" <ann@a.example>',
        b"From: =?utf-8?q?Ann?= <ann+list@a.example>",
        b"From: ann@a.example\r\nSender: ann@a.example",
        b"From:\r\n ann@a.example",
        b"From: ann@a.example (Ann, boss@b.example)",
        b"From: ann@a.example <Ann@a.example>",
        b'From: "A \\" <boss@b.example>" <ann@a.example>',
        b"From: ann@a.example\r\nResent-From: ann@a.example\r\nResent-From: ann@a.example",
    ],
)
async def test_own_names_are_allowed(post: Post, header: bytes) -> None:
    """RFC 6409 section 6.1."""
    assert await may(post, header)


@pytest.mark.parametrize(
    "header",
    [
        b"Subject: no author",
        b"From:",
        b"From: Ann",
        b"From: ben@a.example",
        b"From: ann@b.example",
        b"From: <ann@a.example>, <ben@a.example>",
        b"From: <ann@a.example>, <ann@a.example>",
        b"From: ann@a.example\r\nFrom: ben@a.example",
        b"From: ben@a.example\r\nFrom: ann@a.example",
        b"From: ann@a.example\r\nFROM: ann@a.example",
        b"From : ann@a.example\r\nFrom\t: ben@a.example",
        b"From: ann@a.example\r\n ,ben@a.example",
        b"From: us: ann@a.example, ben@a.example;",
        b"From: us:;",
        b"From: ann@a.example\r\nSender: ben@a.example",
        b"From: ann@a.example\r\nSender: ann@a.example\r\nSender: ann@a.example",
        b"From: ann@a.example\r\nSender:",
        b"From: ann@a.example\r\nResent-From: ben@a.example",
        b"From: ann@a.example\r\nResent-From: ann@a.example\r\nResent-From: ben@a.example",
        b"From: ann@a.example\r\nResent-Sender: ben@a.example",
        b"From: =?utf-8?q?ann=40a=2Eexample?=",
        b"From: ben@a.example <ann@a.example",
        b"From: <ann@a.example>ben@a.example",
        b"From: <@b.example:ben@a.example>",
        b"From: ann@a.example(comment), ben@a.example",
        b'From: "Ann <ann@a.example>',
        b"From: boss@b.example <ann@a.example>",
        b"From: boss@b.example ann@a.example",
        b"From: <boss@b.example> <ann@a.example>",
        b"From: Boss> <ann@a.example>",
        b"From: <<ann@a.example>>",
        b'From: "\\"\\"" ben@a.example <ann@a.example>',
        b"From: " + b'"\\' * 3_000 + b" <ann@a.example>",
    ],
)
async def test_other_names_and_several_names_are_refused(post: Post, header: bytes) -> None:
    """RFC 6409 section 8.2; several From fields as in the espoofer attacks."""
    assert not await may(post, header)


@pytest.mark.parametrize(
    ("reverse_path", "allowed"),
    [
        ("ann@a.example", True),
        ("ANN+x@a.example", True),
        (None, True),
        ("ben@a.example", False),
        ("x@b.example", False),
    ],
)
async def test_the_reverse_path_is_ones_own_or_null(
    post: Post, reverse_path: str | None, allowed: bool
) -> None:
    """RFC 6409 section 6.1; RFC 8098 section 3 for the null reverse-path."""
    assert await may(post, b"From: ann@a.example", reverse_path) is allowed


async def test_an_alias_is_ones_own(post: Post) -> None:
    await post.directory.add_alias(address("team@a.example"), address("ann@a.example"))
    assert await may(post, b"From: Team@a.example", "team@a.example")
