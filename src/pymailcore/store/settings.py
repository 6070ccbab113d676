"""Settings of the store."""

from dataclasses import dataclass, field
from pathlib import Path

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Where the store lies and how it spends."""

    data: Path = field(metadata={"doc": "Folder of the store: database, packs, locks."})
    readers: int = field(default=2, metadata={"doc": "Reading threads of each process."})
    cache_octets: int = field(
        default=64 * MIB,
        metadata={"doc": "Pages of the database that a writing or reading connection keeps."},
    )
    pack_octets: int = field(
        default=256 * MIB, metadata={"doc": "A pack file of this size is closed and a new one begun."}
    )
    compression_level: int = field(default=3, metadata={"doc": "zstd level of blobs."})
    reserve_octets: int = field(
        default=64 * MIB,
        metadata={"doc": "A file of this size is kept to be given up when the disk is full; 0 for none."},
    )
    watermark_octets: int = field(
        default=256 * MIB,
        metadata={"doc": "With less free space than this no mail and no upload is accepted."},
    )
    inline_prepare_octets: int = field(
        default=MIB,
        metadata={"doc": "Messages up to this size are parsed on the loop, larger ones in a thread."},
    )
    passive_checkpoint_octets: int = field(
        default=16 * MIB, metadata={"doc": "Size of the write-ahead log from which it is copied back."}
    )
    restart_checkpoint_octets: int = field(
        default=256 * MIB,
        metadata={"doc": "Size of the write-ahead log from which writers wait until it is copied."},
    )
    mailboxes_per_account: int = field(
        default=5_000, metadata={"doc": "Mailboxes that one account may have."}
    )
    upload_octets_per_account: int = field(
        default=512 * MIB, metadata={"doc": "Octets of uploads that one account may have at a time."}
    )
    uploads_per_account: int = field(
        default=1_000, metadata={"doc": "Uploads that one account may have at a time."}
    )
    upload_hours: float = field(
        default=24.0, metadata={"doc": "An upload that nothing uses is kept this long."}
    )
