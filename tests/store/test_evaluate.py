"""Filters and sorts (RFC 9051 section 6.4.4; RFC 8620 section 5.5; RFC 8621 section 4.4)."""

import base64
from collections.abc import Sequence

import pytest
from tests.support.stores import RECEIVED_MS, Opened, a_message

from pymailcore.base.errors import NotFound
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.store import evaluate
from pymailcore.store import query as q
from pymailcore.store.blobs import address_of
from pymailcore.store.keywords import Keywords, keywords_of
from pymailcore.store.types import FlagChange

DAY = 86_400_000
SEEN = keywords_of(["$seen"])


async def fill(opened: Opened) -> list[int]:
    """Four Emails in the Inbox, the last also in the Archive; the second is the answer to the first."""
    messages = [
        (a_message("Alpha", body="first text\r\n", message_id="<1@x>", extra="X-Tag: Blue"), SEEN),
        (
            a_message("Re: Alpha", body="second TEXT\r\n", in_reply_to="<1@x>", sender="zoe@example.org"),
            Keywords(),
        ),
        (
            a_message(
                "Straße", body="größe\r\n", sender="=?utf-8?q?J=C3=B6rg?= <j@example.net>",
                extra="Cc: carol@example.org\r\nBcc: dan@example.org\r\n"
                "Date: Tue, 14 Nov 2023 23:30:00 -0500",
            ),
            keywords_of(["$flagged", "work"]),
        ),
        (
            a_message(
                "with file", body="--b\r\nContent-Type: text/html\r\n\r\n<p>Hello <b>wor</b>ld</p>\r\n"
                "--b\r\nContent-Disposition: attachment\r\n\r\nx\r\n--b--\r\n",
                extra="MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b",
            ),
            Keywords(),
        ),
    ]  # fmt: skip
    ids: list[int] = [
        (await opened.deliver(octets, keywords=keywords, received_ms=RECEIVED_MS + n * DAY)).email
        for n, (octets, keywords) in enumerate(messages)
    ]
    await opened.store.copy(opened.account, opened.mailbox("INBOX"), [(4, 4)], opened.mailbox("Archive"))
    return ids


def all_of(*filters: q.Filter) -> q.Filter:
    return q.And(filters)


def contains(field: str, needle: str) -> q.Filter:
    return q.Contains(q.Field(field), needle)


CASES: list[tuple[q.Filter, Sequence[int]]] = [
    (q.And(()), (1, 2, 3, 4)),
    (q.Or(()), ()),
    (q.Not(q.And(())), ()),
    (q.HasKeywords(SEEN), (1,)),
    (q.HasKeywords(keywords_of(["$flagged", "work"])), (3,)),
    (q.HasKeywords(keywords_of(["wor"])), ()),
    (q.Not(q.HasKeywords(SEEN)), (2, 3, 4)),
    (q.Received(RECEIVED_MS + DAY, RECEIVED_MS + 2 * DAY), (2,)),
    (q.Received(since_ms=RECEIVED_MS + 2 * DAY), (3, 4)),
    (q.Sent(1_700_006_400_000 - 1, 1_700_006_400_001), ()),
    (all_of(q.Sent(1_699_920_000_000, 1_700_006_400_000), q.HasKeywords(keywords_of(["work"]))), (3,)),
    (q.Size(least=1), (1, 2, 3, 4)),
    (q.Size(below=1), ()),
    (q.HasAttachment(), (4,)),
    (contains("from", "ADA"), (1, 4)),
    (contains("from", "jörg"), (3,)),
    (contains("from", "J\u00f6rg <j@"), (3,)),
    (contains("to", "bob <bob@"), (1, 2, 3, 4)),
    (contains("cc", "carol"), (3,)),
    (contains("bcc", "DAN"), (3,)),
    (contains("subject", "alpha"), (1, 2)),
    (contains("subject", "STRASSE"), (3,)),
    (contains("body", "Text"), (1, 2)),
    (contains("body", "GRÖSSE"), (3,)),
    (contains("body", "hello world"), (4,)),
    (contains("body", "alpha"), ()),
    (contains("text", "alpha"), (1, 2)),
    (contains("text", "second"), (2,)),
    (contains("text", "blue"), (1,)),
    (q.HeaderContains("x-TAG", ""), (1,)),
    (q.HeaderContains("X-Tag", "LUE"), (1,)),
    (q.HeaderContains("X-Tag", "red"), ()),
    (q.HeaderContains("Cc", ""), (3,)),
    (q.Not(contains("body", "text")), (3, 4)),
    (all_of(contains("body", "text"), q.HasKeywords(SEEN)), (1,)),
    (all_of(contains("body", "text"), q.Not(q.HasKeywords(SEEN))), (2,)),
    (q.Or((contains("body", "größe"), q.HasKeywords(SEEN))), (1, 3)),
    (q.Not(q.Or((contains("body", "größe"), q.HasKeywords(SEEN)))), (2, 4)),
    (q.Or((q.Not(contains("text", "alpha")), q.HasKeywords(SEEN))), (1, 3, 4)),
    (q.Emails(frozenset([5])), ()),
]


