"""Export and erasure of an account on the command line, over a real store."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from pymailcore.base.errors import NotFound
from pymailcore.cli.common import Failure

Run = Callable[..., Result]


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(("form", "files"), [("maildir", "mail/cur/*"), ("mbox", "mail/INBOX.mbox")])
def test_mail_and_all_else_is_written(run: Run, tmp_path: Path, form: str, files: str) -> None:
    folder = tmp_path / "anna"
    done = run("account", "export", "anna@example.test", folder, "--format", form)
    assert done.stdout.startswith("exported 5 messages, ")
    mail = b"".join(path.read_bytes() for path in folder.glob(files))
    assert mail.count(b"Subject: ") == 5
    record = json.loads((folder / "account.json").read_text())
    assert record["account"]["address"] == "anna@example.test"
    assert {one["path"] for one in record["mailboxes"]} >= {"INBOX", "Sent"}
    assert [one["email"] for one in record["identities"]] == ["anna@example.test"]
    assert isinstance(run("account", "export", "anna@example.test", folder).exception, Failure)
    assert isinstance(run("account", "export", "eve@example.test", tmp_path / "eve").exception, NotFound)


@pytest.mark.usefixtures("filled")
def test_an_erasure_reports_what_went_and_what_stays(run: Run) -> None:
    run("alias", "add", "info@example.test", "anna@example.test")
    report = json.loads(run("account", "erase", "anna@example.test", "--yes", "--json").output)
    removed = {one["table"]: (one["removed"], one["left"]) for one in report["tables"]}
    assert removed["emails"] == (5, 0)
    assert removed["addresses"] == (2, 0)
    assert all(left == 0 for _, left in removed.values())
    assert report["blobs_released"] >= 5
    assert run("account", "list").output == run("alias", "list").output == ""
    run("account", "add", "ben@example.test")
    lines = run("account", "erase", "ben@example.test").output.splitlines()
    assert lines[0] == "erased ben@example.test with 0 messages"
    assert any(line.startswith("stays: records of the audit log") for line in lines)
    assert isinstance(run("account", "erase", "ben@example.test").exception, NotFound)
