import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.stores import Opened, a_message, opened_store
from tests.support.transfers import NOW_MS, Mail, bring, mail_of, take_out

from pymailcore.admin.transfer.exporter import Writer
from pymailcore.admin.transfer.maildir import MaildirSource
from pymailcore.admin.transfer.maildir_writer import MaildirWriter
from pymailcore.admin.transfer.mbox_source import MboxSource
from pymailcore.admin.transfer.mbox_writer import MboxWriter
from pymailcore.admin.transfer.source import Source
from pymailcore.base.errors import NotFound, TemporaryFailure
from pymailcore.base.ids import DEFAULT_TENANT, AccountId, EmailId
from pymailcore.store.keywords import keywords_of
from pymailcore.store.types import Target

LINES = st.lists(
    st.sampled_from([b"From a Tue Sep  1 10:00:00 2020", b">From x", b"", b"text", b"Status: RO", b"."]),
    max_size=6,
).map(lambda lines: b"".join(line + b"\r\n" for line in lines))
ANY = st.one_of(st.binary(min_size=1, max_size=60), LINES.filter(bool))
KEYWORDS = st.sets(
    st.sampled_from(["$seen", "$flagged", "$draft", "$answered", "$forwarded", "$junk", "work", "x1"])
)
PATHS = st.sampled_from(
    ["INBOX", "Sent", "Work/Café", "a.b/.c", "Grüße & Küsse/日本", "x" * 240 + "/" + "y" * 200]
)
TIMES = st.integers(min_value=400_000_000, max_value=NOW_MS // 1_000).map(lambda seconds: seconds * 1_000)


def mail(octets: st.SearchStrategy[bytes]) -> st.SearchStrategy[dict[str, list[Mail]]]:
    one = st.tuples(octets, KEYWORDS.map(lambda names: tuple(sorted(names))), st.booleans(), TIMES)
    return st.dictionaries(PATHS, st.lists(one, min_size=1, max_size=4), max_size=4)


async def fill(opened: Opened, given: dict[str, list[Mail]]) -> None:
    for path, messages in given.items():
        found = await opened.store.mailbox_named(opened.account, path)
        mailbox = found or await opened.store.create_mailbox(opened.account, path, subscribed=False)
        for octets, keywords, deleted, received_ms in messages:
            await opened.store.deliver(
                await opened.store.prepare(octets),
                [Target(opened.account, mailbox.id, keywords_of(keywords), deleted)],
                tenant=DEFAULT_TENANT,
                received_ms=received_ms,
            )


def round_trip(
    given: dict[str, list[Mail]], writer: Callable[[Path], Writer], source: Callable[[Path], Source]
) -> None:
    async def run(folder: Path) -> None:
        async with opened_store(folder / "one") as opened:
            await fill(opened, given)
            summary = await take_out(opened, writer(folder / "out"))
            assert (summary.failed, summary.changed, summary.keywords_left) == (0, 0, 0)
        async with opened_store(folder / "two") as opened:
            summary_in = await bring(opened, source(folder / "out"))
            assert summary_in.failed == 0
            assert await mail_of(opened) == given
            await opened.check()

    with tempfile.TemporaryDirectory() as folder:
        trio.run(run, Path(folder))


@settings(max_examples=4, deadline=None)
@given(given=mail(ANY))
def test_maildir_and_back_is_the_same_mail(given: dict[str, list[Mail]]) -> None:
    """Any octets, in order of their arrival."""
    given = {path: sorted(messages, key=lambda one: one[3]) for path, messages in given.items()}
    distinct = {path: list({one[3]: one for one in messages}.values()) for path, messages in given.items()}
    round_trip(distinct, MaildirWriter, lambda place: MaildirSource(place, now_ms=NOW_MS))


def test_octets_of_any_kind_come_back() -> None:
    """Lone line ends, no line end, NUL, eight bits: the sidecar says that nothing is to be mended."""
    kinds = [b"A: b\n\nx\n", b"A: b\n\r\nx\r\ny\n", b"A: b\r\n\r\nx", b"\0\xff", b"\n", b"A: b\r\rx"]
    one = {"INBOX": [(octets, (), False, 1_600_000_000_000 + n * 1_000) for n, octets in enumerate(kinds)]}
    round_trip(one, MaildirWriter, lambda place: MaildirSource(place, now_ms=NOW_MS))  # type: ignore[arg-type]


@settings(max_examples=4, deadline=None)
@given(given=mail(LINES.filter(bool)))
def test_mbox_and_back_is_the_same_mail(given: dict[str, list[Mail]]) -> None:
    """Octets of CRLF lines."""
    given = {path: messages for path, messages in given.items() if not path.startswith("x" * 200)}
    round_trip(
        given,
        lambda place: MboxWriter(place, single=False, overwrite=False),
        lambda place: MboxSource([place], most_octets=10_000, now_ms=NOW_MS),
    )


async def test_what_cannot_be_read_stops_nothing(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filed = [await opened.deliver(a_message(str(n))) for n in range(3)]
    whole = opened.store.message

    async def damaged(account: AccountId, email: EmailId) -> bytes:
        if email == filed[1].email:
            raise TemporaryFailure("the blob is damaged")
        return await whole(account, email)

    async def none(*_: object, **__: object) -> list[tuple[int, bytes]]:
        raise TemporaryFailure("one of them is damaged")

    monkeypatch.setattr(opened.store, "message", damaged)
    monkeypatch.setattr(opened.store, "messages", none)
    summary = await take_out(opened, MaildirWriter(tmp_path / "out"))
    assert (summary.messages, summary.failed) == (2, 1)
    assert summary.failures[0].item == f"UID {filed[1].uid}"
    assert summary.failures[0].reason == "the blob is damaged"


async def test_large_messages_come_in_several_reads(opened: Opened, tmp_path: Path) -> None:
    octets = [a_message(str(n), body=f"{n}" * 1_500_000) for n in range(5)]
    for one in octets:
        await opened.deliver(one)
    summary = await take_out(opened, MaildirWriter(tmp_path / "out"))
    assert summary.messages == 5
    assert sorted(path.read_bytes() for path in (tmp_path / "out" / "cur").iterdir()) == sorted(octets)


async def test_one_mailbox_alone(opened: Opened, tmp_path: Path) -> None:
    await opened.deliver(a_message("1"))
    await opened.deliver(a_message("2"), "sent")
    assert (await take_out(opened, MaildirWriter(tmp_path / "out"), ["Sent"])).messages == 1
    with pytest.raises(NotFound, match="no Mailbox 'Nope'"):
        await take_out(opened, MaildirWriter(tmp_path / "out"), ["Nope"])
