import pytest
from tests.support import mails
from tests.support.imap_client import ImapClient, ImapWorld
from tests.support.imap_lists import FIRST, names

from pymailcore.imap.protocol.list_grammar import MAX_PATTERNS


async def test_the_first_mailboxes_have_their_use(world: ImapWorld) -> None:
    """RFC 6154 section 2, RFC 3348 section 4, RFC 2342 section 5."""
    async with await world.log_in() as client:
        assert await client.ok('LIST "" *') == FIRST
        assert await client.ok('LIST "" ""') == [b'LIST (\\Noselect) "/" ""']
        assert await client.ok("NAMESPACE") == [b'NAMESPACE (("" "/")) NIL NIL']


@pytest.mark.parametrize(
    ("reference", "pattern", "found"),
    [
        ("", "%", [b"INBOX", b"Drafts", b"Sent", b"Archive", b"Junk", b"Trash", b"a"]),
        ("", "a/%", [b"a/b"]),
        ("a/", "*", [b"a/b", b'"a/b/&- c"']),
        ("", "inbox", [b"INBOX"]),
        ("", "iN*", [b"INBOX"]),
        ("", "inbox/%", []),
        ("", "INBO%", [b"INBOX"]),
        ("", "A", []),
        ("", "a/b/&- c", [b'"a/b/&- c"']),
    ],
)
async def test_patterns(world: ImapWorld, reference: str, pattern: str, found: list[bytes]) -> None:
    """RFC 3501 section 6.3.8; INBOX in any case."""
    async with await world.log_in() as client:
        await client.ok('CREATE "a/b/&- c"')
        assert names(await client.ok(f'LIST "{reference}" "{pattern}"')) == found


async def test_lsub_shows_each_level_above_what_is_subscribed(world: ImapWorld) -> None:
    """RFC 3501 section 6.3.9, and I3: found in one pass, however many Mailboxes there are."""
    async with await world.log_in() as client:
        await client.ok("CREATE a/b/c")
        await client.ok("CREATE other/d")
        for name in ("a", "a/b", "other", "other/d"):
            await client.ok(f"UNSUBSCRIBE {name}")
        await client.ok("SUBSCRIBE a/b/c")
        listed = await client.ok('LSUB "" "%"')
        assert [line for line in listed if b"Noselect" in line] == [b'LSUB (\\Noselect) "/" a']
        assert [line for line in await client.ok('LSUB "" "a/%"') if b"Noselect" in line] == [
            b'LSUB (\\Noselect) "/" a/b'
        ]


async def tree(client: ImapClient) -> None:
    """The names of RFC 5258 section 5, example 9, and what is subscribed to there."""
    for name in (
        "foo2/bar1",
        "foo2/bar2",
        "baz2/bar2",
        "baz2/bar22",
        "baz2/bar222",
        "eps2/mamba",
        "qux2/bar2",
    ):
        await client.ok(f"CREATE {name}")
    for name in ("foo2", "baz2", "qux2", *(line.decode() for line in names(FIRST))):
        await client.ok(f"UNSUBSCRIBE {name}")
    for name in ("foo2", "baz2", "qux2", "eps2"):
        await client.ok(f"{'UN' * (name != 'eps2')}SUBSCRIBE {name}")
    for name in (
        "foo2/bar1",
        "foo2/bar2",
        "baz2/bar2",
        "baz2/bar22",
        "baz2/bar222",
        "eps2/mamba",
        "qux2/bar2",
    ):
        await client.ok(f"SUBSCRIBE {name}")


def short(untagged: list[bytes]) -> list[bytes]:
    """Without attributes of children."""
    return sorted(
        line.replace(b"\\HasChildren", b"").replace(b"\\HasNoChildren", b"").replace(b"( ", b"(")
        for line in untagged
    )


async def test_what_is_subscribed_to(world: ImapWorld) -> None:
    r"""RFC 5258 section 3.1, SUBSCRIBED: exactly that, with \Subscribed; as return option, all with it."""
    async with await world.log_in() as client:
        await client.ok("CREATE a/b")
        await client.ok("UNSUBSCRIBE a")
        assert await client.ok('LIST (SUBSCRIBED) "" a*') == [b'LIST (\\HasNoChildren \\Subscribed) "/" a/b']
        assert await client.ok('LIST (SUBSCRIBED) "" a') == []
        assert await client.ok('LIST "" a* RETURN (SUBSCRIBED CHILDREN SUBSCRIBED)') == [
            b'LIST (\\HasChildren) "/" a',
            b'LIST (\\HasNoChildren \\Subscribed) "/" a/b',
        ]
        assert await client.ok('LIST (REMOTE) "" a') == [b'LIST (\\HasChildren) "/" a']


async def test_recursive_match(world: ImapWorld) -> None:
    """RFC 5258 section 5, example 9; section 3.5: what the pattern shows anyhow is not said again."""
    async with await world.log_in() as client:
        await tree(client)
        info = b' ("CHILDINFO" ("SUBSCRIBED"))'
        assert short(await client.ok('LIST (RECURSIVEMATCH SUBSCRIBED) "" *2')) == sorted(
            [
                b'LIST () "/" foo2' + info,
                b'LIST (\\Subscribed) "/" foo2/bar2',
                b'LIST (\\Subscribed) "/" baz2/bar2',
                b'LIST (\\Subscribed) "/" baz2/bar22',
                b'LIST (\\Subscribed) "/" baz2/bar222',
                b'LIST (\\Subscribed) "/" eps2' + info,
                b'LIST (\\Subscribed) "/" qux2/bar2',
            ]
        )
        assert short(await client.ok('LIST (SUBSCRIBED RECURSIVEMATCH REMOTE) "" %')) == [
            b'LIST () "/" baz2' + info,
            b'LIST () "/" foo2' + info,
            b'LIST () "/" qux2' + info,
            b'LIST (\\Subscribed) "/" eps2' + info,
        ]
        assert short(await client.ok('LIST (SUBSCRIBED) "" %')) == [b'LIST (\\Subscribed) "/" eps2']


