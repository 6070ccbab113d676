"""Who is connected is listed over all processes of a server that is up."""

import json

import pytest
import trio
from tests.support.family import Family
from tests.support.guessing import connected, sign_in

pytestmark = pytest.mark.slow


async def live(family: Family, *address: str) -> list[dict[str, str]]:
    text = await trio.to_thread.run_sync(lambda: family.run("session", "list", *address, "--live", "--json"))
    found: list[dict[str, str]] = json.loads(text)
    return found


async def test_connections_of_all_processes_are_listed_until_they_end(family: Family) -> None:
    """IMAP with what the program calls itself, and submission; gone soon after they have ended."""
    name = family.address("anna")
    async with (
        connected(family, "imap", "127.55.0.1") as one,
        connected(family, "imap", "127.55.0.1") as two,
        connected(family, "smtp", "127.55.8.1") as three,
    ):
        assert await sign_in(one, "imap", name)
        await one.send(b'i ID ("name" "mutt" "version" "2.2")\r\n')
        assert (await one.last_line(b"i ")).startswith(b"i OK")
        assert await sign_in(two, "imap", name)
        assert await sign_in(three, "smtp", name)
        seen = set[tuple[str, str, str]]()
        with trio.fail_after(30):
            while len(seen) < 3:
                mine = [one for one in await live(family, name) if one["peer"].startswith("127.55.")]
                seen = {(one["protocol"], one["peer"], one["client"]) for one in mine}
    assert seen == {
        ("imap", "127.55.0.1", "mutt 2.2"),
        ("imap", "127.55.0.1", ""),
        ("smtp", "127.55.8.1", "guess.test"),
    }
    assert {one["account"] for one in mine} == {name}
    with trio.fail_after(30):
        while mine:
            mine = [one for one in await live(family) if one["peer"].startswith("127.55.")]


async def run(family: Family, *arguments: str) -> dict[str, str]:
    """A command beside the server; what it says as JSON."""
    found: dict[str, str] = json.loads(
        await trio.to_thread.run_sync(lambda: family.run(*arguments, "--json"))
    )
    return found


async def test_app_passwords_are_made_and_removed_beside_a_server_that_is_up(family: Family) -> None:
    """A new one opens at once; of a removed one the connections end."""
    name = family.address("ben")
    made = await run(family, "app-password", "add", name, "phone", "--protocol", "imap")
    async with connected(family, "imap", "127.56.0.1") as one, connected(family, "imap", "127.56.8.1") as two:
        assert await sign_in(one, "imap", name, made["password"])
        removed = await run(family, "app-password", "remove", name, made["id"])
        assert removed == {"removed": made["id"], "account": name}
        with trio.fail_after(10):
            assert (await one.last_line(b"* BYE")).startswith(b"* BYE")
        assert not await sign_in(two, "imap", name, made["password"])
