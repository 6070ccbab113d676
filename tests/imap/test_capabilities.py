from tests.support.imap_client import PASSWORD, USER, ImapWorld

from pymailcore.imap.capabilities import AFTER_LOGIN, ALWAYS


def test_each_is_announced_once_and_none_takes_the_place_of_another() -> None:
    """RFC 7888 section 5: LITERAL+ or LITERAL-; RFC 6855 section 6: UTF8=ACCEPT or UTF8=ONLY."""
    assert len(set(AFTER_LOGIN)) == len(AFTER_LOGIN)
    assert set(ALWAYS) <= set(AFTER_LOGIN)
    assert b"LITERAL-" not in AFTER_LOGIN
    assert b"UTF8=ONLY" not in AFTER_LOGIN
    assert ALWAYS[0] == b"IMAP4rev1"


async def test_what_needs_a_login_is_told_after_it(world: ImapWorld) -> None:
    """RFC 3501 section 6.1.1: an old client stops at what it does not know; little is said to strangers."""
    async with await world.connect() as client:
        before = set(client.greeting.split(b"[CAPABILITY ")[1].split(b"]")[0].split())
        assert before == {*ALWAYS, *(name for name in before if name.startswith(b"AUTH="))}
        await client.ok(f'LOGIN {USER} "{PASSWORD}"')
        (line,) = await client.ok("CAPABILITY")
        assert line.split()[1:] == [*AFTER_LOGIN, b"APPENDLIMIT=52428800", b"COMPRESS=DEFLATE"]


async def test_extensions_stand_by_what_they_build_on(world: ImapWorld) -> None:
    """RFC 5819 section 1, RFC 9590 section 1, RFC 9208 section 5, RFC 7162 section 3.2."""
    names = set(AFTER_LOGIN)
    for name, needed in (
        (b"LIST-STATUS", {b"LIST-EXTENDED"}),
        (b"LIST-METADATA", {b"LIST-EXTENDED", b"METADATA"}),
        (b"CREATE-SPECIAL-USE", {b"SPECIAL-USE"}),
        (b"QUOTA", {b"QUOTA=RES-STORAGE", b"QUOTA=RES-MESSAGE", b"QUOTA=RES-MAILBOX"}),
        (b"UTF8=ACCEPT", {b"ENABLE"}),
    ):
        assert name in names
        assert needed <= names
