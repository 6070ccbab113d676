"""Rows of data keys, on both engines."""

from tests.support.stores import Opened

from pymailcore.store.ops import sealing_keys
from pymailcore.store.sealing import WrappedKey


def a_key(tenant: int = 1, number: int = 1, master: str = "old", wrapped: bytes = b"w") -> WrappedKey:
    return WrappedKey(tenant, number, master, wrapped)


async def test_the_first_master_key_stays_until_it_is_changed(opened: Opened) -> None:
    database = opened.store.database
    assert await database.read(sealing_keys.current_master) is None
    assert await database.read(sealing_keys.masters_in_use) == set()
    assert await database.write(lambda tx: sealing_keys.adopt_master(tx, "old")) == "old"
    assert await database.write(lambda tx: sealing_keys.adopt_master(tx, "other")) == "old"
    await database.write(lambda tx: sealing_keys.change_master(tx, "fresh"))
    assert await database.read(sealing_keys.current_master) == "fresh"
    assert await database.read(sealing_keys.masters_in_use) == {"fresh"}


async def test_a_key_goes_in_only_under_the_master_key_in_use(opened: Opened) -> None:
    """So a rotation ends, whatever processes do that have not heard of it."""
    database = opened.store.database
    assert not await database.write(lambda tx: sealing_keys.add_key(tx, a_key(), 5))
    await database.write(lambda tx: sealing_keys.adopt_master(tx, "old"))
    assert await database.write(lambda tx: sealing_keys.add_key(tx, a_key(), 5))
    await database.write(lambda tx: sealing_keys.change_master(tx, "fresh"))
    assert not await database.write(lambda tx: sealing_keys.add_key(tx, a_key(number=2), 5))
    assert await database.write(lambda tx: sealing_keys.add_key(tx, a_key(number=2, master="fresh"), 6))
    assert await database.read(sealing_keys.all_keys) == [(1, 1, "old", 5), (1, 2, "fresh", 6)]
    assert await database.read(sealing_keys.masters_in_use) == {"old", "fresh"}


async def test_a_number_is_given_once(opened: Opened) -> None:
    database = opened.store.database
    await database.write(lambda tx: sealing_keys.adopt_master(tx, "old"))
    assert await database.write(lambda tx: sealing_keys.add_key(tx, a_key(wrapped=b"one"), 5))
    assert not await database.write(lambda tx: sealing_keys.add_key(tx, a_key(wrapped=b"two"), 5))
    assert await database.read(lambda tx: sealing_keys.keys_of(tx, 1)) == [a_key(wrapped=b"one")]
    assert await database.read(lambda tx: sealing_keys.keys_of(tx, 2)) == []


async def test_what_is_wrapped_anew_is_what_was_seen(opened: Opened) -> None:
    database = opened.store.database
    await database.write(lambda tx: sealing_keys.adopt_master(tx, "old"))
    for number in (2, 1, 3):
        await database.write(lambda tx, number=number: sealing_keys.add_key(tx, a_key(number=number), 5))  # type: ignore[misc]
    some = await database.read(lambda tx: sealing_keys.keys_not_of(tx, "fresh", 2))
    assert some == [a_key(), a_key(number=2)]
    fresh = [(key, key._replace(master="fresh", wrapped=b"anew")) for key in some]
    stranger = (a_key(number=3, master="another"), a_key(number=3, master="fresh", wrapped=b"no"))
    for _ in range(2):
        await database.write(lambda tx: sealing_keys.replace_wrapped(tx, [*fresh, stranger]))
    assert [key.wrapped for key in await database.read(lambda tx: sealing_keys.keys_of(tx, 1))] == [
        b"anew",
        b"anew",
        b"w",
    ]
    assert await database.read(lambda tx: sealing_keys.keys_not_of(tx, "fresh", 9)) == [a_key(number=3)]