@pytest.mark.parametrize(("node", "uids"), CASES)
async def test_search_and_query_agree(opened: Opened, node: q.Filter, uids: Sequence[int]) -> None:
    ids = await fill(opened)
    store, account = opened.store, opened.account
    assert await store.search(account, opened.mailbox("INBOX"), node) == list(uids)
    found = await store.query(account, node, [q.Sort(q.SortKey.RECEIVED)], total=True)
    assert found[:3] == ([ids[uid - 1] for uid in uids], 0, len(uids))


async def test_an_email_that_is_in_a_mailbox_twice_is_found_twice(opened: Opened) -> None:
    """The state machine found that the second placement was left out where messages are looked at."""
    await fill(opened)
    inbox = opened.mailbox("INBOX")
    await opened.store.copy(opened.account, inbox, [(1, 2)], inbox)
    await opened.deliver(a_message("last", body="third text\r\n"))
    for node in (contains("body", "text"), all_of(q.Not(contains("body", "hello")), contains("body", "t"))):
        assert await opened.store.search(opened.account, inbox, node) == [1, 2, 5, 6, 7]


async def test_only_what_is_visible_counts_in_a_thread(opened: Opened) -> None:
    """RFC 8621 section 4.4.1; an Email with the mark is none for JMAP."""
    ids = await fill(opened)
    store, account, inbox = opened.store, opened.account, opened.mailbox("INBOX")

    async def found(how: q.InThread) -> list[int]:
        return [
            ids.index(email) for email in (await store.query(account, q.ThreadHasKeywords(how, SEEN), []))[0]
        ]

    assert [await found(how) for how in q.InThread] == [[], [0, 1], [2, 3]]
    await store.set_flags(account, inbox, [(2, 2)], FlagChange.ADD, Keywords(), deleted=True)
    assert [await found(how) for how in q.InThread] == [[0], [0], [2, 3]]


async def test_what_depends_on_mailboxes_and_placements(opened: Opened) -> None:
    ids = await fill(opened)
    store, account = opened.store, opened.account
    inbox, archive, trash = map(opened.mailbox, ("INBOX", "Archive", "Trash"))
    modseq = (await store.states(account)).modseq
    await store.set_flags(account, inbox, [(1, 1)], FlagChange.ADD, keywords_of(["x"]))
    await store.set_flags(account, inbox, [(2, 2)], FlagChange.ADD, Keywords(), deleted=True)
    for node, uids in (
        (q.Deleted(), [2]),
        (q.Not(q.Deleted()), [1, 3, 4]),
        (q.Uids(((1, 1), (3, 9))), [1, 3, 4]),
        (q.Uids(tuple((n, n) for n in range(2, 80, 2))), [2, 4]),
        (q.Uids(()), []),
        (q.ModifiedSince(modseq + 1), [1, 2]),
        (q.InMailbox(frozenset([archive])), [4]),
        (q.InMailbox(frozenset([archive, inbox])), [1, 3, 4]),
        (q.NotOnlyIn(frozenset([inbox])), [4]),
        (q.Emails(frozenset([ids[0], ids[1]])), [1, 2]),
        (q.And((q.Uids(((2, 3),)), q.Contains(q.Field.BODY, "e"))), [2, 3]),
    ):
        assert await store.search(account, inbox, node) == uids, node
    for node, places in (
        (q.InMailbox(frozenset([inbox])), [0, 2, 3]),
        (q.InMailbox(frozenset([archive])), [3]),
        (q.InMailbox(frozenset([archive, inbox])), [0, 2, 3]),
        (q.InMailbox(frozenset([trash])), []),
        (q.InMailbox(frozenset()), []),
        (q.NotOnlyIn(frozenset([inbox, trash])), [3]),
        (q.Deleted(), []),
        (q.Uids(((1, 4),)), []),
        (q.Emails(frozenset([ids[0], ids[1]])), [0]),
        (q.ModifiedSince(modseq + 1), [0]),
    ):
        found, *_ = await store.query(account, node, [q.Sort(q.SortKey.RECEIVED)])
        assert found == [ids[place] for place in places], node
    with pytest.raises(NotFound):
        await store.search(account, type(inbox)(99), q.And(()))


