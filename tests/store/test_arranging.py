"""Orders and Threads of one Mailbox."""

from collections.abc import Sequence

import pytest
from tests.support.stores import RECEIVED_MS, Opened, a_message

from pymailcore.base.errors import NotFound
from pymailcore.base.ids import AccountId, MailboxId
from pymailcore.message.threading_values import hash_id
from pymailcore.store import query as q
from pymailcore.store.keywords import Keywords
from pymailcore.store.types import FlagChange, Want


def mail(
    n: int, *, subject: str, sender: str, to: str = "bob@x", cc: str = "", date: str = "", more: str = ""
) -> bytes:
    lines = [f"Date: {date}"] if date else []
    lines += [f"Cc: {cc}"] if cc else []
    lines += [more] if more else []
    octets = a_message(subject, sender=sender, message_id=f"<{n}@x>", extra="\r\n".join(lines), body="x" * n)
    return octets.replace(b"To: Bob <bob@example.org>", b"To: " + to.encode())


MAILS = [
    # UID 1 to 5, received an hour apart
    mail(
        50,
        subject="Re: beta",
        sender="Zed <amy@x>",
        to="Kim <k@x>",
        cc="z@x",
        date="Tue, 14 Nov 2023 05:00:00 +0000",
    ),
    mail(40, subject="alpha", sender="Éva <zoe@x>", to="a@x", date="Tue, 14 Nov 2023 05:00:00 +0500"),
    mail(30, subject="Beta", sender="bea <Bob@x>", cc="a@x, z@x"),
    mail(20, subject="", sender="bob@x", to="Al <z@x>", date="nonsense"),
    mail(10, subject="[list] gamma", sender="Ed <cy@x>", date="Tue, 14 Nov 2023 04:59:59 +0000"),
]


async def filled(opened: Opened) -> None:
    for n, octets in enumerate(MAILS):
        await opened.deliver(octets, received_ms=RECEIVED_MS + n * 3_600_000)


ORDERS = [
    (q.SortKey.RECEIVED, [1, 2, 3, 4, 5], [5, 4, 3, 2, 1]),
    (q.SortKey.SENT, [2, 5, 1, 3, 4], [4, 3, 1, 5, 2]),  # 3 and 4 have no Date field
    (q.SortKey.SUBJECT, [4, 2, 1, 3, 5], [5, 1, 3, 2, 4]),
    (q.SortKey.FROM, [3, 4, 5, 2, 1], [1, 2, 5, 4, 3]),
    (q.SortKey.FROM_MAILBOX, [1, 3, 4, 5, 2], [2, 5, 3, 4, 1]),
    (q.SortKey.TO, [2, 4, 3, 5, 1], [1, 3, 5, 4, 2]),
    (q.SortKey.TO_MAILBOX, [2, 3, 5, 1, 4], [4, 1, 3, 5, 2]),
    (q.SortKey.CC_MAILBOX, [2, 4, 5, 3, 1], [1, 3, 2, 4, 5]),
    (q.SortKey.SIZE, [5, 4, 3, 2, 1], [1, 2, 3, 4, 5]),
]


@pytest.mark.parametrize(("key", "up", "down"), ORDERS)
async def test_each_key_and_its_reverse(
    opened: Opened, key: q.SortKey, up: Sequence[int], down: Sequence[int]
) -> None:
    """RFC 5256 section 3: ties are in the order of the Mailbox, also for REVERSE."""
    await filled(opened)
    arranging, inbox = opened.store.arranging, opened.mailbox("INBOX")
    sizes = [row.size_octets for row in await opened.store.fetch(opened.account, inbox, [(1, 9)], Want.FACTS)]
    if key is q.SortKey.SIZE:
        up = sorted(up, key=lambda uid: sizes[uid - 1])
        down = sorted(down, key=lambda uid: -sizes[uid - 1])
    uids = [1, 2, 3, 4, 5]
    assert await arranging.ordered(opened.account, inbox, uids, [q.Sort(key)]) == up
    assert await arranging.ordered(opened.account, inbox, uids, [q.Sort(key, ascending=False)]) == down


async def test_several_keys_and_some_of_the_messages(opened: Opened) -> None:
    """RFC 5256 section 3."""
    await filled(opened)
    arranging, inbox = opened.store.arranging, opened.mailbox("INBOX")
    keys = [q.Sort(q.SortKey.SUBJECT, ascending=False), q.Sort(q.SortKey.SENT, ascending=False)]
    assert await arranging.ordered(opened.account, inbox, [1, 2, 3, 4, 5], keys) == [5, 3, 1, 2, 4]
    assert await arranging.ordered(opened.account, inbox, [1, 3, 4], keys) == [3, 1, 4]
    assert await arranging.ordered(opened.account, inbox, [1, 5], keys) == [5, 1]
    assert await arranging.ordered(opened.account, inbox, [2, 99, 7000], keys) == [2]
    assert await arranging.ordered(opened.account, inbox, [], keys) == []
    assert await arranging.ordered(opened.account, inbox, [1, 2], []) == [1, 2]
    ranks = await arranging.ranks(opened.account, inbox, [1, 2, 3, 4, 5], [q.Sort(q.SortKey.SUBJECT)])
    assert ranks == {4: 1, 2: 2, 1: 3, 3: 3, 5: 4}
    some = await arranging.ranks(opened.account, inbox, [1, 3], [q.Sort(q.SortKey.SUBJECT)])
    assert set(some) == {1, 3}
    assert some[1] == some[3]


