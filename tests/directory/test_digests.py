"""digests: what stands for secrets in the tables, and what is sealed; both engines where tables are asked."""

import trio
from hypothesis import given
from hypothesis import strategies as st
from tests.support.sign_in_world import make_sign_in_world
from tests.support.stores import Opened

from pymailcore.base.errors import InvalidValue
from pymailcore.directory.digests import Digests, Keys

KEYS, OTHER = Keys(b"r" * 32), Keys(b"s" * 32)
NONCE = b"n" * 12
PARTS = st.lists(st.text() | st.binary(), max_size=4)


@given(PARTS, PARTS)
def test_different_parts_have_different_digests(one: list[str | bytes], two: list[str | bytes]) -> None:
    """However they are cut: each part goes in with its length."""
    same = [_octets(part) for part in one] == [_octets(part) for part in two]
    assert (KEYS.digest("kind", *one) == KEYS.digest("kind", *two)) == same
    assert KEYS.digest("kind", *one) != KEYS.digest("kinds", *one)
    assert KEYS.digest("kind", *one) != OTHER.digest("kind", *one)


def _octets(part: str | bytes) -> bytes:
    return part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")


@given(st.binary(max_size=64), st.integers(min_value=0), st.integers(1, 255))
def test_what_is_sealed_comes_back_whole_or_not_at_all(octets: bytes, place: int, flip: int) -> None:
    sealed = KEYS.seal(octets, "totp 1", NONCE)
    assert KEYS.unseal(sealed, "totp 1") == octets
    changed = bytearray(sealed)
    changed[place % len(sealed)] ^= flip
    for keys, text, about in (
        (KEYS, bytes(changed), "totp 1"),
        (KEYS, sealed, "totp 2"),
        (OTHER, sealed, "totp 1"),
        (KEYS, sealed[: place % len(sealed)], "totp 1"),
    ):
        try:
            keys.unseal(text, about)
        except InvalidValue:
            continue
        raise AssertionError(about)


async def test_all_processes_have_the_same_keys_whoever_is_first(opened: Opened) -> None:
    world = await make_sign_in_world(opened)
    await world.run("DELETE FROM secrets WHERE name = 'directory'")
    found: list[bytes] = []

    async def ask() -> None:
        keys = await Digests(world.another()._ground).keys()
        found.append(keys.digest("kind", "x"))

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(ask)
    assert len(set(found)) == 1
    assert (await world.rows("SELECT count(*) FROM secrets WHERE name = 'directory'")) == [(1,)]