@pytest.mark.parametrize(
    ("key", "order"),
    [
        (q.SortKey.RECEIVED, [0, 1, 2, 3]),
        (q.SortKey.SUBJECT, [0, 1, 2, 3]),
        (q.SortKey.FROM, [0, 3, 2, 1]),
        (q.SortKey.TO, [0, 1, 2, 3]),
        (q.SortKey.SENT, [0, 2, 1, 3]),
    ],
)
async def test_sorting(opened: Opened, key: q.SortKey, order: list[int]) -> None:
    ids = await fill(opened)
    found, *_ = await opened.store.query(opened.account, q.And(()), [q.Sort(key)])
    assert found == [ids[place] for place in order]
    back, *_ = await opened.store.query(opened.account, q.And(()), [q.Sort(key, ascending=False)])
    assert back == found[::-1]


async def test_windows_threads_anchors(opened: Opened) -> None:
    """RFC 8620 section 5.5; RFC 8621 section 4.4.3."""
    a, b, c, d = await fill(opened)
    store, account = opened.store, opened.account
    sort = [q.Sort(q.SortKey.RECEIVED)]
    state = (await store.states(account)).email
    for options, expected in (
        ({}, ([a, b, c, d], 0, None)),
        ({"total": True, "limit": 2}, ([a, b], 0, 4)),
        ({"collapse_threads": True, "total": True}, ([a, c, d], 0, 3)),
        ({"position": 2, "limit": 1}, ([c], 2, None)),
        ({"position": 9}, ([], 9, None)),
        ({"position": -1}, ([d], 3, None)),
        ({"position": -9}, ([a, b, c, d], 0, None)),
        ({"anchor": c}, ([c, d], 2, None)),
        ({"anchor": c, "anchor_offset": -1, "limit": 2}, ([b, c], 1, None)),
        ({"anchor": a, "anchor_offset": -3}, ([a, b, c, d], 0, None)),
        ({"anchor": c, "anchor_offset": 1, "position": 7}, ([d], 3, None)),
        ({"anchor": d, "collapse_threads": True}, ([d], 2, None)),
        ({"limit": 0, "total": True}, ([], 0, 4)),
    ):
        found = await store.query(account, q.And(()), sort, **options)
        assert found == (*expected, state), options
    with pytest.raises(NotFound):
        await store.query(account, q.And(()), sort, anchor=5)
    with pytest.raises(NotFound):
        await store.query(account, q.And(()), sort, anchor=b, collapse_threads=True)


async def test_a_damaged_message_is_no_hit_and_no_fault(opened: Opened) -> None:
    await fill(opened)
    for pack in (opened.store._engine.settings.data / "packs").iterdir():
        pack.write_bytes(b"")
    await opened.store.database.write(lambda tx: tx.run("UPDATE blob_octets SET octets = ?1", b""))
    assert await opened.store.search(opened.account, opened.mailbox("INBOX"), contains("body", "text")) == []
    assert (
        len(await opened.store.search(opened.account, opened.mailbox("INBOX"), contains("subject", "a"))) == 3
    )


