import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from tests.support.postgres import cluster

from pymailcore.cli.move_engine import shown, switched
from pymailcore.config.read import read_text

Run = Callable[..., Result]
ANNA = "anna@example.test"

TEXT = """\
# The head.
hostname = "mx.example.test"  # our name
data = "/srv/mail"  # on the fast disk

[store]
# Spending.
readers = 3

[[listener]]
protocol = "smtp"
bind = "127.0.0.1:0"
tls = "none"
"""


def test_a_configuration_is_changed_and_keeps_its_comments() -> None:
    text = switched(TEXT, {"metadata": "postgresql://a/b", "store.metadata_password_file": "/p"})
    assert text == TEXT.replace("fast disk\n", 'fast disk\nmetadata = "postgresql://a/b"\n').replace(
        "[store]\n", '[store]\nmetadata_password_file = "/p"\n'
    )
    back = switched(text, {"data": "/new", "metadata": ""})
    assert 'data = "/new"  # on the fast disk\n# metadata = "postgresql://a/b"\n' in back
    assert read_text(back, Path("/")).data == Path("/new")
    assert read_text(text, Path("/")).store.metadata == "postgresql://a/b"


def test_a_key_of_a_table_is_not_one_of_the_top() -> None:
    text = 'hostname = "h"\n[store]\ndata = "x"\n'
    assert switched(text, {"data": "/y"}) == 'data = "/y"\nhostname = "h"\n[store]\ndata = "x"\n'
    assert switched('hostname = "h"\n[[listener]]\n', {"store.x": "y"}) == (
        'hostname = "h"\n[store]\nx = "y"\n\n[[listener]]\n'
    )


def test_a_password_is_not_shown() -> None:
    assert shown("postgresql://u:secret@h/d?host=/x") == "postgresql://u@h/d?host=/x"
    assert shown("postgresql://u@h/d?host=/x&password=secret&a=b") == "postgresql://u@h/d?host=/x&a=b"
    assert shown("postgresql://u@h/d?password=secret") == "postgresql://u@h/d"
    assert shown("/srv/mail") == "/srv/mail"


@pytest.fixture
def filled(run: Run, config: Path, tmp_path: Path) -> Path:
    """A server with an account and one message; gives its configuration."""
    run("account", "add", ANNA)
    (tmp_path / "old").write_bytes(
        b"From a Tue Sep  1 10:00:00 2020\nSubject: x\n\n" + b"x" * 5_000 + b"\n\n"
    )
    assert run("import", "--account", ANNA, "mbox", tmp_path / "old", "--mailbox", "INBOX").exit_code == 0
    return config


def exported(run: Run, folder: Path) -> list[bytes]:
    result = run("export", "--account", ANNA, "maildir", folder)
    assert result.exit_code == 0, result.exception
    return [path.read_bytes() for path in (folder / "cur").iterdir()]


def test_to_postgresql_and_back(run: Run, filled: Path, tmp_path: Path) -> None:
    """The old store refuses changes after each move, until the server runs on the new one."""
    before = exported(run, tmp_path / "one")
    with cluster().database() as url:
        result = run("move-engine", "--to", url, "--json")
        assert result.exit_code == 0, result.exception
        record = json.loads(result.stdout)
        assert (record["tables"]["accounts"], record["tables"]["emails"], record["messages_read"]) == (
            1,
            1,
            1,
        )
        assert f'metadata = "{url}"' in result.stderr
        refused = run("account", "add", "ben@example.test")
        assert "the store was moved to postgresql://" in str(refused.exception)
        again = run("move-engine", "--to", url)
        assert again.exit_code == 0, again.exception
        assert "the rows were copied before" in again.stdout
        assert f'metadata = "{url}"' in again.stderr
        assert "the store was moved to" in str(run("move-engine", "--to", tmp_path / "other").exception)
        text = switched(filled.read_text(), {"metadata": url})
        filled.write_text(text)
        assert exported(run, tmp_path / "two") == before
        assert run("account", "add", "ben@example.test").exit_code == 0
        data = filled.parent / "data"
        result = run("move-engine", "--to", data, "--switch")
        assert result.exit_code == 0, result.exception
        assert "restart the server now" in result.stderr
    assert f'# metadata = "{url}"' in filled.read_text()
    assert exported(run, tmp_path / "three") == before
    assert run("account", "add", "carla@example.test").exit_code == 0
    assert run("verify").exit_code == 0
    assert len(list(data.glob("store.sqlite-moved-*"))) >= 1


def test_a_rehearsal_changes_nothing(run: Run, filled: Path) -> None:
    before = filled.read_text()
    with cluster().database() as url:
        result = run("move-engine", "--to", url, "--rehearsal", "--switch")
        assert result.exit_code == 0, result.exception
        assert "a rehearsal" in result.stderr
        assert run("account", "add", "ben@example.test").exit_code == 0
        filled.write_text(switched(before, {"metadata": url}))
        assert "run it again with the old configuration" in str(run("account", "list").exception)
        filled.write_text(before)
        assert run("move-engine", "--to", url).exit_code == 0
    assert filled.read_text() == before


def test_places_that_cannot_be(run: Run, filled: Path) -> None:
    data = filled.parent / "data"
    assert "already" in str(run("move-engine", "--to", data).exception)
    assert run("move-engine", "--to", data / "x", "--blobs", "s3://b").exit_code == 2
    assert "s3://bucket" in str(run("move-engine", "--to", "postgresql:///x", "--blobs", "s3://").exception)


def test_another_data_folder_gets_the_keys_too(run: Run, filled: Path, tmp_path: Path) -> None:
    before = exported(run, tmp_path / "one")
    result = run("move-engine", "--to", tmp_path / "new", "--switch")
    assert result.exit_code == 0, result.exception
    assert (tmp_path / "new" / "tls").is_dir()
    assert exported(run, tmp_path / "two") == before
    assert run("verify").exit_code == 0
