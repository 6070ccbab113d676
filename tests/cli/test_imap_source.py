import dataclasses
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
from tests.support.imap_client import ACCOUNT, PASSWORD, USER, ImapWorld, imap_world
from tests.support.stores import a_message
from tests.support.transfers import Basket

from pymailcore.admin.transfer.source import BadSource, Folder
from pymailcore.cli import imap_source
from pymailcore.cli.imap_source import ImapPlace, ImapSource
from pymailcore.imap.client import ServerGone
from pymailcore.runtime.certificates import load_material
from pymailcore.runtime.settings import TlsSettings
from pymailcore.runtime.tls import TlsContexts
from pymailcore.store.keywords import keywords_of
from pymailcore.store.types import FlagChange

PLACE = ImapPlace(host="127.0.0.1", port=1, tls="none", user=USER, password=PASSWORD)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ImapWorld]:
    tls = TlsContexts(load_material(TlsSettings(), tmp_path / "tls", "imap.example.test"))
    async with imap_world(tmp_path, tls) as running:
        yield running


def source(port: int, most_octets: int = 100_000) -> ImapSource:
    return ImapSource(dataclasses.replace(PLACE, port=port), most_octets=most_octets, pause_seconds=0.0)


async def read_all(found: ImapSource, folder: Folder) -> Basket:
    basket = Basket()
    reader = await found.open(folder)
    while some := await reader.next():
        basket.entries += some
        await reader.read(some, basket)
    reader.close()
    return basket


async def test_folders_with_roles_and_subscriptions(world: ImapWorld) -> None:
    """RFC 6154 section 2; modified UTF-7 on the wire."""
    await world.store.create_mailbox(ACCOUNT, "Work/Café", subscribed=False)
    found = source(await world.listen())
    folders = {folder.path: folder for folder in await found.folders()}
    await found.close()
    assert next(iter(folders)) == "INBOX"
    assert folders["Sent"].role == "sent"
    assert folders["Sent"].subscribed
    assert not folders["Work/Café"].subscribed
    assert found.name == f"imap:{USER}@127.0.0.1"