@pytest.mark.parametrize(
    "octets",
    [
        b"Subject: a\0b\r\nFrom: x\0y <a\0@b.c>\r\nMessage-ID: <\0@x>\r\n\r\nbody \0 x\r\n",
        b"Subject: =?utf-8?q?a=00b=ED=A0=80?=\r\nTo: \xed\xa0\x80 \xff <a@b>\r\n\r\nx\r\n",
    ],
)
async def test_odd_characters_of_mail_and_needles_break_nothing(opened: Opened, octets: bytes) -> None:
    """PostgreSQL keeps no NUL and no lone surrogate."""
    filed = await opened.deliver(octets)
    assert await opened.store.message(opened.account, filed.email) == octets
    for field in ("subject", "text"):
        assert await opened.store.search(opened.account, opened.mailbox("INBOX"), contains(field, "b")) == [1]
        await opened.store.search(opened.account, opened.mailbox("INBOX"), contains(field, "a\0b"))
    await opened.check()


@pytest.mark.parametrize("slice_seconds", [0.0, 10.0])
async def test_messages_are_looked_into(
    opened: Opened, slice_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are there, whether it takes one slice or one for each."""
    monkeypatch.setattr(evaluate, "SLICE_SECONDS", slice_seconds)
    first, *others = await fill(opened)
    await opened.store.destroy_emails(opened.account, [first])
    texts = await opened.store.look_into(
        opened.account, [first, *others, 7], lambda message: message.written(100).strip()
    )
    assert texts == dict(zip(others, ["second TEXT", "größe", "Hello world\nx"], strict=True))
    assert await opened.store.look_into(opened.account, [first], lambda _: 1) == {}
    assert await opened.store.look_into(opened.account, [], lambda _: 1) == {}
    shortened = await opened.store.look_into(opened.account, others[:1], lambda message: message.written(4))
    assert shortened == {others[0]: "seco"}


async def test_files_without_text_are_not_read(opened: Opened) -> None:
    """Only what may have text is; a message whose picture is damaged is found by its words."""
    body = "--b\r\n\r\nsome words\r\n" + "".join(
        f"--b\r\nContent-Type: {kind}; name={name}\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(content).decode().replace("\n", "\r\n")
        for kind, name, content in [
            ("image/png", "a.png", bytes(range(256)) * 8),
            ("text/plain", "b", b"in a text " * 200),
            ("application/octet-stream", "c.txt", b"in a file " * 200),
        ]
    )
    mail = a_message("files", body=body + "--b--\r\n", extra="Content-Type: multipart/mixed; boundary=b")
    filed = await opened.deliver(mail)
    key = address_of(await opened.store.engine.tenant_key(DEFAULT_TENANT), bytes(range(256)) * 8)
    await opened.store.engine.database.write(lambda tx: tx.run("DELETE FROM blobs WHERE key = ?1", key))
    texts = await opened.store.look_into(opened.account, [filed.email], lambda m: (m.body(), m.files()))
    words, files = texts[filed.email]
    assert words.startswith("some words in a text in a text")
    assert files.startswith("a.png b c.txt in a file in a file")
    with pytest.raises(NotFound):
        await opened.store.message(opened.account, filed.email)


async def test_truths_of_many_conditions_stay_apart(opened: Opened) -> None:
    """More than one whole number holds: what rows say, and what is found in messages."""
    ids = [(await opened.deliver(a_message(f"s{n}", body=f"w{n}x\r\n"))).email for n in range(40)]
    each = [
        all_of(q.Emails(frozenset([id_])), q.Size(least=1), contains("body", f"w{n if n % 2 else n + 1}x"))
        for n, id_ in enumerate(ids)
    ]
    found = await opened.store.search(opened.account, opened.mailbox("INBOX"), q.Or(tuple(each)))
    assert found == list(range(2, 41, 2))
    others = q.And(tuple(map(q.Not, each)))
    found = await opened.store.search(opened.account, opened.mailbox("INBOX"), others)
    assert found == list(range(1, 41, 2))


async def test_uids_of_a_very_large_mailbox(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """They come another way, which gives the same."""
    await fill(opened)
    inbox = opened.mailbox("INBOX")
    unseen = q.Not(q.HasKeywords(SEEN))
    nodes: list[q.Filter] = [q.And(()), unseen, contains("subject", "alpha"), q.Size(below=0)]
    expected = [await opened.store.search(opened.account, inbox, node) for node in nodes]
    assert expected[1:] == [[2, 3, 4], [1, 2], []]
    monkeypatch.setattr(evaluate, "MOST_AS_TEXT", 0)
    assert [list(await opened.store.search(opened.account, inbox, node)) for node in nodes] == expected
