"""authorise: nobody sends as somebody else (S14)."""

import pytest
from tests.support.deliveries import Post, envelope, make_post
from tests.support.directories import address

from pymailcore.base.errors import Forbidden
from pymailcore.base.ids import AccountId
from pymailcore.directory.actors import SYSTEM
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
    await post.directory.addresses.add(SYSTEM, address("team@a.example"), address("ann@a.example"))
    assert await may(post, b"From: Team@a.example", "team@a.example")


async def test_on_behalf_of_others_one_is_named_in_sender(post: Post) -> None:
    """RFC 5322 section 3.6.2: From names the author, Sender who sent it."""
    ann, ben = address("ann@a.example"), address("ben@a.example")
    principal = await post.directory.principal(post.ann.id)

    async def sender(header: bytes) -> str | None:
        found = await authorise(post.directory, principal, envelope("x@b.example"), header + b"\r\n\r\n")
        return None if found is None else str(found)

    await post.directory.send_rights.grant(SYSTEM, ann, ben, "on-behalf")
    assert await sender(b"From: ben@a.example") == "ann@a.example"
    assert await sender(b"From: ben@a.example\r\nSender: ann@a.example") is None
    assert await sender(b"From: ann@a.example") is None
    assert await may(post, b"From: ben@a.example", reverse_path="ben@a.example")
    assert not await may(post, b"From: ben@a.example\r\nSender: ben@a.example")
    assert not await may(post, b"From: ann@a.example\r\nResent-From: ben@a.example")
    assert await may(
        post, b"From: ann@a.example\r\nResent-From: ben@a.example\r\nResent-Sender: ann@a.example"
    )
    await post.directory.send_rights.grant(SYSTEM, ann, ben, "send-as")
    assert await sender(b"From: ben@a.example") is None
    assert await may(post, b"From: ben@a.example\r\nSender: ben@a.example")
    await post.directory.send_rights.revoke(SYSTEM, ann, ben)
    assert not await may(post, b"From: ben@a.example")


async def test_a_closed_group_takes_mail_of_its_members_only(post: Post) -> None:
    """RFC 3463 section 3.8."""
    staff = address("staff@a.example")
    await post.directory.groups.add(SYSTEM, staff, posting="members")
    await post.directory.groups.add_member(SYSTEM, staff, address("ben@a.example"))

    async def posts(account: AccountId, sender: str) -> bool:
        principal = await post.directory.principal(account)
        to_staff = envelope("staff@a.example", reverse_path=sender)
        try:
            await authorise(post.directory, principal, to_staff, f"From: {sender}\r\n\r\n".encode())
        except Forbidden:
            return False
        return True

    assert await posts(post.ben.id, "ben@a.example")
    assert not await posts(post.ann.id, "ann@a.example")
    await post.directory.groups.set(SYSTEM, staff, posting="tenant")
    assert await posts(post.ann.id, "ann@a.example")
