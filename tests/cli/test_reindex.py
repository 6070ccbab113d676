from collections.abc import Callable
from pathlib import Path

import trio
from click.testing import Result

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.cli.installation import open_installation
from pymailcore.runtime.clock import now_ms
from pymailcore.store.fulltext.job import index_folder
from pymailcore.store.fulltext.writer import IndexWriter

Run = Callable[..., Result]


def put_mail(config: Path, count: int) -> Path:
    """Deliver messages; gives where the index is."""

    async def work() -> Path:
        async with open_installation(config) as core:
            for number in range(count):
                envelope = Envelope(reverse_path=None, recipients=(Address("anna", "example.test"),))
                octets = b"Subject: %d\r\n\r\ntext\r\n" % number
                await core.delivery.accept(envelope, octets, tenant=DEFAULT_TENANT, received_ms=now_ms())
            return index_folder(core.store.engine).path

    return trio.run(work)


def test_the_index_is_built_anew_and_takes_the_place_of_the_old(run: Run, config: Path) -> None:
    run("account", "add", "anna@example.test", "--password-stdin", text="correct horse\n")
    folder = put_mail(config, 3)
    assert list(folder.iterdir()) == []
    for number in (1, 2):
        result = run("reindex")
        assert result.output == "the full-text index is built anew\n"
        assert [path.name for path in folder.iterdir()] == [f"text-{number:06d}.sqlite3"]
    writer = IndexWriter(folder / "text-000002.sqlite3")
    assert writer.statistics().documents == 3
    writer.close()
