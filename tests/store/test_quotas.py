"""Quotas of accounts, domains and tenants at the limit and beside it (RFC 9208 section 5)."""

import pytest
from tests.support.stores import RECEIVED_MS, Opened, a_message, add_account

from pymailcore.base.errors import InvalidValue, NotFound, OverQuota
from pymailcore.base.ids import DEFAULT_TENANT, AccountId
from pymailcore.store.keywords import Keywords
from pymailcore.store.query import And
from pymailcore.store.quotas import FULL_SECONDS, REMEMBER_SECONDS, Quotas
from pymailcore.store.types import FlagChange, Incoming, Quota, Target, Transaction

DOMAIN = 7
SIZE = len(a_message())


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
async def quotas(opened: Opened) -> Quotas:
    """The store's quotas; the account's domain is there, and the clock stands."""

    async def work(tx: Transaction) -> None:
        await tx.run(
            "INSERT INTO domains (id, tenant, name, created_ms) VALUES (?1, ?2, 'example.org', 0)",
            DOMAIN,
            DEFAULT_TENANT,
        )

    await opened.store.database.write(work)
    return opened.store.quotas


@pytest.mark.parametrize(
    ("quota", "text"),
    [
        (Quota(octets=3 * SIZE), "the account's quota of octets"),
        (Quota(octets=4 * SIZE - 1), "the account's quota of octets"),
        (Quota(emails=3), "the account's quota of Emails"),
    ],
)
async def test_an_account_takes_what_fits_and_no_more(quota: Quota, text: str, opened: Opened) -> None:
    await opened.store.quotas.set_account(opened.account, quota)
    for _ in range(3):
        await opened.deliver()
    with pytest.raises(OverQuota, match=text):
        await opened.deliver()
    await opened.check()
    limits, used = await opened.store.quotas.of_account(opened.account)
    assert (limits, used) == (quota, Quota(3 * SIZE, 3, 6))
    # What is expunged leaves room at once.
    rows, *_ = await opened.store.query(opened.account, And(()), [])
    await opened.store.destroy_emails(opened.account, rows[:1])
    await opened.deliver()
    await opened.check()


async def test_many_messages_fit_together_or_not_at_all(opened: Opened) -> None:
    """RFC 3502 section 6.3.11: MULTIAPPEND is atomic."""
    store, account = opened.store, opened.account
    await store.quotas.set_account(account, Quota(octets=3 * SIZE))
    prepared = await store.prepare(a_message())
    one = Incoming(prepared, [Target(account, "inbox")], RECEIVED_MS)
    with pytest.raises(OverQuota):
        await store.append_many([one] * 4, tenant=DEFAULT_TENANT)
    assert (await opened.counters("INBOX")).messages == 0
    await store.append_many([one] * 3, tenant=DEFAULT_TENANT)
    assert (await opened.counters("INBOX")).messages == 3
    await opened.check()


async def test_mailboxes_are_counted_with_the_parents_that_are_made(opened: Opened) -> None:
    store, account = opened.store, opened.account
    await store.quotas.set_account(account, Quota(mailboxes=8))
    with pytest.raises(OverQuota):
        await store.create_mailbox(account, "a/b/c")
    made = await store.create_mailbox(account, "a/b")
    with pytest.raises(OverQuota):
        await store.create_mailbox(account, "c")
    with pytest.raises(OverQuota):
        await store.update_mailbox(account, made.id, path="d/b")
    await store.remove_mailbox(account, made.id, with_emails=False)
    await store.create_mailbox(account, "c")
    await opened.check()


