"""What rebuilds a stored message: its digest, how its pieces join, and the addresses of the pieces."""

from collections.abc import Sequence
from typing import Final

import msgspec

from pymailcore.base.errors import TemporaryFailure
from pymailcore.message.prepare import Prepared
from pymailcore.store.blobs import Piece, address_of

BUNDLED_OCTETS: Final = 16 * 1024


class Recipe(msgspec.Struct, frozen=True, array_like=True):
    """Kept with an Email and with a queue entry.

    Attributes:
        join: of message.split.
        keys: blobs; the first is the skeleton with the small leaves behind it.
        sizes: for each leaf its octets in the first blob, or -1 when it is the next of the other blobs.
    """

    digest: bytes
    join: bytes
    keys: tuple[bytes, ...]
    sizes: tuple[int, ...] = ()

    def leaf_key(self, number: int) -> int | None:
        """Which of `keys` is a leaf, counted from 0; None when it is in the first blob."""
        if self.sizes[number] >= 0:
            return None
        return 1 + sum(size < 0 for size in self.sizes[:number])

    def pieces(self, blobs: Sequence[bytes]) -> tuple[bytes, list[bytes]]:
        """Cut blobs, in the order of `keys`, into the skeleton and the leaves."""
        first, *others = blobs
        place = len(first) - sum(size for size in self.sizes if size > 0)
        skeleton = first[:place]
        leaves = []
        rest = iter(others)
        for size in self.sizes:
            if size < 0:
                leaves.append(next(rest))
            else:
                leaves.append(first[place : place + size])
                place += size
        return skeleton, leaves


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Recipe)


class DamagedMessage(TemporaryFailure):
    """A stored message did not come out as it went in."""


def address_message(tenant_key: bytes, prepared: Prepared) -> tuple[Recipe, list[Piece]]:
    """Give the recipe of a message and its blobs with their addresses, each once.

    A leaf of less than 16 KiB that is kept as it stands, which is text, lies with the skeleton: a blob
    of its own would cost more in rows and pages than is ever shared. A decoded one, which is a picture or
    a file, is a blob of its own from 1 KiB on.
    """
    sizes = tuple(
        [
            len(leaf.octets) if not leaf.decoded and len(leaf.octets) < BUNDLED_OCTETS else -1
            for leaf in prepared.leaves
        ]
    )
    leaves = list(zip(prepared.leaves, sizes, strict=True))
    start = len(prepared.skeleton)
    first = b"".join([prepared.skeleton, *(leaf.octets for leaf, size in leaves if size >= 0)])
    pieces = [Piece(address_of(tenant_key, first), first, start)]
    pieces += [Piece(address_of(tenant_key, leaf.octets), leaf.octets) for leaf, size in leaves if size < 0]
    whole = first == prepared.octets  # as with most messages of one part; no second hash then
    recipe = Recipe(
        pieces[0].key if whole else address_of(tenant_key, prepared.octets),
        prepared.recipe,
        tuple([piece.key for piece in pieces]),
        sizes,
    )
    return recipe, list({piece.key: piece for piece in pieces}.values())


def pack_recipe(recipe: Recipe) -> bytes:
    """Give a recipe its form at rest: the key of a first blob that is the whole message is left out there."""
    if recipe.keys[:1] == (recipe.digest,):
        recipe = Recipe(recipe.digest, recipe.join, (b"", *recipe.keys[1:]), recipe.sizes)
    return _encoder.encode(recipe)


def unpack_recipe(packed: bytes) -> Recipe:
    """Read a recipe again."""
    recipe = _decoder.decode(packed)
    if recipe.keys[:1] == (b"",):
        return Recipe(recipe.digest, recipe.join, (recipe.digest, *recipe.keys[1:]), recipe.sizes)
    return recipe
