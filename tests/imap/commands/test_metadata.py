"""GETMETADATA, SETMETADATA and the filters that are kept by them."""

import dataclasses
import re
from pathlib import Path

import pytest
from tests.imap.commands.test_search import filled
from tests.support.imap_client import FAST, ImapClient, ImapWorld, imap_world
from tests.support.mails import plain
from tests.support.stores import EnginePlace, add_account

from pymailcore.base.ids import DEFAULT_TENANT, AccountId, TenantId
from pymailcore.imap.commands.criteria import MAX_FILTER_OCTETS
from pymailcore.runtime.tls import TlsContexts
from pymailcore.store.ops.annotations import MAX_ENTRY_OCTETS
from pymailcore.store.sharing import Sharing

HOME = "/private/filters/values/"
OTHER = AccountId(2)


async def put(client: ImapClient, mailbox: str, **values: bytes) -> None:
    """Set `scope_a_b` to what it is given, as the entry `/scope/a/b`."""
    for name, value in values.items():
        await client.ok(f'SETMETADATA "{mailbox}" (/{name.replace("_", "/")} {{}})', value)


async def test_on_each_engine(tmp_path: Path, tls: TlsContexts, store_settings: EnginePlace) -> None:
    """RFC 5464 sections 4.2 and 4.3, RFC 5466 section 3.1; values outlive the server."""
    async with (
        imap_world(tmp_path, tls, **store_settings) as world,
        await world.log_in("INBOX") as client,
    ):
        await world.deliver(plain())
        await client.ok("SETMETADATA INBOX (/shared/a ~{} /private/a/b {})", b"\0\xff", "ü".encode())
        await client.ok(f'SETMETADATA "" ({HOME}all "ALL" {HOME}none "NOT FILTER all")')
        assert await client.ok("SEARCH FILTER all") == [b"SEARCH 1"]
        assert await client.ok("UID SEARCH FILTER none") == [b"SEARCH"]
    async with imap_world(tmp_path, tls, **store_settings) as world, await world.log_in() as client:
        assert await client.ok("GETMETADATA (DEPTH infinity MAXSIZE 2) INBOX (/shared /private)") == [
            b"METADATA INBOX (/shared/a ~{2}\r\n\0\xff /private/a/b {2}\r\n\xc3\xbc)"
        ]
        reply = await client.command(f'GETMETADATA (DEPTH 1 MAXSIZE 3) "" {HOME[:-1]}')
        assert reply.untagged == [b'METADATA "" (%ball "ALL")' % HOME.encode()]
        assert reply.code == "METADATA LONGENTRIES 14"


async def test_it_is_announced(world: ImapWorld) -> None:
    """RFC 5464 section 1, RFC 5466 section 3."""
    async with await world.connect() as client:
        assert b"METADATA" not in client.greeting
    async with await world.log_in() as client:
        (line,) = await client.ok("CAPABILITY")
        assert {b"METADATA", b"FILTERS"} <= set(line.split())
        assert b"METADATA-SERVER" not in line.split()  # that is for servers which have no others
        assert await client.ok("ENABLE METADATA") == [b"ENABLED"]  # nothing is said unasked (section 4.1)


async def test_values_come_back_as_they_were(world: ImapWorld) -> None:
    """RFC 5464 sections 3.2 and 5 (`value`): any octets, also none."""
    async with await world.log_in() as client:
        for value, written in (
            (b"", b'""'),
            (b'a "b" \\', b'"a \\"b\\" \\\\"'),
            (b"NIL", b'"NIL"'),
            ("Grüße\r\n".encode(), b"{9}\r\n" + "Grüße\r\n".encode()),
            (b"\0\xff\r\n", b"~{4}\r\n\0\xff\r\n"),
            (bytes(range(256)) * 256, b"~{65536}\r\n" + bytes(range(256)) * 256),
        ):
            await client.ok("SETMETADATA INBOX (/shared/comment ~{})", value)
            assert await client.ok("GETMETADATA INBOX /shared/comment") == [
                b"METADATA INBOX (/shared/comment " + written + b")"
            ]
        await client.ok("SETMETADATA INBOX (/shared/comment NIL)")
        assert await client.ok("GETMETADATA INBOX /shared/comment") == [
            b"METADATA INBOX (/shared/comment NIL)"
        ]


