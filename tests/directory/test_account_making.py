"""account_making: one or many, in slices; one that cannot be made hinders no other."""

from pathlib import Path

import pytest
from tests.support.directory_parts import ROOT, Parts, PlainSecrets, address, opened_parts
from tests.support.stores import EnginePlace

from pymailcore.base.errors import AlreadyExists, InvalidValue, NotFound
from pymailcore.directory import account_making
from pymailcore.directory.account_making import AccountMaking, NewAccount, Outcome, check_kind, check_text
from pymailcore.directory.credentials import Secret
from pymailcore.directory.errors import OverLimit
from pymailcore.directory.limits import Limits


def making(parts: Parts) -> AccountMaking:
    return AccountMaking(parts.ground, PlainSecrets())


async def test_an_account_comes_with_all_that_it_needs(tmp_path: Path, store_settings: EnginePlace) -> None:
    """RFC 6154: its Mailboxes; RFC 8621 section 6: an identity."""
    async with opened_parts(tmp_path, store_settings) as parts:
        await parts.domains.add(ROOT, "a.example")
        ann = await making(parts).add(ROOT, address("Ann@a.example"), "correct horse", full_name="Ann")
        assert (ann.name, ann.display, ann.full_name) == ("ann@a.example", "Ann@a.example", "Ann")
        roles = {one.role for one in await parts.store.mailboxes(ann.id)}
        assert {"inbox", "sent", "drafts", "trash", "junk", "archive"} <= roles
        assert await parts.rows("SELECT name, email FROM identities WHERE account = ?1", ann.id) == [
            ("Ann", "Ann@a.example")
        ]
        assert await parts.rows("SELECT kind, verifier FROM credentials") == [("password", "correct horse")]
        assert (await parts.reached("ann@a.example")) == (["ann@a.example"], [])


async def test_what_cannot_be_one_is_refused_and_leaves_nothing(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    async with opened_parts(tmp_path, store_settings) as parts:
        await parts.domains.add(ROOT, "a.example")
        await parts.account("ann@a.example")
        for text, refusal, more in (
            ("ann@a.example", AlreadyExists, {}),
            ("x@b.example", NotFound, {}),
            ("*@a.example", InvalidValue, {}),
            ("x@a.example", InvalidValue, {"kind": "robot"}),
            ("x@a.example", InvalidValue, {"kind": "shared"}),
            ("x@a.example", InvalidValue, {"full_name": " x"}),
        ):
            with pytest.raises(refusal):
                await making(parts).add(ROOT, address(text), "correct horse", **more)
        assert await parts.rows("SELECT name FROM accounts WHERE name LIKE '%@a.example'") == [
            ("ann@a.example",)
        ]


async def test_of_many_those_are_made_that_can_be(
    tmp_path: Path, store_settings: EnginePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice in one slice, twice in two, over a limit, in no domain: each is told, the others are there."""
    monkeypatch.setattr(account_making, "SLICE_ACCOUNTS", 3)
    async with opened_parts(tmp_path, store_settings) as parts:
        await parts.domains.add(ROOT, "a.example")
        await Limits(parts.ground).set(ROOT, "domain", "a.example", {"accounts": 4})
        names = ("ann", "Ann", "ben", "cat", "ann", "dan", "eve")
        new = [NewAccount(address(f"{name}@a.example"), Secret("x")) for name in names]
        new.insert(4, NewAccount(address("x@b.example")))
        new.insert(5, replace_kind(new[0], "robot"))
        told: list[int] = []
        done = await making(parts).add_many(ROOT, new, progress=lambda some: told.append(len(some)))
        assert told == [3, 3, 3]
        assert [outcome(one) for one in done] == [
            "made", "AlreadyExists", "made",
            "made", "NotFound", "InvalidValue",
            "AlreadyExists", "made", "OverLimit",
        ]  # fmt: skip
        rows = await parts.rows("SELECT name FROM accounts WHERE name LIKE '%@a.example' ORDER BY name")
        assert [row[0].partition("@")[0] for row in rows] == ["ann", "ben", "cat", "dan"]
        made = [one.account.id for one in done if one.account is not None]
        rows = await parts.rows("SELECT account FROM identities")
        assert {row[0] for row in rows} >= set(made)
        assert isinstance(done[-1].fault, OverLimit)


def replace_kind(new: NewAccount, kind: str) -> NewAccount:
    return new._replace(kind=kind)


def outcome(one: Outcome) -> str:
    assert (one.account is None) == (one.fault is not None)
    return "made" if one.fault is None else type(one.fault).__name__


def test_kinds_and_texts() -> None:
    check_kind("resource")
    check_text("Ann B.")
    for check, text in ((check_kind, "robot"), (check_text, "x "), (check_text, "a\nb")):
        with pytest.raises(InvalidValue):
            check(text)
