"""The objects of one process over a real store, and what keeps them up to date."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from pymailcore.app.core import Core, open_core
from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.config.configuration import Configuration
from pymailcore.config.read import read_text
from pymailcore.directory.actors import SYSTEM
from pymailcore.runtime.hub import DIRECTORY, ChangeHub
from pymailcore.runtime.metrics import Metrics

ANNA = Address("anna", "example.test")


def configuration(folder: Path, more: str = "") -> Configuration:
    return read_text(
        'hostname = "mx.test"\ndata = "data"\n[directory]\nargon2_memory_kib = 64\nargon2_time_cost = 1\n'
        "scram_iterations_count = 64\n"
        f'{more}[[listener]]\nprotocol = "imap"\nbind = "127.0.0.1:0"\n',
        folder,
    )


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Core]:
    async with open_core(configuration(tmp_path), ChangeHub(), Metrics(), maintain=False) as opened:
        await opened.directory.domains.add(SYSTEM, "example.test")
        await opened.directory.accounts.add(SYSTEM, ANNA, "long enough")
        yield opened


async def deliver(core: Core) -> int:
    envelope = Envelope(reverse_path=None, recipients=(ANNA,))
    accepted = await core.delivery.accept(envelope, b"\r\nx\r\n", tenant=DEFAULT_TENANT, received_ms=1)
    return accepted.appended[0].modseq


async def test_a_delivery_tells_those_who_watch(core: Core) -> None:
    account = (await core.directory.accounts.get(ANNA)).id
    with core.hub.watch(account) as watch:
        modseq = await deliver(core)
        assert await watch.changed() == modseq


async def test_a_notice_that_was_lost_is_found_by_reading_again(core: Core, tmp_path: Path) -> None:
    """DESIGN section 4.6: a lost notice costs seconds, not mail."""
    account = (await core.directory.accounts.get(ANNA)).id
    with core.hub.watch(account) as watch:
        async with open_core(configuration(tmp_path), ChangeHub(), Metrics(), maintain=False) as other:
            modseq = await deliver(other)
        assert not watch.pending
        await core.recheck_once()
        assert await watch.changed() == modseq


async def test_what_another_process_changed_is_seen_after_its_notice(core: Core, tmp_path: Path) -> None:
    assert not await core.directory.is_local_domain("example.org")
    async with open_core(configuration(tmp_path), ChangeHub(), Metrics(), maintain=False) as other:
        await other.directory.domains.add(SYSTEM, "example.org")
    core.hub.receive(DIRECTORY, 1)
    await trio.testing.wait_all_tasks_blocked()
    assert await core.directory.is_local_domain("example.org")


async def test_a_reload_makes_everything_above_the_store_anew(core: Core, tmp_path: Path) -> None:
    before = core.directory, core.delivery, core.queue, core.submission, core.administration
    core.reload(configuration(tmp_path, "password_min_characters = 20\n"))
    after = core.directory, core.delivery, core.queue, core.submission, core.administration
    assert all(old is not new for old, new in zip(before, after, strict=True))
    with pytest.raises(Exception, match="20"):
        await core.directory.credentials.prepare("long enough")