async def test_what_is_gone_is_left_out(opened: Opened) -> None:
    await filled(opened)
    inbox = opened.mailbox("INBOX")
    await opened.store.set_flags(opened.account, inbox, [(2, 2)], FlagChange.ADD, Keywords(), deleted=True)
    await opened.store.expunge(opened.account, inbox, None)
    arranging = opened.store.arranging
    uids = [1, 2, 3, 4, 5]
    assert await arranging.ordered(opened.account, inbox, uids, [q.Sort(q.SortKey.RECEIVED)]) == [1, 3, 4, 5]
    assert (await arranging.threading(opened.account, inbox, uids))[0] == [1, 3, 4, 5]
    assert set(await arranging.relevance(opened.account, inbox, uids, ["x"])) == {1, 3, 4, 5}


async def test_what_threads_are_made_of(opened: Opened) -> None:
    """RFC 5256 section 2.2: without a Date field the internal date counts."""
    await filled(opened)
    await opened.deliver(
        mail(60, subject="Re: beta", sender="a@x", more="References: <50@x>\r\n <30@x>"),
        received_ms=RECEIVED_MS,
    )
    uids, values = await opened.store.arranging.threading(
        opened.account, opened.mailbox("INBOX"), [1, 3, 4, 6]
    )
    assert uids == [1, 3, 4, 6]
    assert values.dates == [
        1_699_938_000_000, RECEIVED_MS + 2 * 3_600_000, RECEIVED_MS + 3 * 3_600_000, RECEIVED_MS,
    ]  # fmt: skip
    assert values.ids == [hash_id(f"{n}@x") for n in (50, 30, 20, 60)]
    assert values.replies == [1, 0, 0, 1]
    assert values.subjects[0] == values.subjects[1] == values.subjects[3] != values.subjects[2] == 0
    assert values.references == [hash_id("50@x"), hash_id("30@x")]
    assert values.ends == [0, 0, 0, 2]
    nothing = await opened.store.arranging.threading(opened.account, opened.mailbox("INBOX"), [])
    assert nothing[0] == nothing[1].ids == []


async def test_the_highest_modseq_of_some_messages(opened: Opened) -> None:
    """RFC 7162 section 3.1.6."""
    await filled(opened)
    inbox = opened.mailbox("INBOX")
    rows, _ = await opened.store.set_flags(opened.account, inbox, [(2, 2)], FlagChange.ADD, Keywords(1))
    others = await opened.store.fetch(opened.account, inbox, [(1, 9)], Want.FACTS)
    highest = opened.store.arranging.highest_modseq
    assert await highest(opened.account, inbox, [1, 2, 3]) == rows[0].modseq
    assert await highest(opened.account, inbox, [1, 3]) == others[2].modseq
    assert await highest(opened.account, inbox, []) == 0


async def test_scores_say_where_a_needle_stands(opened: Opened) -> None:
    """RFC 6203 section 4: 1 to 100, all of it used."""
    await filled(opened)
    relevance = opened.store.arranging.relevance
    inbox = opened.mailbox("INBOX")
    scores = await relevance(opened.account, inbox, [1, 2, 3, 5], ["BETA", "bob"])
    assert scores[3] == 100
    assert scores[2] == 1  # nowhere
    assert scores[2] < scores[5] < scores[1] < 100  # To, Subject, Subject and To and From
    assert await relevance(opened.account, inbox, [1, 2], ["nowhere"]) == {1: 100, 2: 100}
    assert await relevance(opened.account, inbox, [], ["x"]) == {}


async def test_a_mailbox_of_another_account_is_not_there(opened: Opened) -> None:
    arranging, other = opened.store.arranging, AccountId(99)
    for call in (
        lambda box: arranging.ordered(other, box, [1], []),
        lambda box: arranging.ranks(other, box, [1], []),
        lambda box: arranging.threading(other, box, [1]),
        lambda box: arranging.relevance(other, box, [1], ["x"]),
        lambda box: arranging.highest_modseq(other, box, [1]),
    ):
        with pytest.raises(NotFound):
            await call(opened.mailbox("INBOX"))
        with pytest.raises(NotFound):
            await call(MailboxId(1))
