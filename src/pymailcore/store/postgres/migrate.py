"""Migrations on PostgreSQL: the same texts, one process of the site at a time."""

import hashlib
import re
from importlib import resources
from typing import Final

import asyncpg

from pymailcore.store.dialect import Dialect, translate_schema
from pymailcore.store.migrate import FLOOR, NEWEST, VERSIONS, missing
from pymailcore.store.postgres.connection import Connection
from pymailcore.store.postgres.reach import set_reach
from pymailcore.store.postgres.transaction import PostgresTransaction
from pymailcore.store.refill import FILLS

_LOCK: Final = 0x70_79_6D_61_69_6C  # "pymail": any number that nobody else takes for an advisory lock
_WAIT_SECONDS: Final = 300

_OWN: Final = {1: "functions.sql", 8: "row_security.sql"}
"""What only PostgreSQL has, by the number of the migration before whose statements it is run."""

_TEXT_INDEX: Final = "text_index.sql"
_TEXT_FUNCTIONS: Final = "text_functions.sql"
_TEXT_TABLES: Final = re.compile(r"COMMENT ON TABLE text_generations IS '([^']+)'")
_TEXT_THERE: Final = "SELECT obj_description(to_regclass('text_generations'), 'pg_class')"
_FUNCTIONS_THERE: Final = "SELECT obj_description(to_regproc('text_found'), 'pg_proc')"
"""Tables of the text index are made anew, empty, where they are not those of this version; its functions
where their text, of which the comment is a digest, is another one."""


async def migrate(connection: Connection, *, dry: bool = False) -> list[int]:
    """Run the migrations that the database lacks, and give their numbers.

    Args:
        dry: leave the database as it is, after all have been run in one transaction.

    Raises:
        NewerDatabase: a newer version has changed it.
    """
    ready = await _has_text_tables(connection) and await _has_text_functions(connection)
    if not dry and ready and not await _missing(connection):
        return []  # most starts: without waiting for anybody
    await connection.execute(f"SET lock_timeout = '{_WAIT_SECONDS}s'; SET statement_timeout = 0")
    done = []
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(f"{set_reach()}; SELECT pg_advisory_xact_lock({_LOCK})")
        await connection.execute(translate_schema(VERSIONS))
        for number, sql in await _missing(connection):
            if number in _OWN:
                await connection.execute(_own(_OWN[number]))
            if text := translate_schema(sql).strip():
                await connection.execute(text)
            if number in FILLS:
                tx = PostgresTransaction(connection, Dialect())
                await FILLS[number](tx)
                await tx.send()
            await connection.execute(
                "INSERT INTO schema_versions VALUES ($1::bigint, $2::bigint)", number, min(number, FLOOR)
            )
            done.append(number)
        if not await _has_text_tables(connection):
            await connection.execute(_own(_TEXT_INDEX))
        if not await _has_text_functions(connection):
            await connection.execute(_own(_TEXT_FUNCTIONS))
            await connection.execute(f"COMMENT ON FUNCTION text_found IS '{_digest(_TEXT_FUNCTIONS)}'")
    except BaseException:
        await transaction.rollback()
        raise
    if dry:
        await transaction.rollback()
    else:
        await transaction.commit()
    return done


async def _missing(connection: Connection) -> list[tuple[int, str]]:
    try:
        row = await connection.fetchrow(NEWEST)
    except asyncpg.UndefinedTableError:
        return missing(0, 0)
    return missing(*(row or (0, 0)))


async def _has_text_tables(connection: Connection) -> bool:
    wanted = _TEXT_TABLES.search(_own(_TEXT_INDEX))
    return wanted is not None and await connection.fetchval(_TEXT_THERE) == wanted[1]


async def _has_text_functions(connection: Connection) -> bool:
    return bool(await connection.fetchval(_FUNCTIONS_THERE) == _digest(_TEXT_FUNCTIONS))


def _digest(name: str) -> str:
    return hashlib.sha256(_own(name).encode()).hexdigest()


def _own(name: str) -> str:
    return (resources.files("pymailcore.store.postgres") / name).read_text(encoding="utf-8")
