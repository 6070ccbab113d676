"""VRFY and EXPN of who is signed in, over a directory (RFC 5321 sections 3.5 and 7.3)."""

import pytest
from tests.support.deliveries import Post, make_post
from tests.support.directories import address

from pymailcore.base.address import Address
from pymailcore.directory.actors import SYSTEM
from pymailcore.msa.role import MsaConversation, MsaRole
from pymailcore.runtime.metrics import Metrics
from pymailcore.smtp import lookups
from pymailcore.smtp.protocol import events, reply
from pymailcore.smtp.protocol.reply import Reply
from pymailcore.smtp.role import Session
from pymailcore.smtp.settings import SmtpSettings
from pymailcore.submission.settings import SubmissionSettings
from pymailcore.submission.submission import Submission

OPEN = SmtpSettings(vrfy="signed-in", expn="signed-in")


@pytest.fixture
async def post() -> Post:
    """Two tenants, and three groups of which one is for its members only."""
    post = await make_post()
    directory = post.directory
    for group, posting in (("staff", "everyone"), ("board", "members"), ("empty", "tenant")):
        await directory.groups.add(SYSTEM, address(f"{group}@a.example"), posting=posting)
    for group, member in (("staff", "ann@a.example"), ("staff", "x@far.example"), ("board", "ben@a.example")):
        await directory.groups.add_member(SYSTEM, address(f"{group}@a.example"), address(member))
    blue = (await directory.tenants.add(SYSTEM, "blue")).id
    await directory.domains.add(SYSTEM, "blue.example", tenant=blue)
    await directory.accounts.add(SYSTEM, address("cy@blue.example"), None)
    await directory.groups.add(SYSTEM, address("staff@blue.example"), posting="everyone")
    return post


async def conversation(post: Post, *, signed_in: bool = True) -> MsaConversation:
    submission = Submission(
        post.directory, post.delivery, SubmissionSettings(), hostname="mx.a.example", ids=post.ids
    )
    role = MsaRole(submission, post.directory, OPEN, metrics=Metrics())
    made = role.begin(Session(connection_id="c1", peer="192.0.2.1", tls=""))
    if signed_in:
        made._principal = await post.directory.principal(post.ann.id)
    return made


async def ask(post: Post, text: str, *, expand: bool = False) -> Reply | None:
    found = Address.parse(text)
    assert found is not None
    return await (await conversation(post)).verify(events.Verify(found, expand))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ben@a.example", Reply(250, "2.1.5", "<ben@a.example>")),
        ("Staff@a.example", Reply(250, "2.1.5", "<Staff@a.example>")),
        ("nobody@a.example", lookups.NO_SUCH_ADDRESS),
        ("cy@blue.example", None),
        ("nobody@blue.example", None),
        ("x@far.example", None),
    ],
)
async def test_addresses_of_ones_own_tenant_are_told(text: str, expected: Reply | None, post: Post) -> None:
    """Those of other tenants are like those of other hosts: nothing says whether they exist."""
    assert await ask(post, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("staff@a.example", Reply(250, "2.1.5", "<ann@a.example>\n<x@far.example>")),
        ("empty@a.example", lookups.NO_SUCH_GROUP),
        ("board@a.example", lookups.NO_SUCH_GROUP),
        ("ben@a.example", lookups.NO_SUCH_GROUP),
        ("nobody@a.example", lookups.NO_SUCH_GROUP),
        ("staff@blue.example", None),
    ],
)
async def test_members_are_told_to_who_may_write_to_the_group(
    text: str, expected: Reply | None, post: Post
) -> None:
    """A group that is closed to somebody looks like none."""
    assert await ask(post, text, expand=True) == expected


async def test_nobody_is_told_before_a_login(post: Post) -> None:
    stranger = await conversation(post, signed_in=False)
    assert await stranger.verify(events.Verify(address("ben@a.example"))) == reply.AUTH_REQUIRED


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (SmtpSettings(), set()),
        (SmtpSettings(vrfy="signed-in"), {"VRFY"}),
        (SmtpSettings(vrfy="everybody"), {"VRFY"}),
        (SmtpSettings(expn="signed-in"), {"EXPN"}),
    ],
)
async def test_what_is_looked_up_is_a_setting(settings: SmtpSettings, expected: set[str], post: Post) -> None:
    role = MsaRole(
        Submission(post.directory, post.delivery, SubmissionSettings(), hostname="h", ids=post.ids),
        post.directory,
        settings,
        metrics=Metrics(),
    )
    assert role.lookups == expected
