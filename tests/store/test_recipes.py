import msgspec
import pytest
from tests.support.stores import Opened, a_message

from pymailcore.base.errors import TemporaryFailure
from pymailcore.message.prepare import prepare
from pymailcore.message.split import join
from pymailcore.store.blobs import address_of
from pymailcore.store.recipes import BUNDLED_OCTETS, Recipe, address_message, pack_recipe, unpack_recipe
from pymailcore.store.types import Transaction


def multipart(part: str, times: int) -> bytes:
    return a_message(
        body=f"--b\r\n{part}\r\n" * times + "--b--\r\n",
        extra="MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b",
    )


def text(octets: int) -> str:
    return "Content-Type: text/plain\r\n\r\n" + "t" * octets


FILE = "Content-Transfer-Encoding: base64\r\n\r\n" + ("QUJD" * 19 + "\r\n") * 40


def test_a_recipe_names_each_piece_and_equal_pieces_once() -> None:
    prepared = prepare(multipart(FILE, 3))
    recipe, pieces = address_message(b"k" * 32, prepared)
    assert len(recipe.keys) == 4
    assert len(pieces) == 2
    assert {piece.key for piece in pieces} == set(recipe.keys)
    assert recipe.sizes == (-1, -1, -1)
    assert unpack_recipe(pack_recipe(recipe)) == recipe


def test_a_blob_that_is_the_whole_message_is_hashed_and_kept_once() -> None:
    prepared = prepare(a_message(body="hello" * 300))
    recipe, pieces = address_message(b"k" * 32, prepared)
    assert recipe.keys == (recipe.digest,)
    assert recipe.digest == address_of(b"k" * 32, prepared.octets)
    assert pieces[0].octets == prepared.octets
    packed = pack_recipe(recipe)
    assert packed.count(recipe.digest) == 1
    assert unpack_recipe(packed) == recipe


def test_recipes_from_before_that_are_read() -> None:
    recipe = Recipe(b"d" * 32, b"join", (b"d" * 32, b"e" * 32), (-1,))
    assert unpack_recipe(msgspec.msgpack.encode(recipe)) == recipe
    assert unpack_recipe(pack_recipe(recipe)) == recipe


@pytest.mark.parametrize(
    ("octets", "blobs"), [(BUNDLED_OCTETS - 1, 1), (BUNDLED_OCTETS, 2), (BUNDLED_OCTETS + 1, 2)]
)
def test_short_texts_lie_with_the_skeleton(octets: int, blobs: int) -> None:
    prepared = prepare(multipart(text(octets), 1))
    recipe, pieces = address_message(b"k" * 32, prepared)
    assert len(recipe.keys) == blobs
    assert pieces[0].start == len(prepared.skeleton)


@pytest.mark.parametrize(
    "order", [("text", "file"), ("file", "text"), ("file", "text", "long", "file", "text")]
)
def test_pieces_are_cut_as_they_were_put_together(order: tuple[str, ...]) -> None:
    parts = {"text": text(2000), "long": text(BUNDLED_OCTETS), "file": FILE}
    body = "".join(f"--b\r\n{parts[name]}\r\n" for name in order) + "--b--\r\n"
    octets = a_message(body=body, extra="MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b")
    prepared = prepare(octets)
    recipe, pieces = address_message(b"k" * 32, prepared)
    blobs = {piece.key: piece.octets for piece in pieces}
    skeleton, leaves = recipe.pieces([blobs[key] for key in recipe.keys])
    assert join(recipe.join, skeleton, leaves) == octets
    for number, leaf in enumerate(prepared.leaves):
        key = recipe.leaf_key(number)
        assert (key is None) == (order[number] == "text")
        if key is not None:
            assert blobs[recipe.keys[key]] == leaf.octets


async def test_a_message_that_differs_from_its_digest_is_not_given_out(opened: Opened) -> None:
    filed = await opened.deliver()

    async def spoil(tx: Transaction) -> None:
        row = await tx.row("SELECT recipe FROM email_data")
        assert row is not None
        recipe = unpack_recipe(row[0])
        spoilt = pack_recipe(type(recipe)(b"0" * 32, recipe.join, recipe.keys, recipe.sizes))
        await tx.run("UPDATE email_data SET recipe = ?1", spoilt)

    await opened.store.database.write(spoil)
    with pytest.raises(TemporaryFailure):
        await opened.store.message(opened.account, filed.email)
