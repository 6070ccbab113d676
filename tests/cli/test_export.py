import json
import mailbox
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]
ANNA = "anna@example.test"


@pytest.fixture
def account(run: Run, config: Path, tmp_path: Path) -> str:
    """An account with one message in its Inbox."""
    run("account", "add", ANNA)
    (tmp_path / "old").write_bytes(b"From a Tue Sep  1 10:00:00 2020\nSubject: x\n\nx\n\n")
    run("import", "--account", ANNA, "mbox", tmp_path / "old", "--mailbox", "INBOX")
    return ANNA


def test_a_maildir_that_others_read(run: Run, account: str, tmp_path: Path) -> None:
    result = run("export", "--account", account, "maildir", tmp_path / "out")
    assert result.stdout == "exported 1 messages, 0.0 MB, 6 Mailboxes\n"
    read = mailbox.Maildir(tmp_path / "out", create=False)
    assert [message["Subject"] for message in read] == ["x"]
    assert sorted(read.list_folders()) == ["Archive", "Drafts", "Junk", "Sent", "Trash"]
    again = run("export", "--account", account, "--json", "maildir", tmp_path / "out")
    assert (json.loads(again.stdout)["known"], again.stderr) == (1, "")


def test_an_mbox_of_one_mailbox(run: Run, account: str, tmp_path: Path) -> None:
    arguments = ("export", "--account", account, "--mailbox", "inbox", "mbox", tmp_path / "in.mbox")
    assert run(*arguments).exit_code == 0
    box = mailbox.mbox(tmp_path / "in.mbox")
    assert len(box) == 1
    box.close()
    refused = run(*arguments)
    assert "--overwrite" in str(refused.exception)
    assert run(*arguments, "--overwrite").exit_code == 0
    assert run("export", "--account", account, "mbox", tmp_path / "all").exit_code == 0
    assert (tmp_path / "all" / "INBOX.mbox").read_bytes() == (tmp_path / "in.mbox").read_bytes()


def test_a_mailbox_that_is_not_there(run: Run, account: str, tmp_path: Path) -> None:
    result = run("export", "--account", account, "--mailbox", "Nope", "maildir", tmp_path / "out")
    assert str(result.exception) == "there is no Mailbox 'Nope'"
