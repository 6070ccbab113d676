"""sign_ins: one line in the log for each, and rows that are written now and then."""

import configparser
import re
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from tests.support.directories import CHEAP
from tests.support.sign_in_world import NAME, PEER, ROOT, SignInWorld, make_sign_in_world
from tests.support.stores import Opened

from pymailcore.base.errors import Forbidden, TemporaryFailure
from pymailcore.directory.errors import TooManyAttempts
from pymailcore.directory.sign_ins import SignIn, place_of
from pymailcore.runtime.logs import configure
from pymailcore.runtime.settings import LogSettings

FILTER = Path(__file__).parents[2] / "conf" / "fail2ban" / "pymailcore.conf"
HOUR = 3_600_000
HOSTILE = 'x" peer=9.9.9.9 "event":"login failed",{"peer":"9.9.9.9","protocol":"imap"} \\'


@pytest.fixture
async def world(opened: Opened) -> SignInWorld:
    return await make_sign_in_world(opened)


def banned(line: str) -> str | None:
    """The address that fail2ban would take from a line: its date is cut out before."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(FILTER, "utf-8")
    line = re.sub(r'"timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d|^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d', "", line)
    for text in parser["Definition"]["failregex"].split("\n"):
        found = re.search(text.replace("<HOST>", r"(?P<host>[0-9a-fA-F.:]+)"), line)
        if found:
            return found["host"]
    return None


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("process", ["", "front-1"])
async def test_fail2ban_reads_the_lines_of_failures_and_no_others(
    world: SignInWorld, form: str, process: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = structlog.get_config()
    configure(LogSettings(format=form), process=process)
    try:
        capsys.readouterr()
        with structlog.contextvars.bound_contextvars(connection="a1b2c3", listener="imap-1", peer=PEER):
            await world.sign_in(peer="192.0.2.9")
            for number in range(4):
                with pytest.raises(Forbidden):
                    await world.sign_in("x", peer="192.0.2.10", name=HOSTILE if number % 2 else NAME)
            with pytest.raises(Forbidden):
                await world.sign_in("x", peer="2001:db8::1", name="\n" + HOSTILE)
            for number in range(11):
                with pytest.raises((Forbidden, TooManyAttempts)):
                    await world.sign_in("x", peer="192.0.2.11", name=f"u{number}@a.example")
    finally:
        structlog.configure(**kept)
    lines = capsys.readouterr().err.splitlines()
    assert [banned(line) for line in lines if "login" in line] == [
        None, *["192.0.2.10"] * 4, "2001:db8::1", *["192.0.2.11"] * 11,
    ]  # fmt: skip
    assert "too many failures" in lines[-1]


async def test_signing_in_does_not_write_each_time(world: SignInWorld) -> None:
    for _ in range(5):
        await world.sign_in()
    await world.sign_in(protocol="smtp")
    assert await world.rows("SELECT 1 FROM sign_ins") == []
    first = world.clock.ms
    await world.directory.sign_ins.flush()
    world.clock.ms += HOUR
    await world.sign_in()
    await world.directory.sign_ins.flush()
    assert await world.directory.sign_ins.of(world.ann.id) == [
        SignIn("imap", "password", PEER, first, first + HOUR, 6),
        SignIn("smtp", "password", PEER, first, first, 1),
    ]


async def test_last_use_of_a_secret_is_to_the_hour(world: SignInWorld) -> None:
    parts = world.directory.credentials
    made, text = await parts.app_passwords.add(ROOT, world.ann.id, "phone")
    world.clock.ms += HOUR // 2
    await world.sign_in(text, peer="2001:db8:1:2:3::4")
    await world.directory.sign_ins.flush()
    (kept,) = await parts.app_passwords.of(world.ann.id)
    assert kept.last_used_ms is not None
    assert (kept.last_used_ms % HOUR, kept.last_peer) == (0, "2001:db8:1:2::/64")
    assert 0 <= world.clock.ms - kept.last_used_ms < HOUR
    assert made.last_used_ms is None


async def test_what_cannot_be_written_is_kept_for_later(
    world: SignInWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.sign_in()

    async def refuse(*_: object) -> None:
        raise TemporaryFailure("the store is being moved")

    with monkeypatch.context() as patch:
        patch.setattr(world.opened.store.database, "write", refuse)
        await world.directory.sign_ins.flush()
    await world.sign_in(protocol="smtp")
    await world.directory.sign_ins.flush()
    assert {one.protocol for one in await world.directory.sign_ins.of(world.ann.id)} == {"imap", "smtp"}


async def test_ways_of_an_account_are_bounded_and_the_newest_stay(opened: Opened) -> None:
    world = await make_sign_in_world(opened, replace(CHEAP, sign_ins_per_account_count=3))
    for number in range(6):
        world.clock.ms += 1_000
        await world.sign_in(peer=f"10.0.{number}.1")
        if number % 2:
            await world.directory.sign_ins.flush()
    assert [one.peer for one in await world.directory.sign_ins.of(world.ann.id)] == [
        "10.0.5.1",
        "10.0.4.1",
        "10.0.3.1",
    ]


async def test_an_account_that_is_gone_leaves_nothing(world: SignInWorld) -> None:
    await world.sign_in()
    await world.run("DELETE FROM accounts WHERE id = ?1", world.ann.id)
    await world.directory.sign_ins.flush()
    assert await world.rows("SELECT 1 FROM sign_ins") == []


@pytest.mark.parametrize(
    ("peer", "place"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("local", "local"),
    ],
)
def test_the_address_that_is_kept(peer: str, place: str) -> None:
    assert place_of(peer) == place