async def test_each_mailbox_and_the_server_have_their_own(world: ImapWorld) -> None:
    """RFC 5464 sections 3.1 and 4.1."""
    async with await world.log_in("INBOX") as client:
        await client.ok('CREATE "a b"')
        await put(client, "", private_comment=b"server")
        await put(client, "inbox", private_comment=b"inbox")
        await put(client, "a b", private_comment=b"other")
        assert await client.ok('GETMETADATA "" /private/comment') == [
            b'METADATA "" (/private/comment "server")'
        ]
        assert await client.ok("GETMETADATA InBox /private/comment") == [
            b'METADATA InBox (/private/comment "inbox")'
        ]
        await client.ok('RENAME "a b" c')
        assert await client.ok("GETMETADATA c /private/comment") == [b'METADATA c (/private/comment "other")']
        await client.ok("DELETE c")
        await client.ok("CREATE c")
        assert await client.ok("GETMETADATA c /private/comment") == [b"METADATA c (/private/comment NIL)"]
        assert (await client.command("GETMETADATA none /private/comment")).code == "NONEXISTENT"


async def test_a_renamed_inbox_keeps_and_gives_them(
    world: ImapWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 5464 section 4.1: copied with it, also where there is no room for a copy."""
    await filled(world)
    async with await world.log_in() as client:
        await put(client, "INBOX", private_comment=b"mine", shared_comment=b"all")
        await client.ok("RENAME INBOX old")
        for name in (b"INBOX", b"old"):
            assert await client.ok(f"GETMETADATA {name.decode()} (/private/comment /shared/comment)") == [
                b'METADATA %b (/private/comment "mine" /shared/comment "all")' % name
            ]
        limits = world.store.sharing.annotation_limits._replace(octets_together=1)
        monkeypatch.setattr(Sharing, "annotation_limits", limits)
        assert (await client.command("RENAME INBOX full")).code == "OVERQUOTA"
        assert await client.ok('LIST "" full') == []


async def test_names_have_no_case(world: ImapWorld) -> None:
    """RFC 5464 section 3.2; the client gets its own spelling back."""
    async with await world.log_in() as client:
        await client.ok('SETMETADATA INBOX (/Private/Comment "1" /PRIVATE/COMMENT "2")')
        assert await client.ok("GETMETADATA INBOX (/private/COMMENT)") == [
            b'METADATA INBOX (/private/COMMENT "2")'
        ]
        await client.ok('SETMETADATA INBOX ("/private/a b" "3")')
        assert await client.ok("GETMETADATA (DEPTH 1) INBOX /private") == [
            b'METADATA INBOX ("/private/a b" "3" /private/comment "2")'
        ]


@pytest.mark.parametrize(
    "name",
    [
        *("comment", "/comment", "/other/x", "/private", "/private/", "/private//x", "/private/x/"),
        "//private/x",
        *('"/private/*"', '"/private/%"', '"/private/a\tb"', "/privatex/y", '""', "/shared/vendor"),
        *("/private/vendor/token", f"/private/{'x' * (MAX_ENTRY_OCTETS - 8)}"),
    ],
)  # fmt: skip
async def test_what_is_no_entry(world: ImapWorld, name: str) -> None:
    """RFC 5464 section 3.2: BAD, in any command."""
    async with await world.log_in() as client:
        assert (await client.command(f'SETMETADATA INBOX (/private/a "1" {name} "2")')).status == "BAD"
        assert (await client.command(f"GETMETADATA INBOX ({name})")).status == "BAD"
        assert await client.ok("GETMETADATA INBOX /private/a") == [b"METADATA INBOX (/private/a NIL)"]


async def test_depth(world: ImapWorld) -> None:
    """RFC 5464 section 4.2.2."""
    async with await world.log_in() as client:
        await client.ok('SETMETADATA INBOX (/shared/a "1" /shared/a/b "2" /shared/a/b/c "3" /shared/ab "4")')
        for depth, base, found in (
            ("0", "/shared/a", b'/shared/a "1"'),
            ("1", "/shared/a", b'/shared/a "1" /shared/a/b "2"'),
            ("INFINITY", "/shared/a", b'/shared/a "1" /shared/a/b "2" /shared/a/b/c "3"'),
            ("1", "(/shared /shared/A)", b'/shared/A "1" /shared/ab "4" /shared/a/b "2"'),
            ("infinity", "/shared/a/b", b'/shared/a/b "2" /shared/a/b/c "3"'),
            ("1", "/SHARED/a/B", b'/SHARED/a/B "2" /shared/a/b/c "3"'),
            ("0", "/shared/none", b"/shared/none NIL"),
        ):
            assert await client.ok(f"GETMETADATA (DEPTH {depth}) INBOX {base}") == [
                b"METADATA INBOX (%b)" % found
            ], (depth, base)
        assert await client.ok("GETMETADATA (DEPTH 1) INBOX /shared/none") == []
        assert await client.ok("GETMETADATA (DEPTH infinity) INBOX (/private)") == []


@pytest.mark.parametrize(("most", "found", "code"), [
    (0, b"/shared/none NIL", "METADATA LONGENTRIES 7"),
    (2, b"/shared/none NIL", "METADATA LONGENTRIES 7"),
    (3, b'/shared/none NIL /shared/a "abc"', "METADATA LONGENTRIES 7"),
    (6, b'/shared/none NIL /shared/a "abc"', "METADATA LONGENTRIES 7"),
    (7, b'/shared/none NIL /shared/a "abc" /shared/b "abcdefg"', ""),
])  # fmt: skip
async def test_max_size(world: ImapWorld, most: int, found: bytes, code: str) -> None:
    """RFC 5464 section 4.2.1."""
    async with await world.log_in() as client:
        await client.ok('SETMETADATA INBOX (/shared/a "abc" /shared/b "abcdefg")')
        reply = await client.command(f"GETMETADATA INBOX (MAXSIZE {most}) (/shared/none /shared/a /shared/b)")
        assert reply.untagged == [b"METADATA INBOX (%b)" % found]
        assert reply.code == code


async def test_much_comes_in_several_responses(world: ImapWorld) -> None:
    """RFC 5464 section 4.4: no answer is in memory as a whole."""
    async with await world.log_in() as client:
        for n in range(5):
            await client.ok(f"SETMETADATA INBOX (/shared/{n} {{}})", b"x" * 50_000)
        lines = await client.ok("GETMETADATA (DEPTH 1) INBOX /shared")
        assert [re.findall(rb"/shared/\d", line) for line in lines] == [
            [b"/shared/0", b"/shared/1"],
            [b"/shared/2", b"/shared/3"],
            [b"/shared/4"],
        ]


@pytest.mark.parametrize("more", [-1, 0, 1])
async def test_values_are_measured(world: ImapWorld, more: int) -> None:
    """RFC 5464 section 4.3: MAXSIZE, and nothing else is set either."""
    most = world.store.sharing.annotation_limits.octets
    async with await world.log_in() as client:
        reply = await client.command('SETMETADATA INBOX (/shared/a "1" /shared/b {})', b"x" * (most + more))
        assert reply.status == ("NO" if more > 0 else "OK")
        assert reply.code == (f"METADATA MAXSIZE {most}" if more > 0 else "")
        found = b"NIL" if more > 0 else b'"1"'
        assert await client.ok("GETMETADATA INBOX /shared/a") == [b"METADATA INBOX (/shared/a %b)" % found]


async def test_a_literal_that_is_not_even_read(world: ImapWorld) -> None:
    """RFC 5464 section 4.3: MAXSIZE, before the client sends it and after."""
    most = world.store.sharing.annotation_limits.octets
    async with await world.log_in() as client:
        await client.send(b"a SETMETADATA INBOX (/shared/a {1000000}\r\n")
        assert (await client.reply(b"a")).code == f"METADATA MAXSIZE {most}"
        reply = await client.command("SETMETADATA INBOX (/shared/a {})", b"x" * 1_000_000)
        assert (reply.status, reply.code) == ("NO", f"METADATA MAXSIZE {most}")
        assert (await client.command("CREATE {}", b"x" * 1_000_000)).code == "TOOBIG"


@pytest.mark.parametrize("mailbox", ["INBOX", '""'])
@pytest.mark.parametrize("more", [-1, 0, 1])
async def test_entries_are_counted(world: ImapWorld, mailbox: str, more: int) -> None:
    """RFC 5464 section 4.3: TOOMANY; what is there may still be replaced."""
    most = world.store.sharing.annotation_limits.entries
    async with await world.log_in() as client:
        values = " ".join([f'/private/{n} "1"' for n in range(most + more)])
        reply = await client.command(f"SETMETADATA {mailbox} ({values})")
        assert reply.code == ("METADATA TOOMANY" if more > 0 else "")
        if not more:
            reply = await client.command(f'SETMETADATA {mailbox} (/private/x "1")')
            assert reply.code == "METADATA TOOMANY"
            await client.ok(f'SETMETADATA {mailbox} (/private/x "1" /private/0 NIL /private/1 "2")')


async def test_all_together_are_bounded(world: ImapWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 5464 section 7."""
    limits = world.store.sharing.annotation_limits._replace(octets_together=1000)
    monkeypatch.setattr(Sharing, "annotation_limits", limits)
    async with await world.log_in() as client:
        await client.ok("SETMETADATA INBOX (/shared/a {})", b"x" * 500)
        reply = await client.command("SETMETADATA Trash (/private/a {})", b"x" * 500)
        assert (reply.status, reply.code) == ("NO", "OVERQUOTA")


async def test_what_is_shared_on_the_server_is_the_administrators(world: ImapWorld) -> None:
    """RFC 5464 sections 3.2.1.1 and 3.3: everybody of a tenant reads it, administrators set it."""
    async with await world.log_in() as client:
        assert (await client.command('SETMETADATA "" (/shared/comment "x")')).code == "NOPERM"
        assert (await client.command('SETMETADATA "" (/private/a "x" /shared/b "x")')).code == "NOPERM"
        assert await client.ok('GETMETADATA "" (/private/a)') == [b'METADATA "" (/private/a NIL)']
    world.directory.administrator = True
    async with await world.log_in() as client:
        await put(client, "", shared_comment=b"closed on Monday", private_comment=b"mine")
        assert (await client.command('SETMETADATA "" (/shared/admin "tel:1")')).code == "NOPERM"
    await add_account(world.store, OTHER, "other@example.test")
    await add_account(world.store, AccountId(3), "x@example.org", TenantId(DEFAULT_TENANT + 1))
    world.directory.account = OTHER
    world.directory.administrator = False
    async with await world.log_in() as client:
        assert await client.ok('GETMETADATA "" (DEPTH infinity) (/shared /private)') == [
            b'METADATA "" (/shared/admin "mailto:postmaster@example.test" /shared/comment "closed on Monday")'
        ]
    world.directory.account = AccountId(3)
    async with await world.log_in() as client:
        assert await client.ok('GETMETADATA "" /shared/comment') == [b'METADATA "" (/shared/comment NIL)']


async def test_the_administrator_can_be_anywhere(world: ImapWorld) -> None:
    """RFC 5464 section 6.2.2."""
    world.settings = dataclasses.replace(FAST, admin_uri="tel:+43-1-234")
    async with await world.log_in() as client:
        assert await client.ok('GETMETADATA "" /shared/admin') == [
            b'METADATA "" (/shared/admin "tel:+43-1-234")'
        ]
        assert await client.ok("GETMETADATA INBOX /shared/admin") == [b"METADATA INBOX (/shared/admin NIL)"]


async def test_filters_are_kept_and_used(world: ImapWorld) -> None:
    """RFC 5466 sections 3.1 and 3.2: the private one before the shared one."""
    await filled(world)
    world.directory.administrator = True
    async with await world.log_in("INBOX") as client:
        await client.ok(f'SETMETADATA "" ({HOME}on-the-road "OR SEEN FROM \\"joe\\"")')
        await client.ok('SETMETADATA "" (/shared/filters/values/on-the-road {})', b"NOT ALL")
        found = await client.ok("SEARCH OR SEEN FROM joe")
        assert found != [b"SEARCH"]
        assert await client.ok("SEARCH FILTER On-The-Road") == found
        assert await client.ok('GETMETADATA "" (DEPTH 1) /private/filters/values') == [
            b'METADATA "" (/private/filters/values/on-the-road "OR SEEN FROM \\"joe\\"")'
        ]
        await client.ok(f'SETMETADATA "" ({HOME}new "FILTER on-the-road" {HOME}on-the-road NIL)')
        assert await client.ok("SEARCH FILTER new") == [b"SEARCH"]
        await client.ok('SETMETADATA "" (/shared/filters/values/on-the-road NIL)')
        assert (await client.command("SEARCH FILTER new")).code == "UNDEFINED-FILTER on-the-road"
        await put(client, "INBOX", private_filters_values_here=b"OR SEEN")  # of a Mailbox: only a text
        assert (await client.command("UID SEARCH FILTER here")).code == "UNDEFINED-FILTER here"
    world.directory.administrator = False
    async with await world.log_in() as client:
        assert (await client.command('SETMETADATA "" (/shared/filters/values/a "ALL")')).code == "NOPERM"


async def test_what_is_no_filter(world: ImapWorld) -> None:
    """RFC 5466 sections 3.2 and 4: keys that are whole, in UTF-8, under a name that is an atom."""
    async with await world.log_in() as client:
        for value in (
            b"",
            b"OR SMALLER",
            b"(SEEN",
            b"SEEN ",
            b"SUBJECT \xff",
            b"X-DSFA 5",
            b"SUBJECT {9}\r\nx",
        ):
            reply = await client.command(f'SETMETADATA "" (/private/a "1" {HOME}a {{}})', value)
            assert (reply.status, reply.code) == ("NO", "CANNOT"), value
        for name in ("a/b", "a]", "a(b", "a b", '\\"'):
            assert (await client.command(f'SETMETADATA "" ("{HOME}{name}" "ALL")')).status == "BAD", name
        assert await client.ok('GETMETADATA "" (DEPTH infinity) /private') == []
        for octets, code in (
            (MAX_FILTER_OCTETS - 1, ""),
            (MAX_FILTER_OCTETS, ""),
            (MAX_FILTER_OCTETS + 1, f"METADATA MAXSIZE {MAX_FILTER_OCTETS}"),
        ):
            value = b'OR TEXT "%b" TEXT "%b"' % (b"x" * 8190, b"x" * (octets - 8190 - 18))
            assert len(value) == octets
            reply = await client.command(f'SETMETADATA "" ({HOME}large {{}})', value)
            assert reply.code == code
