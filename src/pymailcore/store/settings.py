"""Settings of the store."""

from dataclasses import dataclass, field
from pathlib import Path

from pymailcore.store.objects.settings import ObjectSettings, check_endpoint, parse_bucket

MIB = 1024 * 1024


def _check_annotations(count: int, octets: int) -> None:
    """RFC 5464 section 4.1: what every server takes."""
    if count < 10:
        raise ValueError("annotations_per_mailbox: 10 at least")
    if octets < 1024:
        raise ValueError("annotation_octets: 1024 at least")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Where the store lies and how it spends."""

    data: Path = field(metadata={"doc": "Folder of the store: database, packs, locks."})
    metadata: str = field(
        default="",
        repr=False,
        metadata={
            "doc": "Address of a PostgreSQL database that holds accounts, Mailboxes and all other rows, "
            "instead of the SQLite file in `data`; see docs/operate/postgresql.md. The password is better "
            "in `metadata_password_file` of [store] than here.",
            "example": "postgresql://pymailcore@db.example.org/pymailcore?sslmode=verify-full",
        },
    )
    blobs: str = field(
        default="",
        metadata={
            "doc": "With PostgreSQL, where large parts of messages lie: an S3 bucket with what names of "
            "objects begin with, see docs/operate/object-storage.md; or, for a single machine, a folder. "
            "Each store needs a place of its own. Empty: the folder packs in `data`, as always with SQLite.",
            "example": "s3://bucket/mail",
        },
    )
    metadata_password_file: Path | None = field(
        default=None, metadata={"doc": "File with the password for `metadata`, on a line of its own."}
    )
    connections: int = field(
        default=16, metadata={"doc": "Connections to PostgreSQL that each process opens at most."}
    )
    statement_seconds: float = field(
        default=30.0,
        metadata={"doc": "Longest time of a statement on PostgreSQL; what takes longer fails for now."},
    )
    readers: int = field(
        default=3,
        metadata={
            "doc": "Reading threads of each process; where there are two or more, searches leave one free."
        },
    )
    cache_octets: int = field(
        default=64 * MIB,
        metadata={"doc": "Pages of the database that the writing connection of a process keeps."},
    )
    reader_cache_octets: int = field(
        default=8 * MIB,
        metadata={
            "doc": "Pages of the database that each reading connection keeps; more hardly helps, as the "
            "system keeps them, too."
        },
    )
    pack_octets: int = field(
        default=256 * MIB, metadata={"doc": "A pack file of this size is closed and a new one begun."}
    )
    encryption_key_file: Path | None = field(
        default=None,
        metadata={
            "doc": "File of master keys; with it blobs are encrypted on disk. On another disk than the data, "
            "with a copy elsewhere. `pymailcore keys create FILE` makes one; see docs/operate/encryption.md.",
            "example": "/etc/pymailcore/master.keys",
        },
    )
    replica: str = field(
        default="",
        metadata={
            "doc": "Where `pymailcore backup` keeps backups of this store: a folder, or s3://bucket/prefix, "
            "which is reached by the `s3_` settings. Blobs that are damaged or gone are brought back from "
            "there, by housekeeping and by `pymailcore verify --repair`; see docs/operate/verify.md.",
            "example": "/mnt/backup/pymailcore",
        },
    )
    s3_endpoint: str = field(
        default="",
        metadata={
            "doc": "Where S3 is, unless it is that of Amazon; http:// on a loopback address only.",
            "example": "https://s3.example.net",
        },
    )
    s3_region: str = field(default="us-east-1", metadata={"doc": "Region of the bucket."})
    s3_credentials_file: Path | None = field(
        default=None,
        metadata={
            "doc": "File with the lines `access_key_id = …` and `secret_access_key = …`. Without one they "
            "are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of the environment, or those of the machine.",
            "example": "/etc/pymailcore/s3.credentials",
        },
    )
    s3_timeout_seconds: float = field(
        default=20.0, metadata={"doc": "A request to S3 that takes longer has failed."}
    )
    s3_object_octets: int = field(
        default=32 * MIB, metadata={"doc": "Small blobs are put together into objects of this size."}
    )
    s3_waiting_octets: int = field(
        default=1024 * MIB,
        metadata={
            "doc": "Large blobs wait in the database while S3 is away; with so many octets waiting no more "
            "mail is accepted."
        },
    )
    s3_cache_octets: int = field(
        default=64 * MIB, metadata={"doc": "Blobs from S3 that each process keeps in memory."}
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
    undelete_days: float = field(
        default=14.0, metadata={"doc": "Expunged mail can be brought back for this long."}
    )
    annotations_per_mailbox: int = field(
        default=200,
        metadata={
            "doc": "Annotations (METADATA) that a Mailbox, or the server, may have, private ones of all "
            "together; 10 at least."
        },
    )
    annotation_octets: int = field(
        default=65_536, metadata={"doc": "Octets of one annotation; 1,024 at least."}
    )
    annotation_octets_per_account: int = field(
        default=16 * MIB,
        metadata={
            "doc": "Octets of all annotations of an account, or of all that a tenant's accounts share on the "
            "server; each counts 100 octets more than its name and its value."
        },
    )
    rights_per_mailbox: int = field(
        default=1_000, metadata={"doc": "Lines of the access control list of a Mailbox."}
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
    change_log_days: float = field(
        default=30.0,
        metadata={
            "doc": "What was removed is told to clients that come back within this time; others begin anew."
        },
    )
    house_percent: float = field(
        default=25.0,
        metadata={"doc": "Share of its time that housekeeping works; the rest it waits."},
    )
    rewrite_percent: float = field(
        default=50.0,
        metadata={"doc": "A pack of which less than this share is used is written anew."},
    )
    rewrite_octets_per_second: int = field(
        default=16 * MIB, metadata={"doc": "Octets that rewriting of packs reads and writes in a second."}
    )
    pack_rest_minutes: float = field(
        default=60.0,
        metadata={"doc": "Only a pack that was not written to for this long is written anew or removed."},
    )
    pack_gone_minutes: float = field(
        default=60.0,
        metadata={"doc": "A pack that nothing names any more is kept this long, for readers and backups."},
    )
    scrub_days: float = field(
        default=30.0, metadata={"doc": "All blobs are read and checked once in this time; 0 for never."}
    )
    scrub_octets_per_second: int = field(
        default=8 * MIB, metadata={"doc": "Octets that the check of blobs reads in a second."}
    )
    audit_days: float = field(
        default=30.0,
        metadata={"doc": "References and counters of all accounts are checked once in this time."},
    )
    tenants_in_metrics: int = field(
        default=100,
        metadata={"doc": "So many tenants, the largest ones, have metrics of their own."},
    )

    def __post_init__(self) -> None:
        """Refuse what a client may rely on not to happen, and places where blobs cannot be kept safely."""
        _check_annotations(self.annotations_per_mailbox, self.annotation_octets)
        if "://" in self.blobs:
            try:
                parse_bucket(self.blobs)
            except ValueError as fault:
                raise ValueError(f"blobs: {fault}") from None
        if self.blobs and not self.metadata:
            raise ValueError(
                "blobs: needs `metadata` in PostgreSQL; with SQLite they lie in the folder packs of `data`,"
                " which may be a link to another disk"
            )
        if "://" in self.replica:
            try:
                parse_bucket(self.replica)
            except ValueError as fault:
                raise ValueError(f"replica: {fault}") from None
        if self.s3_endpoint:
            try:
                check_endpoint(self.s3_endpoint)
            except ValueError as fault:
                raise ValueError(f"s3_endpoint: {fault}") from None

    @property
    def pack_folder(self) -> Path:
        """Where pack files lie."""
        if self.blobs and self.objects is None:
            return Path(self.blobs)
        return self.data / "packs"

    @property
    def objects(self) -> ObjectSettings | None:
        """The bucket, if blobs are kept in one."""
        return None if "://" not in self.blobs else self.bucket(self.blobs)

    def bucket(self, place: str) -> ObjectSettings:
        """A bucket where S3 is for this store.

        Raises:
            ValueError: `place` names none.
        """
        return ObjectSettings(
            *parse_bucket(place),
            endpoint=self.s3_endpoint,
            region=self.s3_region,
            credentials_file=self.s3_credentials_file,
            timeout_seconds=self.s3_timeout_seconds,
        )
