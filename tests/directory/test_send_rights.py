"""send_rights: who may write as which address."""

from pathlib import Path

import pytest
from tests.support.directory_parts import ROOT, address, opened_parts
from tests.support.stores import EnginePlace

from pymailcore.base.errors import InvalidValue, NotFound
from pymailcore.directory.types import SendRight

ANN, BEN, ALL_OF_A = address("ann@a.example"), address("ben@a.example"), address("all@a.example")


async def test_rights_are_given_changed_and_taken(tmp_path: Path, store_settings: EnginePlace) -> None:
    """RFC 5322 section 3.6.2."""
    async with opened_parts(tmp_path, store_settings) as parts:
        ann, _ = await parts.account("ann@a.example"), await parts.account("ben@a.example")
        await parts.groups.add(ROOT, ALL_OF_A)
        standing = parts.send_rights.standing
        await parts.addresses.add(ROOT, address("Team@a.example"), ANN)
        for text, expected in (
            ("ANN@a.example", "own"),
            ("ann+x@a.example", "own"),
            ("team@a.example", "own"),
            ("ben@a.example", ""),
            ("all@a.example", ""),
            ("far@b.example", ""),
        ):
            assert await standing(ann.id, address(text)) == expected, text
        assert [str(one) for one in await parts.send_rights.addresses_of(ann.id)] == [
            "ann@a.example",
            "Team@a.example",
        ]
        await parts.send_rights.grant(ROOT, ANN, BEN, "on-behalf")
        await parts.send_rights.grant(ROOT, ANN, ALL_OF_A)
        assert await standing(ann.id, address("Ben+x@a.example")) == "on-behalf"
        assert await standing(ann.id, ALL_OF_A) == "send-as"
        await parts.send_rights.grant(ROOT, ANN, BEN, "send-as")
        assert await standing(ann.id, BEN) == "send-as"
        assert await parts.send_rights.held_by(ANN) == [
            SendRight("ann@a.example", "all@a.example", "send-as"),
            SendRight("ann@a.example", "ben@a.example", "send-as"),
        ]
        assert await parts.send_rights.of(BEN) == [SendRight("ann@a.example", "ben@a.example", "send-as")]
        await parts.send_rights.revoke(ROOT, ANN, BEN)
        assert await standing(ann.id, BEN) == ""
        with pytest.raises(NotFound):
            await parts.send_rights.revoke(ROOT, ANN, BEN)


async def test_rights_that_cannot_be(tmp_path: Path, store_settings: EnginePlace) -> None:
    async with opened_parts(tmp_path, store_settings) as parts:
        await parts.account("ann@a.example")
        blue = (await parts.tenants.add(ROOT, "blue")).id
        await parts.domains.add(ROOT, "blue.example", tenant=blue)
        await parts.account("cy@blue.example")
        for target in (address("cy@blue.example"), address("nobody@a.example"), address("far@b.example")):
            with pytest.raises(NotFound):
                await parts.send_rights.grant(ROOT, ANN, target)
        with pytest.raises(NotFound):
            await parts.send_rights.grant(ROOT, BEN, ANN)
        for target, kind in ((ANN, "send-as"), (address("cy@blue.example"), "odd")):
            with pytest.raises(InvalidValue):
                await parts.send_rights.grant(ROOT, ANN, target, kind)


async def test_a_right_goes_with_the_address_at_once(tmp_path: Path, store_settings: EnginePlace) -> None:
    """Whoever gets the address next is nobody that the holder may write as."""
    async with opened_parts(tmp_path, store_settings) as parts:
        ann, _ = await parts.account("ann@a.example"), await parts.account("ben@a.example")
        standing = parts.send_rights.standing
        await parts.groups.add(ROOT, ALL_OF_A)
        for target in (BEN, ALL_OF_A):
            await parts.send_rights.grant(ROOT, ANN, target)
            assert await standing(ann.id, target) == "send-as"
        await parts.accounts.rename(ROOT, BEN, address("bea@a.example"))
        assert await standing(ann.id, BEN) == ""
        assert await standing(ann.id, address("bea@a.example")) == "send-as"
        await parts.groups.remove(ROOT, ALL_OF_A)
        assert await standing(ann.id, ALL_OF_A) == ""
        await parts.accounts.remove(ROOT, address("bea@a.example"))
        assert await standing(ann.id, address("bea@a.example")) == ""
