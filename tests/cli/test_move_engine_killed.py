from collections.abc import Callable
from pathlib import Path

from click.testing import Result
from tests.support.killed import killed_at
from tests.support.postgres import cluster

from pymailcore.cli.move_engine import switched

Run = Callable[..., Result]
ANNA = "anna@example.test"
BARS = "pymailcore.cli.progress:Bars.begin"


def exported(run: Run, folder: Path) -> list[bytes]:
    result = run("export", "--account", ANNA, "maildir", folder)
    assert result.exit_code == 0, result.exception
    return sorted(path.read_bytes() for path in (folder / "cur").iterdir())


def test_the_same_command_ends_what_was_killed_anywhere(run: Run, filled: Path, tmp_path: Path) -> None:
    """Until the old store is retired it goes on, and what is half copied is used by nobody."""
    before = exported(run, tmp_path / "one")
    text = filled.read_text()
    with cluster().database() as url:
        move = ("move-engine", "--to", url, "--switch", "--config", filled)
        for place, argument in ((BARS, "emails"), (BARS, "check mailboxes")):
            killed_at(place, argument, *move)
            assert run("account", "add", f"{argument.split()[-1]}@example.test").exit_code == 0
            filled.write_text(switched(text, {"metadata": url}))
            assert "`pymailcore move-engine` has not finished" in str(run("account", "list").exception)
            assert "has not finished" in str(run("move-engine", "--to", tmp_path / "x").exception)
            filled.write_text(text)
        killed_at("pymailcore.admin.transfer.moving:Mover.finish", "", *move)
        assert "the store was moved to" in str(run("account", "add", "late@example.test").exception)
        killed_at("pymailcore.cli.move_engine:_write", "", *move)
        assert filled.read_text() == text
        again = run(*move)
        assert again.exit_code == 0, again.exception
        assert "the rows were copied before" in again.stdout
        assert f'metadata = "{url}"' in filled.read_text()
        assert exported(run, tmp_path / "two") == before
        listed = run("account", "list").stdout
        assert [name for name in ("emails@", "mailboxes@", "late@") if name in listed] == [
            "emails@",
            "mailboxes@",
        ]
        assert run("verify", "--messages").stdout.startswith("no faults")
