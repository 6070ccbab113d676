"""What rebuilds a stored message: its digest, how its pieces join, and the addresses of the pieces."""

import msgspec

from pymailcore.base.errors import TemporaryFailure
from pymailcore.message.prepare import Prepared
from pymailcore.store.blobs import Piece, address_of


class Recipe(msgspec.Struct, frozen=True, array_like=True):
    """Kept with an Email and with a queue entry."""

    digest: bytes
    join: bytes
    keys: tuple[bytes, ...]  # the skeleton, then the leaves


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Recipe)


class DamagedMessage(TemporaryFailure):
    """A stored message did not come out as it went in."""


def address_message(tenant_key: bytes, prepared: Prepared) -> tuple[Recipe, list[Piece]]:
    """Give the recipe of a message and its pieces with their addresses, each once."""
    pieces = [Piece(address_of(tenant_key, prepared.skeleton), prepared.skeleton)]
    pieces += [Piece(address_of(tenant_key, leaf.octets), leaf.octets) for leaf in prepared.leaves]
    recipe = Recipe(
        address_of(tenant_key, prepared.octets), prepared.recipe, tuple([piece.key for piece in pieces])
    )
    return recipe, list({piece.key: piece for piece in pieces}.values())


def pack_recipe(recipe: Recipe) -> bytes:
    """Give a recipe its form at rest."""
    return _encoder.encode(recipe)


def unpack_recipe(packed: bytes) -> Recipe:
    """Read a recipe again."""
    return _decoder.decode(packed)
