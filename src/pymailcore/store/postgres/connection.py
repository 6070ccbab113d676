"""Connections to PostgreSQL, with what durability needs read back, and what its errors mean to a caller."""

import asyncio
from typing import Final, TypeAlias

import asyncpg

from pymailcore.base.errors import InsufficientStorage, PermanentFailure, TemporaryFailure
from pymailcore.runtime.logs import get_logger

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

OLDEST: Final = 150_000
CONNECT_SECONDS: Final = 5.0
IDLE_SECONDS: Final = 10.0
"""A transaction whose process is silent for longer gives up its locks."""
_ANSWER_SECONDS: Final = 5.0  # beyond the server's own limit, until the connection is taken for dead
_STATEMENTS: Final = 1_000
_SCRATCH: Final = (
    "CREATE TEMPORARY TABLE IF NOT EXISTS thread_delta (thread BIGINT PRIMARY KEY, a BIGINT, b BIGINT,"
    " c BIGINT, d BIGINT) ON COMMIT DELETE ROWS"
)
"""What set statements of one operation pass on to each other (ops.stretch)."""

REACH: Final = "pymailcore.reach"
"""The setting by which the policies of tables (`row_security.sql`) know what a transaction may touch."""
NOTHING: Final = "-9223372036854775807/-9223372036854775807"
"""Its value for no rows at all: a tenant and an account that nobody has."""

log = get_logger()

_ABOUT: Final = (
    "SELECT current_setting('server_version_num') AS server_version_num,"
    " current_setting('server_encoding') AS server_encoding, current_setting('fsync') AS fsync,"
    " current_setting('full_page_writes') AS full_page_writes,"
    " current_setting('synchronous_commit') AS synchronous_commit, pg_is_in_recovery() AS standby,"
    " (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) AS above_policies"
)

GONE: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
    asyncio.IncompleteReadError,
)
"""The connection is not to be used any more; another one may do."""

AGAIN: Final = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
"""The transaction was given up in favour of another one; the same may succeed now."""

_NOT_NOW: Final = (
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresSystemError,
    asyncpg.ReadOnlySQLTransactionError,
)


UNFIT: Final = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.ClientConfigurationError,
)
"""The address, the password or the rights are wrong."""


class NotDurable(PermanentFailure):
    """The server is set up so that a commit is no promise."""


class UnfitServer(PermanentFailure):
    """The server is too old, keeps text in another form than UTF-8, or does not let us in."""


def is_gone(error: BaseException, connection: "Connection | None" = None) -> bool:
    """Whether an error means that the connection is lost."""
    if isinstance(error, GONE):
        return True
    return isinstance(error, asyncpg.InterfaceError) and (connection is None or connection.is_closed())


def failure_of(error: BaseException) -> BaseException:
    """Give what a caller gets for an error of the database."""
    if isinstance(error, asyncpg.DiskFullError):
        full = InsufficientStorage("the disk of the database is full")
        full.__cause__ = error
        return full
    if isinstance(error, (*GONE, *AGAIN, *_NOT_NOW, *UNFIT)) or is_gone(error):
        failure = TemporaryFailure(f"the database cannot be used now: {error or type(error).__name__}")
        failure.__cause__ = error
        return failure
    return error


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("-").isdigit() else float(text)


async def connect(
    url: str, *, statement_seconds: float, lock_seconds: float, scratch: bool = True, quick: bool = False
) -> "Connection":
    """Open a connection.

    Args:
        scratch: operations will run on it.
        quick: its commits do not wait for the disk; for notices only.
    """
    connection: Connection = await asyncpg.connect(
        url,
        timeout=CONNECT_SECONDS,
        command_timeout=statement_seconds + _ANSWER_SECONDS if statement_seconds else None,
        statement_cache_size=_STATEMENTS,
        max_cached_statement_lifetime=0,
        server_settings={
            "application_name": "pymailcore",
            "statement_timeout": str(int(statement_seconds * 1000)),
            "lock_timeout": str(int(lock_seconds * 1000)),
            "idle_in_transaction_session_timeout": str(int(min(statement_seconds, IDLE_SECONDS) * 1000)),
            "tcp_keepalives_idle": "5",
            "tcp_keepalives_interval": "2",
            "tcp_keepalives_count": "3",
            "tcp_user_timeout": "15000",  # for the locks of a node that is gone while it is being answered
            "timezone": "UTC",
            "standard_conforming_strings": "on",
            "jit": "off",
            "client_min_messages": "error",
            REACH: NOTHING,  # for a transaction that forgets to say
            **({"synchronous_commit": "off"} if quick else {}),
        },
    )
    try:
        await connection.set_type_codec(
            "numeric", schema="pg_catalog", encoder=str, decoder=_number, format="text"
        )
        if scratch:
            await connection.execute(_SCRATCH)
    except BaseException:
        connection.terminate()
        raise
    return connection


async def check_server(connection: "Connection") -> None:
    """Look whether the server keeps what it promises.

    Raises:
        NotDurable: fsync, full_page_writes or synchronous_commit is off.
        UnfitServer: too old, or not UTF-8.
        TemporaryFailure: it is a standby now.
    """
    found = await connection.fetchrow(_ABOUT)
    if found is None:
        raise UnfitServer("the server says nothing about itself")
    version = int(found["server_version_num"])
    if version < OLDEST:
        raise UnfitServer(
            f"PostgreSQL {version // 10_000} is too old: it must be {OLDEST // 10_000} or later"
        )
    encoding = found["server_encoding"]
    if encoding != "UTF8":
        raise UnfitServer(f"the database has the encoding {encoding}: it must be made with ENCODING 'UTF8'")
    for name in ("fsync", "full_page_writes", "synchronous_commit"):
        if found[name] == "off":
            raise NotDurable(f"PostgreSQL has {name} = off: accepted mail could be lost; switch it on")
    if found["standby"]:
        raise TemporaryFailure("the PostgreSQL server is a standby and takes no writes")
    if found["above_policies"]:
        log.warning(
            "the database user is a superuser or has BYPASSRLS, so that row-level security does not bind it;"
            " give the database to a plain user"
        )


def changed_rows(status: str) -> int:
    """How many rows a statement changed, by its command tag."""
    _, _, number = status.rpartition(" ")
    return int(number) if number.isdigit() else 0
