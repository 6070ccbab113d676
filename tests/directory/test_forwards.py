"""forwards: where an account's mail also goes."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.directories import CHEAP
from tests.support.directory_parts import ROOT, address, opened_parts
from tests.support.stores import EnginePlace

from pymailcore.base.errors import InvalidValue, NotFound, OverQuota
from pymailcore.directory.types import Forward

ANN, BEN, FAR = address("ann@a.example"), address("ben@a.example"), address("Far@b.example")


async def test_rules_keep_a_copy_or_do_not(tmp_path: Path, store_settings: EnginePlace) -> None:
    async with opened_parts(tmp_path, store_settings) as parts:
        for one in (ANN, BEN):
            await parts.account(str(one))
        await parts.forwards.set(ROOT, ANN, FAR)
        assert await parts.reached("ann@a.example") == (["ann@a.example"], ["Far@b.example"])
        await parts.forwards.set(ROOT, ANN, FAR, keep_copy=False)
        assert await parts.reached("ann@a.example") == ([], ["Far@b.example"])
        await parts.forwards.set(ROOT, ANN, BEN)
        assert await parts.reached("ann@a.example") == (["ben@a.example"], ["Far@b.example"])
        assert await parts.forwards.of(ANN) == [
            Forward("Far@b.example", False),
            Forward("ben@a.example", True),
        ]
        await parts.forwards.remove(ROOT, ANN, FAR)
        assert await parts.reached("ann@a.example") == (["ann@a.example", "ben@a.example"], [])
        await parts.forwards.remove(ROOT, ANN)
        assert await parts.reached("ann@a.example") == (["ann@a.example"], [])
        assert [action for action, _ in await parts.actions()][-5:] == ["forward.set"] * 3 + [
            "forward.remove"
        ] * 2


async def test_two_that_forward_to_each_other_both_get_a_copy(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    async with opened_parts(tmp_path, store_settings) as parts:
        for one in (ANN, BEN):
            await parts.account(str(one))
        await parts.forwards.set(ROOT, ANN, BEN, keep_copy=False)
        await parts.forwards.set(ROOT, BEN, ANN, keep_copy=False)
        assert await parts.reached("ann@a.example") == (["ann@a.example", "ben@a.example"], [])


async def test_rules_that_cannot_be(tmp_path: Path, store_settings: EnginePlace) -> None:
    async with opened_parts(
        tmp_path, store_settings, directory=replace(CHEAP, forwards_per_account_count=1)
    ) as parts:
        await parts.account("ann@a.example")
        with pytest.raises(InvalidValue):
            await parts.forwards.set(ROOT, ANN, address("ANN@a.example"))
        for account, target in ((BEN, FAR), (ANN, BEN)):
            with pytest.raises(NotFound):
                await parts.forwards.set(ROOT, account, target)
        for wrong in (None, FAR):
            with pytest.raises(NotFound):
                await parts.forwards.remove(ROOT, ANN, wrong)
        await parts.forwards.set(ROOT, ANN, FAR)
        with pytest.raises(OverQuota):
            await parts.forwards.set(ROOT, ANN, address("farther@b.example"))
        await parts.forwards.set(ROOT, ANN, FAR, keep_copy=False)