@pytest.mark.parametrize(("scope", "id_"), [("domain", DOMAIN), ("tenant", DEFAULT_TENANT)])
@pytest.mark.parametrize("what", ["octets", "Emails"])
async def test_accounts_share_the_limit_of_their_domain_and_tenant(
    scope: str, id_: int, what: str, opened: Opened, quotas: Quotas
) -> None:
    store = opened.store
    await add_account(store, AccountId(2), "ada@example.org")
    limit = Quota(octets=4 * SIZE) if what == "octets" else Quota(emails=4)
    prepared = await store.prepare(a_message())

    async def deliver(account: int) -> None:
        target = Target(AccountId(account), "inbox")
        await store.deliver(prepared, [target], tenant=DEFAULT_TENANT, received_ms=RECEIVED_MS)

    await deliver(1)
    await deliver(2)
    await deliver(2)
    await quotas.set_shared(scope, id_, limit)
    await deliver(1)
    assert await quotas.count()
    assert not await quotas.count()
    await quotas.set_shared(scope, id_, limit)  # what this process remembers is forgotten
    for account in (1, 2):
        with pytest.raises(OverQuota, match=f"the {scope}'s quota of {what}"):
            await deliver(account)
    await quotas.set_shared(scope, id_, Quota())
    await deliver(1)
    await opened.check()


async def test_the_mailboxes_of_a_domain_are_limited(opened: Opened, quotas: Quotas) -> None:
    await quotas.set_shared("domain", DOMAIN, Quota(mailboxes=7))
    await opened.store.create_mailbox(opened.account, "seventh")
    await quotas.set_shared("domain", DOMAIN, Quota(mailboxes=7))
    with pytest.raises(OverQuota, match="the domain's quota of Mailboxes"):
        await opened.store.create_mailbox(opened.account, "eighth")


async def test_what_was_counted_is_believed_for_some_seconds(opened: Opened, quotas: Quotas) -> None:
    """One statement for many appends; ten seconds at most, with the time between two counts."""
    clock = Clock()
    mine = Quotas(opened.store.database, lambda: 5, clock)
    await quotas.set_shared("domain", DOMAIN, Quota(emails=9))
    first = await mine.limits()
    assert first.domains["example.org"].used == Quota(0, 0, 6)
    await opened.deliver()
    await mine.count()
    clock.seconds = REMEMBER_SECONDS - 0.1
    assert await mine.limits() is first
    clock.seconds = REMEMBER_SECONDS
    assert (await mine.limits()).domains["example.org"].used == Quota(SIZE, 1, 6)


async def test_a_limit_is_a_number_and_belongs_to_somebody(opened: Opened) -> None:
    quotas = opened.store.quotas
    with pytest.raises(InvalidValue):
        await quotas.set_account(opened.account, Quota(octets=-1))
    with pytest.raises(InvalidValue):
        await quotas.set_shared("planet", 1, Quota(octets=1))
    for call in (quotas.of_account(AccountId(9)), quotas.set_account(AccountId(9), Quota())):
        with pytest.raises(NotFound):
            await call


async def test_a_quota_below_what_is_held_takes_nothing_away(opened: Opened) -> None:
    await opened.deliver()
    await opened.store.quotas.set_account(opened.account, Quota(octets=0, emails=0))
    assert (await opened.counters("INBOX")).messages == 1
    await opened.store.copy(opened.account, opened.mailbox("INBOX"), [(1, 1)], opened.mailbox("Archive"))
    await opened.check()


async def test_a_replaced_message_makes_room_for_the_new_one(opened: Opened) -> None:
    """RFC 8508 section 3: both, or neither."""
    store, account, inbox = opened.store, opened.account, opened.mailbox("INBOX")
    old = await opened.deliver(a_message("draft", message_id="<d@x>"))
    size = len(a_message("draft", message_id="<d@x>"))
    await store.quotas.set_account(account, Quota(octets=size, emails=1))

    async def replace(octets: bytes, uid: int) -> list[int]:
        message = Incoming(await store.prepare(octets), [Target(account, inbox)], RECEIVED_MS)
        return [one.uid for one in await store.replace(account, inbox, uid, message, tenant=DEFAULT_TENANT)]

    with pytest.raises(OverQuota):
        await replace(a_message("draft!", message_id="<d@x>"), 1)
    with pytest.raises(NotFound):
        await replace(a_message("", message_id="<d@x>"), 9)
    assert (await opened.counters("INBOX")).messages == 1
    assert await replace(a_message("draft", message_id="<d@x>"), 1) == [2]
    rows = await store.snapshot(account, inbox)
    assert list(rows.uids) == [2]
    (email,), *_ = await store.query(account, And(()), [])
    assert email != old.email
    assert (await store.emails(account, [email]))[0].thread == old.thread
    await opened.check()


