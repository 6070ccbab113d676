import json
import mailbox
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]
ANNA = "anna@example.test"


@pytest.fixture
def maildir(run: Run, config: Path, tmp_path: Path) -> Path:
    """An account, and a Maildir with two messages."""
    run("account", "add", ANNA)
    made = mailbox.Maildir(tmp_path / "md")
    made.add(b"Subject: one\n\nx\n")
    sent = made.add_folder("Sent")
    sent.add(b"Subject: two\n\nx\n")
    return tmp_path / "md"


def test_it_says_what_it_did(run: Run, maildir: Path) -> None:
    dry = run("import", "--account", ANNA, "--dry-run", "maildir", maildir)
    assert dry.stdout == "would import 2 messages, 0.0 MB, 2 folders\n"
    result = run("import", "--account", ANNA, "maildir", maildir)
    assert result.stdout == "imported 2 messages, 0.0 MB, 2 folders\n"
    assert result.stderr == "INBOX: 1, 0.0 MB\nSent: 1, 0.0 MB\n"
    assert run("import", "--account", ANNA, "maildir", maildir).stdout == (
        "imported 0 messages, 0.0 MB, 2 folders\n2 were here already\n"
    )
    assert run("verify").exit_code == 0


def test_json_has_everything(run: Run, maildir: Path) -> None:
    result = run("import", "--account", ANNA, "--json", "maildir", maildir)
    record = json.loads(result.stdout)
    assert (record["messages"], record["folders"], record["failures"], result.stderr) == (2, 2, [], "")


def test_a_message_that_does_not_come_makes_it_fail(run: Run, maildir: Path) -> None:
    (maildir / "cur" / "1.\x1bodd.h:2,").touch()
    result = run("import", "--account", ANNA, "maildir", maildir)
    assert result.exit_code == 1
    assert "not imported: INBOX 1.�odd.h: it is empty\n" in result.stderr
    assert str(result.exception) == "1 messages or folders were not imported"
    assert "imported 2 messages" in result.stdout


def test_mbox_and_forget(run: Run, maildir: Path, tmp_path: Path) -> None:
    file = tmp_path / "old"
    file.write_bytes(b"From a Tue Sep  1 10:00:00 2020\nSubject: x\n\nx\n\n")
    arguments = ("import", "--account", ANNA, "mbox", file, "--mailbox", "INBOX")
    assert "imported 1 messages" in run(*arguments).stdout
    assert "1 were here already" in run(*arguments).stdout
    assert run("import", "--account", ANNA, "forget").stdout == "forgot 1 messages\n"
    assert "imported 1 messages" in run(*arguments).stdout


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("imap", "mail.example.org", "--user", "a"), "--password-stdin"),
        (("imap", "a:b:c", "--user", "a", "--password-stdin"), "HOST:PORT"),
        (("imap", "host:0", "--user", "a", "--password-stdin"), "HOST:PORT"),
        (("--role", "x", "maildir", "/"), "FOLDER=ROLE"),
        (("maildir", "/nowhere"), "does not exist"),
    ],
)
def test_wrong_usage(run: Run, maildir: Path, arguments: tuple[str, ...], text: str) -> None:
    result = run("import", "--account", ANNA, *arguments)
    assert result.exit_code == 2
    assert text in result.output


@pytest.mark.parametrize(
    "arguments", [("import", "maildir", "."), ("import", "forget"), ("export", "maildir", ".")]
)
def test_the_account_is_needed(run: Run, config: Path, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Give --account ADDRESS" in result.output


def test_faults_are_one_line(run: Run, maildir: Path, tmp_path: Path) -> None:
    result = run("import", "--account", "nobody@example.test", "maildir", maildir)
    assert str(result.exception) == "no account nobody@example.test"
    result = run("import", "--account", ANNA, "--role", "Nope=sent", "maildir", maildir)
    assert "no folder 'Nope'" in str(result.exception)
    (tmp_path / "secret").write_text("\n")
    result = run(
        "import", "--account", ANNA, "imap", "h", "--user", "a", "--password-file", tmp_path / "secret"
    )
    assert "there is no password in it" in str(result.exception)


def test_the_configuration_may_stand_anywhere(
    run: Run, maildir: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYMAILCORE_CONFIG")
    for arguments in (
        ("--config", config, "import", "--account", ANNA, "maildir", maildir),
        ("import", "--config", config, "--account", ANNA, "maildir", maildir),
        ("import", "--account", ANNA, "maildir", maildir, "--config", config),
    ):
        assert run(*arguments).exit_code == 0
