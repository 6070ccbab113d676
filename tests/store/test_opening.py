"""Several processes on one store."""

import subprocess
import sys
from pathlib import Path

import pytest
import trio
from tests.support.stores import a_message, counted_ids, opened_store

from pymailcore.base.errors import TemporaryFailure

_PROGRAM = """
import sys
from pathlib import Path

import trio

from tests.support.stores import a_message, counted_ids, opened_store


async def main() -> None:
    async with opened_store(Path(sys.argv[1]), ids=counted_ids(int(sys.argv[2]))) as opened:
        for n in range(40):
            await opened.deliver(a_message(f"{sys.argv[2]} {n}"))

trio.run(main)
"""


@pytest.mark.slow
async def test_processes_open_at_once_and_write_in_turn(tmp_path: Path) -> None:
    """Each makes its own store at first sight; together they have one, and every message is in it."""
    async with opened_store(tmp_path / "data"):
        pass  # the account; the children race for the rest
    children = [
        subprocess.Popen(  # noqa: ASYNC220
            [sys.executable, "-c", _PROGRAM, str(tmp_path / "data"), str(seed)], cwd=Path(__file__).parents[2]
        )
        for seed in (11, 12, 13)
    ]
    async with opened_store(tmp_path / "data", ids=counted_ids(14), maintain=True) as opened:
        for n in range(40):
            await opened.deliver(a_message(f"own {n}"))
        for child in children:
            assert await trio.to_thread.run_sync(child.wait) == 0
        inbox = await opened.counters("INBOX")
        assert (inbox.messages, inbox.uid_next) == (160, 161)
        await opened.check()
        packs = list((tmp_path / "data" / "packs").iterdir())
        assert len(packs) == 4  # each process writes its own


async def test_what_one_wrote_is_there_for_the_next(tmp_path: Path) -> None:
    async with opened_store(tmp_path / "data") as opened:
        filed = await opened.deliver()
        assert opened.told[-1] == (opened.account, filed.modseq)
    async with opened_store(tmp_path / "data") as opened:
        assert await opened.store.message(opened.account, filed.email) == a_message()


async def test_a_closed_store_takes_nothing(tmp_path: Path) -> None:
    async with opened_store(tmp_path / "data") as opened:
        database = opened.store.database
    with pytest.raises(TemporaryFailure):
        await database.write(lambda tx: tx.row("SELECT 1"))


async def test_faults_in_the_body_come_out_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        async with opened_store(tmp_path / "data", maintain=True):
            raise KeyError("of the test")
