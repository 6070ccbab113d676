import mailbox
from pathlib import Path

import pytest
from tests.support.stores import Opened, a_message
from tests.support.transfers import take_out

from pymailcore.admin.transfer.mbox_writer import MboxWriter
from pymailcore.base.errors import AlreadyExists
from pymailcore.store.keywords import keywords_of


async def test_other_programs_read_what_is_written(opened: Opened, tmp_path: Path) -> None:
    """RFC 4155 appendix A, by the reader of the standard library."""
    await opened.deliver(a_message("1", body="From here\r\n"), keywords=keywords_of(["$seen", "$flagged"]))
    await opened.deliver(a_message("2"))
    await take_out(opened, MboxWriter(tmp_path / "x.mbox", single=True, overwrite=False), ["INBOX"])
    box = mailbox.mbox(tmp_path / "x.mbox")
    assert [(message["Subject"], message.get_flags()) for message in box] == [("1", "ROF"), ("2", "O")]
    assert next(iter(box)).get_payload() == ">From here\n"
    box.close()


async def test_each_mailbox_is_a_file(opened: Opened, tmp_path: Path) -> None:
    await opened.store.create_mailbox(opened.account, "Work/a.b")
    await take_out(opened, MboxWriter(tmp_path / "out", single=False, overwrite=False), ["Work/a.b", "INBOX"])
    assert sorted(str(path.relative_to(tmp_path)) for path in (tmp_path / "out").rglob("*.mbox")) == [
        "out/INBOX.mbox", "out/Work/a&AC4-b.mbox",
    ]  # fmt: skip


async def test_a_file_that_is_there_is_left_alone_unless_asked(opened: Opened, tmp_path: Path) -> None:
    place = tmp_path / "INBOX.mbox"
    place.write_text("mine")
    with pytest.raises(AlreadyExists, match="--overwrite"):
        await take_out(opened, MboxWriter(tmp_path, single=False, overwrite=False), ["INBOX"])
    assert place.read_text() == "mine"
    await take_out(opened, MboxWriter(tmp_path, single=False, overwrite=True), ["INBOX"])
    assert place.read_text() == ""


async def test_octets_that_mbox_cannot_keep_are_counted(opened: Opened, tmp_path: Path) -> None:
    await opened.deliver(b"A: b\r\n\r\nlone\nline\r\n")
    summary = await take_out(opened, MboxWriter(tmp_path / "x", single=True, overwrite=False), ["INBOX"])
    assert summary.changed == 1
