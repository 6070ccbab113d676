from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from click.testing import Result
from tests.support.killed import killed_at
from tests.support.postgres import cluster

from pymailcore.cli.move_engine import switched

Run = Callable[..., Result]
Process = Callable[..., "CompletedProcess[str]"]
ANNA = "anna@example.test"
BARS = "pymailcore.cli.progress:Bars.begin"


@pytest.fixture
def saved(run: Run, filled: Path, tmp_path: Path) -> Path:
    """A backup of that server, whose folder is gone."""
    assert run("backup", tmp_path / "backup").exit_code == 0
    (filled.parent / "data").rename(tmp_path / "before")
    return tmp_path / "backup"


def count(run: Run, folder: Path) -> int:
    result = run("export", "--account", ANNA, "maildir", folder)
    assert result.exit_code == 0, result.exception
    return len(list((folder / "cur").iterdir()))


def test_what_a_killed_restore_leaves_is_no_store(
    run: Run, process: Process, config: Path, saved: Path, tmp_path: Path
) -> None:
    """Nobody makes an empty store there; the same command ends it, wherever it was killed."""
    data = config.parent / "data"
    restore = ("restore", "--from", saved, "--config", config)
    for place, argument in (
        (BARS, "indexes"),
        ("pymailcore.store.backup.restoring:let_folder_go", ""),
    ):
        killed_at(place, argument, *restore)
        for command in (("account", "list"), ("migrate", "--dry-run")):
            text = str(run(*command).exception)
            assert f"into {data} broke off: run the same `pymailcore restore --from` again" in text
        assert (data / "store.sqlite").exists() == (not argument)
    served = process("serve", "--config", config)
    assert served.returncode == 1
    (line,) = served.stderr.splitlines()
    assert line.startswith("pymailcore: the restore of ")
    assert line.endswith("broke off: run the same `pymailcore restore --from` again, or empty the folder")
    again = run(*restore)
    assert again.exit_code == 0, again.exception
    assert count(run, tmp_path / "one") == 5
    assert run("verify", "--messages").stdout.startswith("no faults")
    assert "has a store already" in str(run(*restore).exception)


def test_a_killed_restore_into_postgresql_is_no_store(
    run: Run, config: Path, saved: Path, tmp_path: Path
) -> None:
    with cluster().database() as url:
        config.write_text(switched(config.read_text(), {"metadata": url}))
        restore = ("restore", "--from", saved, "--config", config)
        killed_at("pymailcore.store.backup.refilling:restore_files", "", *restore)
        text = str(run("account", "list").exception)
        assert "a restore into this database broke off" in text
        again = run(*restore)
        assert again.exit_code == 0, again.exception
        assert count(run, tmp_path / "one") == 5
        assert "in use already" in str(run(*restore).exception)