async def test_special_use_selects_and_returns(world: ImapWorld) -> None:
    """RFC 6154 section 2 and its example 5.2; below another Mailbox, too."""
    async with await world.log_in() as client:
        assert await client.ok('LIST (SPECIAL-USE) "" * RETURN (SPECIAL-USE)') == FIRST[1:]
        await client.ok("RENAME Junk old/Junk")
        (line,) = await client.ok('LIST (SPECIAL-USE RECURSIVEMATCH) "" old')
        assert line == b'LIST (\\HasChildren) "/" old ("CHILDINFO" ("SPECIAL-USE"))'
        (line,) = await client.ok('LIST (SPECIAL-USE SUBSCRIBED) "" *Junk RETURN ()')
        assert line == b'LIST (\\HasNoChildren \\Junk \\Subscribed) "/" old/Junk'


async def test_several_patterns_and_the_empty_one(world: ImapWorld) -> None:
    """RFC 5258 section 3: one response for a name; an empty pattern takes nothing in the extended form."""
    async with await world.log_in() as client:
        assert names(await client.ok('LIST "" (inbox "Dr%" "D*" "")')) == [b"INBOX", b"Drafts"]
        assert await client.ok('LIST "" ("")') == []
        assert await client.ok('LIST () "" ""') == []
        assert await client.ok('LIST "" "" RETURN ()') == []
        assert await client.ok('LIST "x" ""') == [b'LIST (\\Noselect) "/" ""']


async def test_status_comes_behind_each_line(world: ImapWorld) -> None:
    """RFC 5819 sections 2 and 3: not for a name that is there for its children only."""
    await world.deliver(mails.plain())
    async with await world.log_in() as client:
        size = len(mails.plain())
        assert await client.ok('LIST "" (INBOX Sent) RETURN (STATUS (MESSAGES SIZE) SUBSCRIBED)') == [
            b'LIST (\\HasNoChildren \\Subscribed) "/" INBOX',
            b"STATUS INBOX (MESSAGES 1 SIZE %d)" % size,
            b'LIST (\\HasNoChildren \\Sent \\Subscribed) "/" Sent',
            b"STATUS Sent (MESSAGES 0 SIZE 0)",
        ]
        await client.ok("CREATE a/b")
        await client.ok("UNSUBSCRIBE a")
        assert await client.ok('LIST (SUBSCRIBED RECURSIVEMATCH) "" a RETURN (STATUS (MESSAGES))') == [
            b'LIST (\\HasChildren) "/" a ("CHILDINFO" ("SUBSCRIBED"))'
        ]


async def test_annotations_come_behind_each_line(world: ImapWorld) -> None:
    """RFC 9590 section 3: NIL where there is none."""
    async with await world.log_in() as client:
        await client.ok('SETMETADATA Sent (/private/comment "mine" /shared/comment {})', b"a\0b")
        entries = "METADATA (/private/comment /Shared/Comment)"
        assert await client.ok(f'LIST "" (INBOX Sent) RETURN ({entries} STATUS (MESSAGES))') == [
            b'LIST (\\HasNoChildren) "/" INBOX',
            b"STATUS INBOX (MESSAGES 0)",
            b"METADATA INBOX (/private/comment NIL /Shared/Comment NIL)",
            b'LIST (\\HasNoChildren \\Sent) "/" Sent',
            b"STATUS Sent (MESSAGES 0)",
            b'METADATA Sent (/private/comment "mine" /Shared/Comment ~{3}\r\na\0b)',
        ]
        assert (await client.command('LIST "" * RETURN (METADATA (/other/x))')).status == "BAD"


async def test_xlist_has_the_old_words(world: ImapWorld) -> None:
    r"""XLIST of Gmail: \Inbox, and \Spam beside \Junk."""
    async with await world.log_in() as client:
        assert await client.ok('XLIST "" %') == [
            b'XLIST (\\HasNoChildren \\Inbox) "/" INBOX',
            *(line.replace(b"LIST", b"XLIST").replace(b"\\Junk", b"\\Junk \\Spam") for line in FIRST[1:]),
        ]
        assert await client.ok('XLIST "" ""') == [b'XLIST (\\Noselect) "/" ""']


async def test_many_names_and_many_patterns(world: ImapWorld) -> None:
    """I3: as many patterns as there may be; others work meanwhile."""
    async with await world.log_in() as client:
        for number in range(70):
            await client.ok(f"CREATE {'m' * 100}{number}")
        patterns = " ".join("*m" * 20 + str(number) for number in range(MAX_PATTERNS))
        assert len(await client.ok(f'LIST "" ({patterns})')) == MAX_PATTERNS
        assert (await client.command(f'LIST "" ({patterns} x)')).status == "BAD"
