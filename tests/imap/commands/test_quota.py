import pytest
from tests.support import mails
from tests.support.imap_client import ACCOUNT, PASSWORD, USER, ImapWorld

from pymailcore.store.types import Quota


async def test_no_limits_is_an_empty_list(world: ImapWorld) -> None:
    """RFC 9208 section 4.2.1."""
    async with await world.log_in() as client:
        assert await client.ok('GETQUOTA ""') == [b'QUOTA "" ()']
        assert await client.ok("GETQUOTAROOT INBOX") == [b'QUOTAROOT INBOX ""', b'QUOTA "" ()']


async def test_what_is_held_and_what_may_be(world: ImapWorld) -> None:
    """RFC 9208 sections 4.1 and 5: STORAGE in units of 1024 octets, a part of one is one."""
    octets = mails.plain()
    await world.deliver(octets)
    async with await world.log_in() as client:
        await world.store.quotas.set_account(ACCOUNT, Quota(octets=10_241, emails=5, mailboxes=7))
        kib = -(-len(octets) // 1024)
        line = b'QUOTA "" (STORAGE %d 11 MESSAGE 1 5 MAILBOX 6 7)' % kib
        assert await client.ok('GETQUOTA ""') == [line]
        assert await client.ok('GETQUOTAROOT "not &ARU- there"') == [
            b'QUOTAROOT "not &ARU- there" ""',
            line,
        ]
        await world.store.quotas.set_account(ACCOUNT, Quota(emails=2**62))
        assert await client.ok('GETQUOTA ""') == [b'QUOTA "" (MESSAGE 1 %d)' % 2**62]


async def test_there_is_no_other_root_and_nothing_is_set(world: ImapWorld) -> None:
    """RFC 9208 sections 4.1.1 and 4.1.3: QUOTASET is not announced."""
    async with await world.log_in() as client:
        for root in ("INBOX", "other@example.test", "tenant"):
            assert (await client.command(f"GETQUOTA {root}")).code == "NONEXISTENT"
        assert (await client.command('SETQUOTA "" (STORAGE 1)')).status == "BAD"
        (line,) = await client.ok("CAPABILITY")
        assert b"QUOTASET" not in line
        assert {b"QUOTA", b"QUOTA=RES-STORAGE", b"QUOTA=RES-MESSAGE", b"QUOTA=RES-MAILBOX"} <= set(
            line.split()
        )


async def test_nobody_is_told_before_login(world: ImapWorld) -> None:
    """RFC 9208 section 8."""
    async with await world.connect() as client:
        assert (await client.command('GETQUOTA ""')).status == "BAD"
        assert (await client.command("GETQUOTAROOT INBOX")).status == "BAD"


@pytest.mark.parametrize("mailboxes", [6, 7, 8])
async def test_mailboxes_are_limited(world: ImapWorld, mailboxes: int) -> None:
    """RFC 9208 section 5.3; at the limit less one, the limit, the limit and one."""
    await world.store.quotas.set_account(ACCOUNT, Quota(mailboxes=mailboxes))
    async with await world.log_in() as client:
        for number in range(6, 9):
            reply = await client.command(f"CREATE new{number}")
            assert (reply.code == "OVERQUOTA") is (number >= mailboxes)


async def test_what_an_expunge_would_give_back(world: ImapWorld) -> None:
    r"""RFC 9208 section 4.1.4: exact; an Email that is elsewhere, too, gives nothing back."""
    first, second = mails.plain(), mails.picture()
    await world.deliver(first)
    await world.deliver(second)
    async with await world.log_in("INBOX") as client:
        items = "(DELETED DELETED-STORAGE)"
        assert await client.ok(f"STATUS INBOX {items}") == [b"STATUS INBOX (DELETED 0 DELETED-STORAGE 0)"]
        await client.ok("COPY 1 Sent")
        await client.ok("COPY 2 INBOX")
        await client.ok("STORE 1:2 +FLAGS (\\Deleted)")
        assert await client.ok(f"STATUS INBOX {items}") == [b"STATUS INBOX (DELETED 2 DELETED-STORAGE 0)"]
        await client.ok("STORE 3 +FLAGS (\\Deleted)")
        assert await client.ok(f'LIST "" INBOX RETURN (STATUS {items})') == [
            b'LIST (\\HasNoChildren) "/" INBOX',
            b"STATUS INBOX (DELETED 3 DELETED-STORAGE %d)" % len(second),
        ]
        _, before = await world.store.quotas.of_account(ACCOUNT)
        await client.ok("EXPUNGE")
        _, after = await world.store.quotas.of_account(ACCOUNT)
        assert (before.octets or 0) - (after.octets or 0) == len(second)


async def test_a_secret_that_may_only_read_may_ask(world: ImapWorld) -> None:
    """What it says is for its owner."""
    async with await world.connect() as client:
        await client.ok(f'LOGIN {USER} "{PASSWORD}"')
        assert await client.ok('GETQUOTA ""')
