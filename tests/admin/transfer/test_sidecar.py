from pathlib import Path

import pytest

from pymailcore.admin.transfer.sidecar import SIDECAR, Exported, Sidecar, read_sidecar, write_sidecar


def test_what_is_written_is_read(tmp_path: Path) -> None:
    sidecar = Sidecar({"": Exported("INBOX", "inbox", True), ".x": Exported("日本", None, False)})
    (tmp_path / SIDECAR).write_text(write_sidecar(sidecar))
    assert read_sidecar(tmp_path) == sidecar


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"folders": {"": {"path": "x"}}}', '{"folders": 1}', "[" * 9_999]
)
def test_a_file_of_somebody_else_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / SIDECAR).write_text(text)
    assert read_sidecar(tmp_path) is None