async def test_messages_with_flags_and_dates(world: ImapWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 3501 sections 6.4.5 and 7.4.2, over several windows and commands; nothing is changed there."""
    monkeypatch.setattr(imap_source, "WINDOW", 7)
    monkeypatch.setattr(imap_source, "BATCH_MESSAGES", 3)
    mails = [a_message(str(n)) for n in range(20)]
    filed = [
        await world.deliver(mail, received_ms=1_600_000_000_000 + n * 1_000) for n, mail in enumerate(mails)
    ]
    inbox = filed[0].mailbox
    uids = [one.uid for one in filed]
    await world.store.set_flags(
        ACCOUNT, inbox, [(uids[4], uids[4])], FlagChange.ADD, keywords_of(["$seen", "work"]), deleted=True
    )
    before = await world.store.states(ACCOUNT)
    found = source(await world.listen())
    folder = next(iter(await found.folders()))
    basket = await read_all(found, folder)
    await found.close()
    assert [octets for octets, _ in basket.taken.values()] == mails
    assert [time for _, time in basket.taken.values()] == [1_600_000_000_000 + n * 1_000 for n in range(20)]
    assert [entry.item for entry in basket.entries] == [f"{filed[0].uid_validity}:{uid}" for uid in uids]
    assert (basket.entries[4].keywords, basket.entries[4].deleted) == (("$seen", "work"), True)
    assert await world.store.states(ACCOUNT) == before


class Flaky:
    """A listener in front of a server that cuts a connection when the server has sent so many octets."""

    def __init__(self, port: int, cuts: list[int]) -> None:
        self._port = port
        self._cuts = cuts
        self.connections = 0

    async def listen(self, nursery: trio.Nursery) -> int:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, self._serve, [listener])
        port: int = listener.socket.getsockname()[1]
        return port

    async def _serve(self, client: trio.SocketStream) -> None:
        left = self._cuts.pop(0) if self._cuts else 10**9
        self.connections += 1
        server = await trio.open_tcp_stream("127.0.0.1", self._port)
        async with server, trio.open_nursery() as nursery:
            nursery.start_soon(self._forward, client, server)
            while left > 0 and (octets := await server.receive_some(min(65_536, left))):
                left -= len(octets)
                await client.send_all(octets)
            await client.aclose()
            nursery.cancel_scope.cancel()

    async def _forward(self, client: trio.SocketStream, server: trio.SocketStream) -> None:
        try:
            async for octets in client:
                await server.send_all(octets)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return


@pytest.mark.parametrize("first", [400, 1_500, 3_000, 9_000])
async def test_a_connection_that_breaks_is_made_anew(
    world: ImapWorld, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each message comes once, wherever the line was cut; none is listed twice."""
    monkeypatch.setattr(imap_source, "WINDOW", 7)
    mails = [a_message(str(n), body="x" * 400) for n in range(20)]
    for mail in mails:
        await world.deliver(mail)
    flaky = Flaky(await world.listen(), [10**9, first, 6_000, 6_000])
    found = source(await flaky.listen(world.nursery))
    folder = next(iter(await found.folders()))
    await found.close()
    basket = await read_all(found, folder)
    await found.close()
    assert [octets for octets, _ in basket.taken.values()] == mails
    assert len(basket.entries) == 20
    assert basket.failed == {}
    assert flaky.connections > 2


async def test_a_server_that_stays_away_ends_it(world: ImapWorld) -> None:
    await world.deliver(a_message())
    flaky = Flaky(await world.listen(), [10**9] + [300] * 20)
    found = source(await flaky.listen(world.nursery))
    folder = next(iter(await found.folders()))
    await found.close()
    with pytest.raises(ServerGone):
        await read_all(found, folder)
    assert flaky.connections == 2 + imap_source.TRIES


async def test_what_is_longer_than_a_message_may_be_is_noted(world: ImapWorld) -> None:
    await world.deliver(a_message(body="x" * 5_000))
    await world.deliver(a_message("2"))
    found = source(await world.listen(), most_octets=1_000)
    basket = await read_all(found, next(iter(await found.folders())))
    await found.close()
    assert len(basket.failed) == 1
    assert [octets for octets, _ in basket.taken.values()] == [a_message("2")]


async def test_what_is_expunged_meanwhile_is_passed_over(
    world: ImapWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 3501 section 7.4.1: numbers move up, and none is left out for that."""
    monkeypatch.setattr(imap_source, "WINDOW", 4)
    filed = [await world.deliver(a_message(str(n))) for n in range(12)]
    found = source(await world.listen())
    reader = await found.open(next(iter(await found.folders())))
    basket = Basket()
    first = await reader.next()
    gone = [(filed[n].uid, filed[n].uid) for n in (1, 2, 6)]
    await world.store.set_flags(
        ACCOUNT, filed[0].mailbox, gone, FlagChange.ADD, keywords_of([]), deleted=True
    )
    await world.store.expunge(ACCOUNT, filed[0].mailbox, None)
    await reader.read(first, basket)
    while some := await reader.next():
        await reader.read(some, basket)
    await found.close()
    subjects = [re.search(rb"Subject: (\d+)", octets) for octets, _ in basket.taken.values()]
    assert [int(match[1]) for match in subjects if match] == [0, 3, 4, 5, 7, 8, 9, 10, 11]
    assert basket.failed == {}


async def test_a_folder_that_cannot_be_opened(world: ImapWorld) -> None:
    made = await world.store.create_mailbox(ACCOUNT, "Work")
    found = source(await world.listen())
    folder = next(folder for folder in await found.folders() if folder.path == "Work")
    await world.store.remove_mailbox(ACCOUNT, made.id, with_emails=True)
    with pytest.raises(BadSource, match="does not open"):
        await found.open(folder)
    await found.close()
