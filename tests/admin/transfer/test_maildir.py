import os
from pathlib import Path

import pytest
from tests.admin.transfer.conftest import RECEIVED_S, Put
from tests.support.stores import Opened
from tests.support.transfers import NOW_MS, Basket, bring, mail_of

from pymailcore.admin.transfer.maildir import File, MaildirSource
from pymailcore.admin.transfer.source import BadSource, Entry


def source(tmp_path: Path, **options: object) -> MaildirSource:
    return MaildirSource(tmp_path / "md", now_ms=NOW_MS, **options)  # type: ignore[arg-type]


async def folders(found: MaildirSource) -> list[tuple[str, bool]]:
    return [(folder.path, folder.subscribed) for folder in await found.folders()]


def test_the_unique_name_is_what_no_flag_changes() -> None:
    assert File("cur", "1.M2P3.host,S=4,W=5:2,FS").unique == "1.M2P3.host"
    assert File("cur", "1.M2P3.host:2,FS").letters == "FS"
    assert File("cur", "1.M2P3.host,S=4").letters == ""
    assert File("cur", "1.x:2,S,extra").letters == "S"


async def test_folders_of_maildir_plus_plus(tmp_path: Path, put: Put) -> None:
    for folder in ("", ".Sent", ".Work.Caf&AOk-", ".Entwürfe"):
        put("1.a.h:2,", folder=folder)
    (tmp_path / "md" / ".nothing").mkdir()
    (tmp_path / "md" / "subscriptions").write_text("V\t2\n\nSent\nWork\tCaf&AOk-\n")
    assert await folders(source(tmp_path)) == [
        ("INBOX", True), ("Entwürfe", False), ("Sent", True), ("Work/Café", True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("subscriptions", "Sent\nWork.Caf&AOk-\n"),
        ("courierimapsubscribed", "INBOX\nINBOX.Sent\nINBOX.Work.Caf&AOk-\n"),
    ],
)
async def test_older_lists_of_subscriptions(tmp_path: Path, put: Put, name: str, text: str) -> None:
    for folder in ("", ".Sent", ".Work.Caf&AOk-", ".Junk"):
        put("1.a.h:2,", folder=folder)
    (tmp_path / "md" / name).write_text(text)
    assert await folders(source(tmp_path)) == [
        ("INBOX", True), ("Junk", False), ("Sent", True), ("Work/Café", True),
    ]  # fmt: skip


async def test_folders_of_a_tree(tmp_path: Path, put: Put) -> None:
    for folder in ("INBOX", "Work/Caf&AOk-", "Work/cur.d"):
        put("1.a.h:2,", folder=folder)
    assert await folders(source(tmp_path)) == [("INBOX", True), ("Work/Café", True), ("Work/cur.d", True)]


async def test_what_is_no_maildir(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match="no such folder"):
        await source(tmp_path).folders()
    (tmp_path / "md").mkdir()
    with pytest.raises(BadSource, match="no folder `cur`"):
        await source(tmp_path).folders()


async def read_all(found: MaildirSource) -> tuple[list[Entry], Basket]:
    basket = Basket()
    (folder,) = await found.folders()
    reader = await found.open(folder)
    entries: list[Entry] = []
    while some := await reader.next():
        entries += some
        await reader.read(some, basket)
    reader.close()
    return entries, basket


async def test_messages_come_in_the_order_of_their_arrival(tmp_path: Path, put: Put) -> None:
    for name in ("10.b.h", "9.a.h", "10.a.h", "odd"):
        put(name, place="new")
    entries, basket = await read_all(source(tmp_path))
    assert [entry.item for entry in entries] == ["odd", "9.a.h", "10.a.h", "10.b.h"]
    assert basket.taken["9.a.h"] == (b"Subject: x\r\n\r\ntext\r\n", RECEIVED_S * 1_000)


async def test_flags_count_in_cur_only(tmp_path: Path, put: Put) -> None:
    put("1.a.h:2,STa")
    put("2.a.h:2,S", place="new")
    (tmp_path / "md" / "dovecot-keywords").write_text("0 $Label1\n")
    entries, _ = await read_all(source(tmp_path))
    assert [(entry.keywords, entry.deleted) for entry in entries] == [
        (("$label1", "$seen"), True),
        ((), False),
    ]


