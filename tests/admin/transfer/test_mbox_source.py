from pathlib import Path

import pytest
from tests.support.transfers import NOW_MS, Basket

from pymailcore.admin.transfer.mbox_source import MboxSource
from pymailcore.admin.transfer.source import BadSource, Entry

FROM = b"From a Tue Sep  1 10:00:00 2020\n"
TEN = 1_598_954_400_000


def source(*places: Path, **options: object) -> MboxSource:
    return MboxSource(places, **{"most_octets": 10_000, "now_ms": NOW_MS, **options})  # type: ignore[arg-type]


async def read_all(found: MboxSource) -> tuple[list[Entry], Basket]:
    (folder,) = await found.folders()
    reader = await found.open(folder)
    basket = Basket()
    entries: list[Entry] = []
    while some := await reader.next():
        entries += some
        await reader.read(some, basket)
    reader.close()
    return entries, basket


async def test_a_tree_of_files_is_a_tree_of_folders(tmp_path: Path) -> None:
    """Thunderbird keeps the folders below X in X.sbd; what is no mbox is passed over."""
    (tmp_path / "Work.sbd" / "2020.sbd").mkdir(parents=True)
    for name in ("Inbox", "Work", "Work.sbd/Café", "Work.sbd/2020.sbd/May", "Caf&AOk-.mbox"):
        (tmp_path / name).write_bytes(FROM + b"A: b\n\n")
    (tmp_path / "Empty.mbox").touch()
    (tmp_path / "Inbox.msf").write_bytes(FROM)
    (tmp_path / "notes").write_text("no mail")
    (tmp_path / "link").symlink_to(tmp_path / "Inbox")
    (tmp_path / ".subscriptions").write_text("Inbox\nWork/Café\n")
    found = source(tmp_path)
    assert {(folder.path, folder.subscribed) for folder in await found.folders()} == {
        ("INBOX", True),
        ("Work", False),
        ("Work/Café", True),
        ("Work/2020/May", False),
        ("Café", False),
        ("Empty", False),
    }


async def test_one_file_may_be_given_a_mailbox(tmp_path: Path) -> None:
    (tmp_path / "anna").write_bytes(FROM + b"A: b\n\n")
    assert [folder.path for folder in await source(tmp_path / "anna").folders()] == ["anna"]
    assert [folder.path for folder in await source(tmp_path / "anna", mailbox="INBOX").folders()] == ["INBOX"]
    with pytest.raises(BadSource, match="one file"):
        await source(tmp_path, mailbox="INBOX").folders()


async def test_a_file_that_is_no_mbox(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("no mail")
    (folder,) = await (found := source(tmp_path / "x")).folders()
    reader = await found.open(folder)
    with pytest.raises(BadSource, match="no mbox"):
        await reader.next()
    reader.close()


async def test_messages_are_known_again_after_the_file_was_rewritten(tmp_path: Path) -> None:
    """By digest and number: flags may change, messages before it may go."""
    file = tmp_path / "x"
    one, two = b"A: 1\nStatus: O\n\nx\n\n", b"A: 2\n\nx\n\n"
    file.write_bytes(FROM + one + FROM + two + FROM + two)
    before, basket = await read_all(source(file))
    assert basket.taken[before[0].item] == (b"A: 1\r\n\r\nx\r\n", TEN)
    assert len({entry.item for entry in before}) == 3
    file.write_bytes(FROM + two + FROM + two + FROM + one.replace(b"Status: O", b"Status: RO\nX-Keywords: a"))
    after, _ = await read_all(source(file))
    assert {entry.item for entry in after} == {entry.item for entry in before}
    assert [entry.keywords for entry in after] == [(), (), ("$seen", "a")]


async def test_a_message_that_is_too_long_is_noted(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(FROM + b"A: 1\n\n" + b"x" * 2_000_000 + b"\n\n" + FROM + b"A: 2\n\n")
    entries, basket = await read_all(source(tmp_path / "x"))
    assert [entry.size_octets > 10_000 for entry in entries] == [True, False]
    assert list(basket.failed) == [entries[0].item]
    assert list(basket.taken) == [entries[1].item]


async def test_a_date_that_cannot_be_gives_way_to_the_message(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(
        b"From a Tue Sep  1 10:00:00 1970\nDate: Tue, 1 Sep 2020 10:00:00 +0000\n\nx\n\n"
    )
    _, basket = await read_all(source(tmp_path / "x"))
    assert [time for _, time in basket.taken.values()] == [TEN]
