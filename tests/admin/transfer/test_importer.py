from collections.abc import Sequence

import pytest
import trio
from tests.support.stores import Opened, a_message
from tests.support.transfers import NOW_MS, ListSource, an_entry, bring, mail_of

from pymailcore.admin.transfer import importer
from pymailcore.admin.transfer.source import BadSource, Entry, Folder, FolderReader
from pymailcore.base.errors import InvalidValue, TemporaryFailure
from pymailcore.store.query import And
from pymailcore.store.types import Appended, Transaction

INBOX = Folder(key="in", path="INBOX")
WORK = Folder(key="work", path="Work")
Row = tuple[Entry, bytes | str, int | None]


def row(item: str, octets: bytes | None = None, **changes: object) -> Row:
    octets = a_message(item) if octets is None else octets
    return an_entry(item, len(octets), **changes), octets, 1_600_000_000_000


async def test_order_dates_and_flags_are_kept(opened: Opened) -> None:
    """RFC 9051 section 2.3.1.1: UIDs ascend as they did; a large message is not overtaken."""
    rows = [row(str(n), a_message(str(n), body="x" * (300_000 if n % 7 == 3 else 10))) for n in range(40)]
    rows[5] = row("5", a_message("5"), keywords=("$seen", "work"), deleted=True)
    rows[6] = (rows[6][0], rows[6][1], None)
    summary = await bring(opened, ListSource({INBOX: rows}, batch=16))
    assert (summary.messages, summary.failed) == (40, 0)
    mail = (await mail_of(opened))["INBOX"]
    assert [octets for octets, *_ in mail] == [octets for _, octets, _ in rows]
    assert mail[5][1:] == (("$seen", "work"), True, 1_600_000_000_000)
    assert mail[6][3] == NOW_MS
    await opened.check()


async def test_a_second_run_reads_only_what_is_new(opened: Opened) -> None:
    source = ListSource({INBOX: [row("1"), row("2")], WORK: [row("1", a_message("other"))]})
    assert (await bring(opened, source)).messages == 3
    source.reads.clear()
    source.mail[WORK].append(row("2"))
    summary = await bring(opened, source)
    assert (summary.messages, summary.known, source.reads) == (1, 3, ["2"])
    assert (await bring(opened, source, sync_flags=True)).updated == 0


async def test_an_import_that_was_cut_short_goes_on(opened: Opened) -> None:
    """Nothing twice, nothing left out."""
    rows = [row(str(n)) for n in range(30)]

    summary = await bring(opened, ListSource({INBOX: rows}, cut_after=17))
    assert summary.stopped == "the line is cut"
    assert 0 < len((await mail_of(opened))["INBOX"]) <= 17
    summary = await bring(opened, ListSource({INBOX: rows}))
    assert summary.messages + summary.known == 30
    assert sorted(octets for octets, *_ in (await mail_of(opened))["INBOX"]) == sorted(
        octets for _, octets, _ in rows if isinstance(octets, bytes)
    )


async def test_what_cannot_come_is_noted_and_stops_nothing(opened: Opened) -> None:
    rows = [row("big", b"A: b\r\n\r\n" + b"x" * 1_000_000), row("empty", b""), row("ok")]
    rows.append((an_entry("gone"), "Permission denied", None))
    rows.append((an_entry("liar", 1), b"A: b\r\n\r\n" + b"x" * 1_000_000, None))
    source = ListSource({INBOX: rows})
    summary = await bring(opened, source, most_octets=1_000_000)
    assert (summary.messages, summary.failed) == (1, 4)
    assert {(failure.folder, failure.item) for failure in summary.failures} == {
        ("INBOX", item) for item in ("big", "empty", "gone", "liar")
    }
    assert "big" not in source.reads
    assert (await bring(opened, source)).known == 1


async def test_a_full_account_is_noted(opened: Opened) -> None:
    async def limit(tx: Transaction) -> None:
        await tx.run("UPDATE accounts SET quota_octets = 300 WHERE id = ?1", opened.account)

    await opened.store.database.write(limit)
    rows = [row("1"), row("2", b"A: b\r\n\r\n" + b"x" * 300), row("3")]
    summary = await bring(opened, ListSource({INBOX: rows}))
    assert (summary.messages, summary.failed, summary.stopped) == (2, 1, "")


async def test_a_dry_run_changes_nothing(opened: Opened) -> None:
    source = ListSource({INBOX: [row("1")], WORK: [row("1"), row("2")]})
    before = await opened.store.states(opened.account)
    summary = await bring(opened, source, dry_run=True)
    assert (summary.messages, source.reads) == (3, [])
    assert await opened.store.states(opened.account) == before
    await bring(opened, source, only=frozenset({"INBOX"}))
    assert (await bring(opened, source, dry_run=True)).messages == 2


async def test_flags_follow_the_source_if_asked(opened: Opened) -> None:
    await bring(opened, ListSource({INBOX: [row("1"), row("2", keywords=("$seen",))]}))
    changed = ListSource({INBOX: [row("1", keywords=("$flagged", "a")), row("2", keywords=("$seen",))]})
    assert (await bring(opened, changed)).updated == 0
    assert (await bring(opened, changed, sync_flags=True)).updated == 1
    assert [keywords for _, keywords, *_ in (await mail_of(opened))["INBOX"]] == [
        ("$flagged", "a"),
        ("$seen",),
    ]


