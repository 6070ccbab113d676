"""holders: whose mail an address is, on both engines."""

from functools import partial
from pathlib import Path

from tests.support.directories import CHEAP
from tests.support.directory_parts import ROOT, Parts, address, opened_parts
from tests.support.stores import EnginePlace

from pymailcore.directory.holders import holders, is_somebodys


async def held_by(parts: Parts, *texts: str) -> set[str]:
    addresses = [address(text) for text in texts]
    found = await parts.store.database.read(lambda tx: holders(tx, addresses, CHEAP))
    return {(await parts.accounts.numbered(one)).name.partition("@")[0] for one in found}


async def test_who_gets_the_mail_for_an_address_now(tmp_path: Path, store_settings: EnginePlace) -> None:
    async with opened_parts(tmp_path, store_settings) as parts:
        for name in ("ann", "ben", "cat"):
            await parts.account(f"{name}@a.example")
        await parts.domains.add(ROOT, "also.example")
        await parts.domains.set(ROOT, "also.example", alias_of="a.example")
        for alias, target in (
            ("both@a.example", "ann@a.example"),
            ("both@a.example", "ben@a.example"),
            ("far@a.example", "both@a.example"),
            ("out@a.example", "x@elsewhere.example"),
            ("c*@a.example", "cat@a.example"),
            ("c*@a.example", "ann+c@a.example"),
            ("*@a.example", "ben@a.example"),
        ):
            await parts.addresses.add(ROOT, address(alias), address(target))
        assert await held_by(parts, "ann@a.example") == {"ann"}
        assert await held_by(parts, "ANN+x@also.example") == {"ann"}
        assert await held_by(parts, "both@a.example") == {"ann", "ben"}
        assert await held_by(parts, "far+x@a.example") == {"ann", "ben"}
        assert await held_by(parts, "out@a.example", "new@a.example") == set()
        assert await held_by(parts, "cow@also.example") == {"ann", "cat"}
        for wildcard in ("co*@a.example", "*ow@a.example"):
            assert await held_by(parts, wildcard) == {"ann", "cat"}
        assert await held_by(parts, "*@a.example") == {"ben"}
        assert await held_by(parts, "d*@a.example") == set()
        assert await held_by(parts, "x@elsewhere.example", "*@elsewhere.example") == set()
        assert await held_by(parts, *(f"new{number}@a.example" for number in range(1_000))) == set()
        many = [f"new{number}@a.example" for number in range(1_000)]
        assert await held_by(parts, *many, "ann+y@a.example", "cow@a.example") == {"ann", "cat"}
        await parts.domains.set(ROOT, "a.example", state="suspended")
        assert await held_by(parts, "ann+x@a.example") == {"ann"}


async def test_whether_anybody_has_an_address(tmp_path: Path, store_settings: EnginePlace) -> None:
    async with opened_parts(tmp_path, store_settings) as parts:
        await parts.account("ann@a.example")
        for text, is_anybodys in (
            ("ann@a.example", True),
            ("ann+x@a.example", True),
            ("ben@a.example", False),
            ("x@elsewhere.example", True),
        ):
            one = address(text)
            found = await parts.store.database.read(partial(is_somebodys, address=one, settings=CHEAP))
            assert found == is_anybodys, text
        await parts.domains.set(ROOT, "a.example", state="suspended")
        ben = address("ben@a.example")
        assert not await parts.store.database.read(lambda tx: is_somebodys(tx, ben, CHEAP))
        await parts.addresses.add(ROOT, address("*@a.example"), address("ann@a.example"))
        assert await parts.store.database.read(lambda tx: is_somebodys(tx, ben, CHEAP))
