from pathlib import Path

from tests.support.stores import RECEIVED_MS, Opened, a_message
from tests.support.transfers import take_out

from pymailcore.admin.transfer.maildir_writer import MaildirWriter, folder_name
from pymailcore.store.keywords import keywords_of
from pymailcore.store.types import FlagChange


def test_a_mailbox_has_a_name_that_a_file_system_takes() -> None:
    assert folder_name("INBOX") == ""
    assert folder_name("Work/Café") == ".Work.Caf&AOk-"
    assert folder_name("INBOX/a.b") == ".INBOX.a&AC4-b"
    assert folder_name("..") == ".&AC4-&AC4-"
    long = folder_name("/".join(["é" * 100] * 20))
    assert len(long) <= 250
    assert long != folder_name("/".join(["é" * 100] * 21))


async def test_a_second_export_writes_what_is_new_and_follows_flags(opened: Opened, tmp_path: Path) -> None:
    out = tmp_path / "out"
    one = await opened.deliver(a_message("1"))
    await take_out(opened, MaildirWriter(out))
    (file,) = (out / "cur").iterdir()
    assert file.name.endswith(":2,")
    assert file.read_bytes() == a_message("1")
    assert file.stat().st_mtime_ns == RECEIVED_MS * 1_000_000
    await opened.deliver(a_message("2"))
    await opened.store.set_flags(
        opened.account, one.mailbox, [(one.uid, one.uid)], FlagChange.ADD, keywords_of(["$seen", "work"])
    )
    before = file.stat().st_ino
    summary = await take_out(opened, MaildirWriter(out))
    assert (summary.messages, summary.known) == (1, 1)
    letters = {path.stat().st_ino: path.name.partition(":2,")[2] for path in (out / "cur").iterdir()}
    assert letters.pop(before) == "Sa"
    assert list(letters.values()) == [""]
    assert (out / "dovecot-keywords").read_text() == "0 work\n"
    assert list((out / "tmp").iterdir()) == []


async def test_a_file_that_a_power_cut_left_short_is_written_again(opened: Opened, tmp_path: Path) -> None:
    out = tmp_path / "out"
    await opened.deliver(a_message("1"))
    await take_out(opened, MaildirWriter(out))
    (file,) = (out / "cur").iterdir()
    file.write_bytes(b"")
    assert (await take_out(opened, MaildirWriter(out))).messages == 1
    (file,) = (out / "cur").iterdir()
    assert file.read_bytes() == a_message("1")


async def test_files_of_others_are_left_alone(opened: Opened, tmp_path: Path) -> None:
    out = tmp_path / "out"
    await take_out(opened, MaildirWriter(out))
    (out / "cur" / "1.a.host:2,S").write_text("x")
    await take_out(opened, MaildirWriter(out))
    assert (out / "cur" / "1.a.host:2,S").read_text() == "x"


async def test_more_keywords_than_letters_are_counted(opened: Opened, tmp_path: Path) -> None:
    await opened.deliver(a_message("1"), keywords=keywords_of(f"k{number}" for number in range(28)))
    summary = await take_out(opened, MaildirWriter(tmp_path / "out"))
    assert summary.keywords_left == 2
