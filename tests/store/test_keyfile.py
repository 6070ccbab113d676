import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from pymailcore.store.keyfile import (
    UnfitKeyFile,
    create_key_file,
    master_key,
    read_key_file,
    write_key_file,
)


def test_a_fresh_file_has_one_key_that_only_its_owner_can_read(tmp_path: Path) -> None:
    path = tmp_path / "master.keys"
    made = create_key_file(path)
    assert read_key_file(path) == (made,)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(made.key) == 32
    assert made.key.hex() not in repr(made)
    with pytest.raises(UnfitKeyFile, match="is there already"):
        create_key_file(path)
    assert read_key_file(path) == (made,)


def test_keys_are_replaced_whole_and_the_mode_stays(tmp_path: Path) -> None:
    path = tmp_path / "master.keys"
    old = create_key_file(path)
    path.chmod(0o640)
    fresh = master_key(b"f" * 32)
    write_key_file(path, (fresh, old))
    assert read_key_file(path) == (fresh, old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [entry.name for entry in tmp_path.iterdir()] == ["master.keys"]


def test_a_file_that_cannot_be_replaced_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "master.keys"
    old = create_key_file(path)
    (tmp_path / f".master.keys.{os.getpid()}").mkdir()
    with pytest.raises((UnfitKeyFile, OSError)):
        write_key_file(path, (master_key(b"f" * 32), old))
    assert read_key_file(path) == (old,)


def test_remarks_and_empty_lines_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "master.keys"
    made = create_key_file(path)
    path.write_text(f"\n  # a remark\n{path.read_text()}\n\n")
    assert read_key_file(path) == (made,)


def _flip(text: str) -> str:
    """Change one letter of the key."""
    *head, last = text.splitlines()
    id_, _, key = last.partition(" ")
    return "\n".join([*head, f"{id_} {'B' if key[0] == 'A' else 'A'}{key[1:]}"])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:0],
        lambda text: text.splitlines()[0],
        lambda text: text[:-50],
        lambda text: text.replace("=", "!"),
        lambda text: text[:-10] + "=\n",
        _flip,
        lambda text: text + "x" * 70_000,
    ],
)
def test_a_spoilt_file_is_refused_with_what_to_do(tmp_path: Path, spoil: Callable[[str], str]) -> None:
    """A wrong letter in a key would make everything unreadable later: its id tells at once."""
    path = tmp_path / "master.keys"
    create_key_file(path)
    path.write_text(spoil(path.read_text()))
    with pytest.raises(UnfitKeyFile, match="put its copy there"):
        read_key_file(path)


def test_a_file_that_is_not_there_or_is_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnfitKeyFile, match="is missing: put its copy there"):
        read_key_file(tmp_path / "none")
    with pytest.raises(UnfitKeyFile, match="cannot be read"):
        read_key_file(tmp_path)
    with pytest.raises(UnfitKeyFile, match="cannot be made"):
        create_key_file(tmp_path / "none" / "master.keys")


def test_a_file_that_everybody_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "master.keys"
    create_key_file(path)
    path.chmod(0o604)
    with pytest.raises(UnfitKeyFile, match="chmod 600"):
        read_key_file(path)