@pytest.mark.parametrize(
    ("quota", "octets", "room"),
    [
        (Quota(), 10**12, True),
        (Quota(octets=2 * SIZE), SIZE - 1, True),
        (Quota(octets=2 * SIZE), SIZE, True),
        (Quota(octets=2 * SIZE), SIZE + 1, False),
        (Quota(octets=SIZE + 1), 0, True),
        (Quota(octets=SIZE), 0, False),
        (Quota(octets=SIZE - 1), 0, False),
        (Quota(emails=2), SIZE, True),
        (Quota(emails=1), SIZE, False),
    ],
)
async def test_whether_there_is_room_is_known_before_a_message_comes(
    quota: Quota,
    octets: int,
    room: bool,
    opened: Opened,
) -> None:
    """One octet less than fits, as many, one more; 0 is a message of unknown length."""
    await opened.deliver()
    await opened.store.quotas.set_account(opened.account, quota)
    assert await opened.store.quotas.has_room(opened.account, octets) is room


async def test_room_in_what_is_shared_counts_too(quotas: Quotas, opened: Opened) -> None:
    await opened.deliver()
    await quotas.set_shared("domain", DOMAIN, Quota(octets=SIZE + 10))
    assert await quotas.has_room(opened.account, 10)
    assert not await quotas.has_room(opened.account, 11)
    assert await quotas.has_room(
        AccountId(12_345), 11
    )  # who stores it will say that there is no such account


async def test_who_had_no_room_is_remembered_for_messages_of_unknown_length(opened: Opened) -> None:
    """Otherwise such a message would be sent whole, and refused, each time that its sender tries."""
    clock = Clock()
    quotas = Quotas(opened.store.database, lambda: 0, clock)
    other = AccountId(777)
    await add_account(opened.store, other, "other@example.org")
    await quotas.set_account(opened.account, Quota(octets=100))
    assert await quotas.has_room(opened.account, 0)
    assert await quotas.without_room([opened.account, other], 101) == [opened.account]
    assert not await quotas.has_room(opened.account, 0)
    assert await quotas.has_room(opened.account, 100)
    assert await quotas.has_room(other, 0)
    clock.seconds = FULL_SECONDS - 1
    assert not await quotas.has_room(opened.account, 0)
    clock.seconds = FULL_SECONDS
    assert await quotas.has_room(opened.account, 0)


async def test_room_is_looked_at_again_after_some_seconds(opened: Opened) -> None:
    clock = Clock()
    quotas = Quotas(opened.store.database, lambda: 0, clock)
    assert await quotas.has_room(opened.account, 1)
    await quotas.set_account(opened.account, Quota(octets=0))
    clock.seconds = REMEMBER_SECONDS - 0.1
    assert await quotas.has_room(opened.account, 1)
    clock.seconds = REMEMBER_SECONDS
    assert not await quotas.has_room(opened.account, 1)


async def test_what_an_expunge_gives_back(opened: Opened) -> None:
    r"""RFC 9208 section 4.1.4: the Emails that are nowhere but there, with \Deleted."""
    store, account = opened.store, opened.account
    inbox, sent = opened.mailbox("INBOX"), opened.mailbox("Sent")
    first = await opened.deliver()
    second = await opened.deliver(a_message(extra="X-More: octets"))
    assert await store.quotas.reclaimable(account, inbox) == 0
    await store.copy(account, inbox, [(first.uid, first.uid)], sent)
    await store.copy(account, inbox, [(second.uid, second.uid)], inbox)
    both = [(first.uid, second.uid)]
    await store.set_flags(account, inbox, both, FlagChange.ADD, Keywords(), deleted=True)
    assert await store.quotas.reclaimable(account, inbox) == 0
    await store.set_flags(account, inbox, [(1, 99)], FlagChange.ADD, Keywords(), deleted=True)
    assert await store.quotas.reclaimable(account, inbox) == second.size_octets
    assert await store.quotas.reclaimable(AccountId(99), inbox) == 0