@pytest.mark.parametrize("seconds", [0, NOW_MS // 1_000 + 10 * 86_400])
async def test_a_file_time_that_cannot_be_gives_way_to_the_message(
    tmp_path: Path, put: Put, seconds: int
) -> None:
    """RFC 5321 section 4.4."""
    put("1.a.h", b"Received: by x; Tue, 1 Sep 2020 10:00:00 +0000\n\n", seconds=seconds)
    put("2.a.h", b"A: b\n\n", seconds=seconds)
    _, basket = await read_all(source(tmp_path))
    assert [time for _, time in basket.taken.values()] == [1_598_954_400_000, None]


async def test_a_copy_without_times_is_read_by_received_fields(tmp_path: Path, put: Put) -> None:
    put("1.a.h", b"Received: by x; Tue, 1 Sep 2020 10:00:00 +0000\n\n")
    put("2.a.h", b"A: b\n\n")
    _, basket = await read_all(source(tmp_path, received=True))
    assert [time for _, time in basket.taken.values()] == [1_598_954_400_000, RECEIVED_S * 1_000]


async def test_a_server_that_renames_and_removes_meanwhile(tmp_path: Path, put: Put) -> None:
    renamed, gone, _ = put("1.a.h:2,"), put("2.a.h:2,"), put("3.a.h:2,")
    found = source(tmp_path)
    (folder,) = await found.folders()
    reader = await found.open(folder)
    entries = await reader.next()
    renamed.rename(renamed.with_name("1.a.h:2,S"))
    gone.unlink()
    basket = Basket()
    await reader.read(entries, basket)
    assert list(basket.taken) == ["1.a.h", "3.a.h"]
    assert basket.failed == {}


async def test_a_file_that_cannot_be_read_is_noted(tmp_path: Path, put: Put) -> None:
    put("1.a.h:2,")
    (tmp_path / "md" / "cur" / "2.a.h:2,").mkdir()
    _, basket = await read_all(source(tmp_path))
    assert list(basket.taken) == ["1.a.h"]
    assert basket.failed == {"2.a.h": "2.a.h:2, is no plain file"}


async def test_links_are_not_followed(tmp_path: Path, put: Put) -> None:
    """A user's link to a file of the server would make it his mail."""
    put("1.a.h:2,")
    (tmp_path / "secret").write_text("the key")
    (tmp_path / "md" / "cur" / "2.a.h:2,").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "md" / "cur" / "3.a.h:2,")
    put("1.b.h:2,", folder="../other")
    (tmp_path / "md" / ".Other").symlink_to(tmp_path / "other")
    (tmp_path / "md" / ".Half").mkdir()
    (tmp_path / "md" / ".Half" / "cur").symlink_to(tmp_path / "other" / "cur")
    _, basket = await read_all(source(tmp_path))  # one folder only
    assert list(basket.taken) == ["1.a.h"]
    assert sorted(basket.failed) == ["2.a.h", "3.a.h"]


async def test_a_second_import_brings_what_is_new(tmp_path: Path, put: Put, opened: Opened) -> None:
    put("1.a.h:2,S")
    put("2.a.h:2,", folder=".Sent Items")
    summary = await bring(opened, source(tmp_path))
    assert (summary.messages, summary.known, summary.failed) == (2, 0, 0)
    for path in (tmp_path / "md" / "cur").iterdir():
        path.rename(path.with_name("1.a.h,S=4:2,FS"))
    put("3.a.h", place="new")
    summary = await bring(opened, source(tmp_path), sync_flags=True)
    assert (summary.messages, summary.known, summary.updated) == (1, 2, 1)
    text, time_ms = b"Subject: x\r\n\r\ntext\r\n", RECEIVED_S * 1_000
    assert await mail_of(opened) == {
        "INBOX": [(text, ("$flagged", "$seen"), False, time_ms), (text, (), False, time_ms)],
        "Sent": [(text, (), False, time_ms)],
    }
    await opened.check()
