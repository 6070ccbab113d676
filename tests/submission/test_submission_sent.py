"""submission: a copy of what was sent, for programs that file none."""

import pytest
from tests.submission.test_submission import HEADER, ORIGIN, make
from tests.support.deliveries import Post, envelope, make_post

from pymailcore.base.errors import OverQuota
from pymailcore.submission.settings import SubmissionSettings
from pymailcore.submission.submission import HTTP, Origin

COPY = SubmissionSettings(copy_to_sent=True)


@pytest.fixture
async def post() -> Post:
    return await make_post()


async def submit(post: Post, settings: SubmissionSettings, *recipients: str, origin: Origin = ORIGIN) -> None:
    principal = await post.directory.principal(post.ann.id)
    octets = HEADER + b"Bcc: <x@b.example>\r\n\r\ntext\r\n"
    await make(post, settings).submit(principal, envelope(*recipients), octets, origin=origin)


def filed(post: Post) -> list[tuple[int, str]]:
    return sorted(post.store.memory.connection.execute("SELECT account, mailbox FROM mails").fetchall())


async def test_a_copy_is_filed_when_that_is_set(post: Post) -> None:
    await submit(post, SubmissionSettings(), "x@b.example")
    assert filed(post) == []
    await submit(post, COPY, "x@b.example")
    assert filed(post) == [(post.ann.id, "sent")]
    (octets,) = post.store.mail_of(post.ann.id)
    assert octets.startswith(b"Received: ")
    assert b"Bcc" not in octets
    assert post.store.count("queue_recipients") == 2


async def test_what_one_sends_oneself_is_in_both_places(post: Post) -> None:
    await submit(post, COPY, "ann@a.example", "ben@a.example")
    assert filed(post) == sorted([(post.ann.id, "inbox"), (post.ann.id, "sent"), (post.ben.id, "inbox")])


async def test_jmap_files_copies_as_its_client_says(post: Post) -> None:
    await submit(post, COPY, "x@b.example", origin=Origin(hello="", peer="192.0.2.9", protocol=HTTP))
    assert filed(post) == []


async def test_without_room_for_the_copy_nothing_leaves(post: Post) -> None:
    """The answer says so: 452 4.2.2."""
    post.store.memory.connection.execute("UPDATE accounts SET full = 1 WHERE id = ?1", (post.ann.id,))
    with pytest.raises(OverQuota):
        await submit(post, COPY, "x@b.example")
    assert post.store.count("queue_recipients") == 0
