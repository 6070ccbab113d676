import pytest
from tests.support.stores import Opened, a_message

from pymailcore.base.errors import TemporaryFailure
from pymailcore.message.prepare import prepare
from pymailcore.store.recipes import address_message, pack_recipe, unpack_recipe
from pymailcore.store.types import Transaction


def test_a_recipe_names_each_piece_and_equal_pieces_once() -> None:
    part = "--b\r\nContent-Type: text/plain\r\n\r\n" + "same text\r\n" * 200
    octets = a_message(
        body=part * 3 + "--b--\r\n", extra="MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b"
    )
    prepared = prepare(octets)
    recipe, pieces = address_message(b"k" * 32, prepared)
    assert len(recipe.keys) == 4
    assert len(pieces) < 4
    assert {piece.key for piece in pieces} == set(recipe.keys)
    assert unpack_recipe(pack_recipe(recipe)) == recipe


async def test_a_message_that_differs_from_its_digest_is_not_given_out(opened: Opened) -> None:
    filed = await opened.deliver()

    async def spoil(tx: Transaction) -> None:
        row = await tx.row("SELECT recipe FROM email_data")
        assert row is not None
        recipe = unpack_recipe(row[0])
        spoilt = pack_recipe(type(recipe)(b"0" * 32, recipe.join, recipe.keys))
        await tx.run("UPDATE email_data SET recipe = ?1", spoilt)

    await opened.store.database.write(spoil)
    with pytest.raises(TemporaryFailure):
        await opened.store.message(opened.account, filed.email)
