"""Pack thread: deduplication, faults of the disk, blobs that went missing."""

import errno
import os
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest
import trio
import trio.testing
from tests.support.stores import RECEIVED_MS, Opened, a_message, add_account, counted_ids, opened_store

from pymailcore.base.errors import InsufficientStorage, TemporaryFailure
from pymailcore.base.ids import DEFAULT_TENANT, AccountId, TenantId
from pymailcore.base.parties import party_of, working_for
from pymailcore.store.backend import LocalBackend
from pymailcore.store.blobs import LARGE_OCTETS, BlobJob, address_of
from pymailcore.store.database import SqliteDatabase
from pymailcore.store.files import Files
from pymailcore.store.types import Target, Transaction
from pymailcore.store.writer import Job


class FailingFiles(Files):
    """Fails where it is told to, and counts."""

    def __init__(self) -> None:
        self.fail_write: int | None = None
        self.fail_sync = False
        self.created: list[Path] = []
        self.written: list[int] = []
        self.synced = 0
        self.folders = 0
        self.half = False

    def create(self, path: Path) -> int:
        self.created.append(path)
        return super().create(path)

    def write(self, descriptor: int, octets: bytes, position: int) -> None:
        if self.fail_write is not None:
            if self.half:
                super().write(descriptor, octets[: len(octets) // 2], position)
            raise OSError(self.fail_write, os.strerror(self.fail_write))
        self.written.append(len(octets))
        super().write(descriptor, octets, position)

    def sync(self, descriptor: int) -> None:
        if self.fail_sync:
            raise OSError(errno.EIO, "Input/output error")
        self.synced += 1
        super().sync(descriptor)

    def sync_folder(self, folder: Path) -> None:
        self.folders += 1
        super().sync_folder(folder)


def test_addresses_depend_on_the_key_and_are_256_bits() -> None:
    assert address_of(b"k" * 32, b"x") != address_of(b"j" * 32, b"x")
    assert len(address_of(b"k" * 32, b"")) == 32


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
async def test_a_failed_append_is_temporary_and_the_next_works(
    tmp_path: Path, number: int, half: bool
) -> None:
    files = FailingFiles()
    async with opened_store(tmp_path / "data", files=files) as opened:
        await opened.deliver(a_message("before"))
        files.fail_write, files.half = number, half
        with pytest.raises(TemporaryFailure) as caught:
            await opened.deliver(a_message("during"))
        assert isinstance(caught.value, InsufficientStorage) is (number != errno.EIO)
        files.fail_write = None
        filed = await opened.deliver(a_message("during"))
        assert await opened.store.message(opened.account, filed.email) == a_message("during")
        assert len(files.created) == 2  # the pack that failed is not used again
        assert (await opened.counters("INBOX")).messages == 2
        await opened.check()


async def test_after_a_failed_sync_the_pack_is_given_up_with_all_it_held(tmp_path: Path) -> None:
    files = FailingFiles()
    async with opened_store(tmp_path / "data", files=files) as opened:
        await opened.deliver(a_message("one"))
        files.fail_sync = True
        failures = []

        async def failing(subject: str) -> None:
            try:
                await opened.deliver(a_message(subject))
            except TemporaryFailure as failure:
                failures.append(failure)

        async with trio.open_nursery() as nursery:
            for n in range(5):
                nursery.start_soon(failing, f"lost {n}")
        assert len(failures) == 5
        files.fail_sync = False
        again = await opened.deliver(a_message("lost 1"))
        assert await opened.store.message(opened.account, again.email) == a_message("lost 1")
        assert len(files.created) >= 2
        await opened.check()


async def test_a_pack_is_synced_before_its_folder_and_a_new_one_begun_by_size(tmp_path: Path) -> None:
    files = FailingFiles()
    async with opened_store(tmp_path / "data", files=files, pack_octets=1000) as opened:
        for n in range(5):
            await opened.deliver(a_message(f"{n}", body=os.urandom(400).hex()))
        assert 2 <= len(files.created) <= 5
        assert files.folders == len(files.created)
        assert files.synced == 5


async def test_equal_octets_are_written_once_in_a_tenant_and_again_in_another(tmp_path: Path) -> None:
    files = FailingFiles()
    async with opened_store(tmp_path / "data", files=files) as opened:
        store = opened.store
        octets = a_message("same", body=os.urandom(3000).hex() + "\r\n")
        first = await opened.deliver(octets)
        after_one = sum(files.written)
        second = await opened.deliver(octets)
        assert second.email != first.email
        assert sum(files.written) == after_one
        other = TenantId(2)
        await add_account(store, AccountId(2), "eve@example.net", other)
        await store.deliver(
            await store.prepare(octets),
            [Target(AccountId(2), "inbox")],
            tenant=other,
            received_ms=RECEIVED_MS,
        )
        assert sum(files.written) > after_one * 3 // 2
        await opened.check()


@pytest.mark.parametrize("octets", [2_000, LARGE_OCTETS + 1])
async def test_a_known_blob_that_is_gone_is_written_again(tmp_path: Path, octets: int) -> None:
    """The look before the lock and the transaction are two moments; the second one counts."""
    message = a_message("vanishing", body="y" * octets + "\r\n")
    async with opened_store(tmp_path / "data") as first:
        await first.deliver(message)
    # A process that remembers nothing finds the blob in the index; then its row is pulled away.
    async with opened_store(tmp_path / "data", ids=counted_ids(1_000_000)) as opened:
        store = opened.store
        assert isinstance(store.database, SqliteDatabase)
        writer = store.database.writer
        original = writer._enqueue
        pulled: list[Job] = []

        async def pull(tx: Transaction) -> None:
            await tx.run("DELETE FROM blobs")

        def enqueue(jobs: Iterable[Job]) -> None:
            arrived = list(jobs)
            if not pulled and any(isinstance(job, BlobJob) for job in arrived):
                pulled.append(Job(pull, None))
                arrived.insert(0, pulled[0])
            original(arrived)

        writer._enqueue = enqueue  # type: ignore[method-assign]
        filed = await opened.deliver(message)
        assert pulled
        assert await store.message(opened.account, filed.email) == message


async def test_many_callers_share_syncs(tmp_path: Path) -> None:
    files = FailingFiles()
    async with opened_store(tmp_path / "data", files=files) as opened:
        async with trio.open_nursery() as nursery:
            for n in range(64):
                nursery.start_soon(opened.deliver, a_message(f"{n}"))
        assert files.synced < 64
        assert (await opened.counters("INBOX")).messages == 64
        await opened.check()


async def test_an_unknown_tenant_has_no_key(opened: Opened) -> None:
    prepared = await opened.store.prepare(a_message())
    with pytest.raises(Exception, match="no such tenant"):
        await opened.store.deliver(prepared, [], tenant=TenantId(99), received_ms=0)
    assert DEFAULT_TENANT == 1


class SlowFiles(FailingFiles):
    """A disk that takes its time with the first sync of a large blob."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go_on = threading.Event(), threading.Event()

    def sync(self, descriptor: int) -> None:
        if self.written[-1] > LARGE_OCTETS and not self.begun.is_set():
            self.begun.set()
            self.go_on.wait(10)
        super().sync(descriptor)


async def test_a_large_blob_of_one_tenant_waits_for_one_of_another_not_for_all(tmp_path: Path) -> None:
    """T6: twelve of one tenant wait for the pack thread when one of another comes."""
    files, octets = SlowFiles(), LARGE_OCTETS + 1
    before: dict[str, int] = {}
    async with opened_store(tmp_path / "data", files=files) as opened:
        store, calm = opened.store, TenantId(2)
        await add_account(store, AccountId(2), "eve@example.net", calm)

        async def file(name: str, account: AccountId, tenant: TenantId) -> None:
            prepared = await store.prepare(a_message(name, body=os.urandom(octets + 1_000).hex() + "\r\n"))
            with working_for(party_of(tenant, account)):
                target = [Target(account, "inbox")]
                await store.deliver(prepared, target, tenant=tenant, received_ms=RECEIVED_MS)
            before[name] = sum(files.written) // octets

        assert isinstance(store.engine.backend, LocalBackend)
        waiting = store.engine.backend._packs._waiting
        async with trio.open_nursery() as nursery:
            nursery.start_soon(file, "first", opened.account, DEFAULT_TENANT)
            await trio.to_thread.run_sync(files.begun.wait)
            for number in range(12):
                nursery.start_soon(file, f"{number}", opened.account, DEFAULT_TENANT)
            while len(waiting) < 12:
                await trio.testing.wait_all_tasks_blocked(0.001)
            nursery.start_soon(file, "calm", AccountId(2), calm)
            while len(waiting) < 13:
                await trio.testing.wait_all_tasks_blocked(0.001)
            files.go_on.set()
        assert before["calm"] <= 4
        assert max(before.values()) >= 14
        await opened.check()
