"""Blobs brought back from the replica: fetched, proved, written anew, and their rows pointed there.

What counts as a replica of a blob. In the store itself: another record under the same address and tenant, as
a pack that was written anew leaves for a while (`repair_blobs.restore_blobs`). Outside: the backups at
`[store] replica`. Not: the same octets of another tenant. They lie under another address and another key,
finding them would mean to read the whole store, and a tenant's mail must not hang on what another keeps.
"""

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import trio

from pymailcore.base.errors import MailError, NotFound, TemporaryFailure
from pymailcore.base.ids import TenantId
from pymailcore.store.backup.replica import Replica, SavedBlob, Wanted
from pymailcore.store.backup.target import open_target
from pymailcore.store.engine import Engine
from pymailcore.store.objects.packs import Stored
from pymailcore.store.packs import Record
from pymailcore.store.sealing import Sealer
from pymailcore.store.verifying.repair_blobs import Place, point_rows, write_stored

_BATCH_BLOBS: Final = 64
_BATCH_OCTETS: Final = 16 * 1024 * 1024


async def heal_blobs(
    engine: Engine, packs: Path, wanted: Mapping[int, TenantId], before: Mapping[int, Place]
) -> set[int]:
    """Bring blobs back from the replica, if there is one; gives those whose rows name whole octets now.

    Args:
        before: where their rows named them when it was seen that they are damaged.

    Raises:
        TemporaryFailure: the replica cannot be read, or the octets not be written, now.
    """
    place = engine.settings.replica
    if not place or not wanted:
        return set()
    asked: dict[int, Wanted] = {}
    sealers: dict[int, Sealer | None] = {}
    for number, tenant in wanted.items():
        try:
            asked[number] = Wanted(tenant, await engine.tenant_key(tenant))
        except NotFound:
            continue
        if tenant not in sealers:
            sealers[tenant] = await engine.data_keys.sealer(tenant)
    healed: set[int] = set()
    found: Iterator[SavedBlob] | None = None
    while True:
        try:
            if found is None:
                found = await trio.to_thread.run_sync(_found, engine, asked)
            some = await trio.to_thread.run_sync(_take, found)
        except (MailError, OSError) as fault:
            raise TemporaryFailure(f"the replica {place} cannot be read: {fault}") from fault
        if not some:
            return healed
        blobs = [_sealed(one, sealers[one.tenant]) for one in some]
        pack = engine.ids.new()
        locations = await trio.to_thread.run_sync(write_stored, engine, packs, pack, blobs)
        records = {
            one.number: Record(one.tenant, one.key, location, intact=True)
            for one, location in zip(some, locations, strict=True)
        }
        healed |= await point_rows(engine, records, before)


def _found(engine: Engine, asked: Mapping[int, Wanted]) -> Iterator[SavedBlob]:
    settings = engine.settings
    bucket = settings.bucket(settings.replica) if "://" in settings.replica else None
    target = open_target(settings.replica, bucket)
    return Replica(target, key_file=settings.encryption_key_file).blobs(asked)


def _take(found: Iterator[SavedBlob]) -> list[SavedBlob]:
    some: list[SavedBlob] = []
    octets = 0
    for one in itertools.islice(found, _BATCH_BLOBS):
        some.append(one)
        octets += len(one.octets)
        if octets >= _BATCH_OCTETS:
            break
    return some


def _sealed(blob: SavedBlob, sealer: Sealer | None) -> Stored:
    encoding, octets = blob.encoding, blob.octets
    if sealer is not None:
        encoding, octets = sealer.seal(blob.tenant, blob.key, encoding, octets)
    return Stored(blob.tenant, blob.key, blob.size_octets, encoding, octets)
