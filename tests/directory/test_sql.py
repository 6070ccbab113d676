"""sql: lists and views as arguments, and where the texts with a prefix end; on both engines."""

import json
from pathlib import Path

import pytest
from tests.support.grounds import ask, opened_ground
from tests.support.stores import EnginePlace

from pymailcore.directory.permissions import View
from pymailcore.directory.sql import listed, prefix_end, seen


async def test_a_list_travels_as_one_argument(tmp_path: Path, store_settings: EnginePlace) -> None:
    texts = ["ann@a.example", 'quo"te', "back\\slash", "grün", "\U0001f600", "", "a,b"]
    among = "SELECT id FROM tenants WHERE id IN (SELECT value FROM json_each(?1))"
    async with opened_ground(tmp_path, store_settings) as ground:
        rows = await ask(ground, "SELECT value FROM json_each(?1 /*text*/)", listed(texts))
        assert sorted(row[0] for row in rows) == sorted(texts)
        assert await ask(ground, among, listed([2**62, 1, 0])) == [(1,)]
        assert await ask(ground, among, listed([])) == []


@pytest.mark.parametrize("prefix", ["", "a", "grün", "\U0001f600", "a%", "z\U0010ffff"])
async def test_what_begins_with_a_prefix_lies_before_its_end(
    tmp_path: Path, store_settings: EnginePlace, prefix: str
) -> None:
    """As the engines order texts: octet by octet."""
    texts = [
        "",
        "a",
        "a%",
        "ab",
        "b",
        "grü",
        "grün",
        "grünt",
        "\U0001f600x",
        "z",
        "z\U0010ffff",
        "\U0001f601",
    ]
    async with opened_ground(tmp_path, store_settings) as ground:
        rows = await ask(
            ground,
            "SELECT value FROM json_each(?1 /*text*/) WHERE value >= ?2 AND value < ?3",
            listed(texts),
            prefix,
            prefix_end(prefix),
        )
    assert sorted(row[0] for row in rows) == sorted(text for text in texts if text.startswith(prefix))


def test_a_view_as_arguments() -> None:
    everything, tenants, domains = seen(View(False, frozenset({9, 2}), frozenset()))
    assert (everything, json.loads(tenants), json.loads(domains)) == (0, [2, 9], [])
    assert seen(View(True, frozenset(), frozenset({3})))[::2] == (1, "[3]")