async def test_a_message_in_many_folders_is_one_email(opened: Opened) -> None:
    """Gmail's labels (X-GM-MSGID), RFC 8474 section 4. Folders that show others come last or never."""
    inbox = Folder(key="in", path="INBOX", identities=True)
    work = Folder(key="work", path="Work", identities=True)
    everything = Folder(key="all", path="[Gmail]/All", role="all", identities=True)
    starred = Folder(key="star", path="[Gmail]/Starred", role="flagged", identities=True)
    rows = [row(item, identity="g" + item) for item in ("1", "2", "3")]
    source = ListSource({everything: rows, starred: rows[:1], inbox: rows[:1], work: rows[:2]})
    summary = await bring(opened, source)
    assert (summary.messages, summary.placed, summary.left) == (3, 1, ["[Gmail]/Starred"])
    mail = await mail_of(opened)
    assert {path: len(found) for path, found in mail.items()} == {"INBOX": 1, "Work": 2, "Archive": 1}
    ids, _, total, _ = await opened.store.query(opened.account, And(()), [], total=True)
    assert (len(ids), total) == (3, 3)
    summary = await bring(opened, source)
    assert (summary.messages, summary.placed) == (0, 0)
    await opened.check()


async def test_a_folder_that_has_a_message_twice_keeps_both(opened: Opened) -> None:
    """RFC 8474 section 4: a copy in the same folder has the same EMAILID."""
    inbox = Folder(key="in", path="INBOX", identities=True)
    source = ListSource({inbox: [row("1", identity="x"), row("2", identity="x"), row("3", identity="y")]})
    assert (await bring(opened, source)).messages == 3
    assert (await bring(opened, source)).known == 3


async def test_numbers_that_mean_something_else_are_refused(opened: Opened) -> None:
    """RFC 9051 section 2.3.1.1: with another UIDVALIDITY everything would come twice."""
    await bring(opened, ListSource({INBOX: [row("7:1")]}, generation="7"))
    summary = await bring(opened, ListSource({INBOX: [row("8:1")]}, generation="8"))
    assert (summary.messages, summary.failed) == (0, 1)
    assert "UIDVALIDITY" in summary.failures[0].reason


async def test_a_folder_that_only_holds_others_comes_with_them(opened: Opened) -> None:
    r"""RFC 3501 section 7.2.2, `\Noselect`: Gmail's [Gmail] is one."""
    empty, full = (Folder(key=path, path=path, selectable=False) for path in ("[Gmail]", "A"))
    source = ListSource({empty: [], full: [], Folder(key="x", path="A/B"): [row("1")]})
    assert (await bring(opened, source)).folders == 1
    paths = {box.path for box in await opened.store.mailboxes(opened.account)}
    assert {"A", "A/B"} <= paths
    assert "[Gmail]" not in paths


async def test_folders_are_chosen_by_their_paths(opened: Opened) -> None:
    source = ListSource({INBOX: [row("1")], WORK: [row("1"), row("2")]})
    assert (await bring(opened, source, only=frozenset({"Work"}))).messages == 2
    assert (await bring(opened, source, leave=frozenset({"Work"}))).messages == 1
    with pytest.raises(InvalidValue, match="no folder 'Nope'"):
        await bring(opened, source, only=frozenset({"Nope"}))


async def test_a_store_that_cannot_write_is_asked_again_and_then_ends_it(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "_PAUSES_SECONDS", (0.0, 0.0))
    fails = 2
    append_many = opened.store.append_many

    async def shaky(*arguments: object, **options: object) -> list[list[Appended]]:
        nonlocal fails
        fails -= 1
        if fails >= 0:
            raise TemporaryFailure("the disk is full")
        return await append_many(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(opened.store, "append_many", shaky)
    assert (await bring(opened, ListSource({INBOX: [row("1")]}))).messages == 1
    fails = 100
    assert (await bring(opened, ListSource({INBOX: [row("2")]}))).stopped == "the disk is full"
    fails = 0
    assert (await bring(opened, ListSource({INBOX: [row("1"), row("2")]}))).messages == 1


async def test_two_imports_at_a_time_file_nothing_twice(opened: Opened) -> None:
    rows = [row(str(n)) for n in range(30)]
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(bring, opened, ListSource({INBOX: rows}))
    assert len((await mail_of(opened))["INBOX"]) == 30
    await opened.check()


async def test_a_folder_that_breaks_while_it_is_listed_does_not_stop_the_others(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that refuses the second window, a file that is no mbox: what was read is filed."""
    source = ListSource({WORK: [row("1"), row("2")], INBOX: [row("3")]}, batch=1)
    opens = source.open

    async def breaking(folder: Folder) -> FolderReader:
        reader = await opens(folder)
        following = reader.next

        async def once() -> Sequence[Entry]:
            if folder == WORK and source.reads:
                raise BadSource("of the test")
            return await following()

        monkeypatch.setattr(reader, "next", once, raising=False)
        return reader

    monkeypatch.setattr(source, "open", breaking)
    summary = await bring(opened, source)
    assert [(fault.folder, fault.reason) for fault in summary.failures] == [("Work", "of the test")]
    assert (summary.messages, summary.stopped) == (2, "")
