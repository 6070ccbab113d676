import random
import string

import pytest
from tests.support.stores import Opened

from pymailcore.admin.transfer import memory
from pymailcore.base.errors import AlreadyExists
from pymailcore.store.types import Transaction


def test_names_that_no_database_keeps_get_another_form() -> None:
    assert memory.plain("a\0b\udce9") == "a\\0b\\udce9"


async def test_names_that_are_too_long_for_a_key_stay_different(opened: Opened) -> None:
    """PostgreSQL has 2,704 octets for a key; a server may call a folder or a message what it likes."""
    source = random.Random(1)  # noqa: S311
    long = "".join(source.choices(string.ascii_letters + "é", k=6000))

    async def work(tx: Transaction) -> dict[str, int]:
        folder = await memory.remember(tx, opened.account, long, long + "a", 1)
        assert await memory.remember(tx, opened.account, long, long + "b", 2) == 2
        await memory.note(tx, folder, long, 7)
        return await memory.known(tx, folder, [long])

    assert list((await opened.store.database.write(work)).items()) == [(memory.plain(long), 7)]


async def test_what_was_imported_is_remembered_once(opened: Opened) -> None:
    database, account = opened.store.database, opened.account

    async def work(tx: Transaction) -> int:
        folder = await memory.remember(tx, account, "s", "f\udce9", 77)
        assert await memory.remember(tx, account, "s", "f\udce9", 78) == folder
        assert await memory.begun(tx, folder) is None
        await memory.note(tx, folder, "one", 1)
        await memory.note(tx, folder, "\0", 2)
        return folder

    folder = await database.write(work)
    assert folder == 77
    assert await database.read(lambda tx: memory.known(tx, folder, ["one", "two", "\0"])) == {
        "one": 1,
        "\\0": 2,
    }
    assert await database.read(lambda tx: memory.remembered(tx, account, "s", "other")) is None
    with pytest.raises(AlreadyExists):
        await database.write(lambda tx: memory.note(tx, folder, "one", 3))


async def test_a_source_is_forgotten_alone(opened: Opened) -> None:
    database, account = opened.store.database, opened.account

    async def work(tx: Transaction) -> None:
        for number, source in enumerate(("a", "b"), 1):
            folder = await memory.remember(tx, account, source, "f", number)
            await memory.note(tx, folder, "one", 1)

    await database.write(work)
    assert await database.write(lambda tx: memory.forget(tx, account, "a")) == 1
    assert await database.read(lambda tx: memory.remembered(tx, account, "b", "f")) == 2
    assert await database.write(lambda tx: memory.forget(tx, account, None)) == 1
    assert await database.read(lambda tx: memory.remembered(tx, account, "b", "f")) is None
