from tests.support.stores import Opened

from pymailcore.store.keywords import FLAGGED, Keywords
from pymailcore.store.types import FlagChange, Transaction


async def test_what_has_changed_and_gone_since_a_modseq(opened: Opened) -> None:
    """RFC 7162 sections 3.1.4.1 and 3.2.6: what came and went after it is told, too."""
    store, account, inbox, archive = (
        opened.store,
        opened.account,
        opened.mailbox("INBOX"),
        opened.mailbox("Archive"),
    )
    for _ in range(4):
        await opened.deliver()
    since = (await store.states(account)).modseq
    assert list(await store.past.changed_uids(account, inbox, since)) == []
    assert list(await store.past.vanished(account, inbox, since) or ()) == []
    await store.set_flags(account, inbox, [(2, 2)], FlagChange.ADD, Keywords(FLAGGED))
    await store.copy(account, inbox, [(3, 3)], archive)
    await store.move(account, inbox, [(4, 4)], archive)
    await opened.deliver()
    await store.set_flags(account, inbox, [(5, 5)], FlagChange.ADD, Keywords(), deleted=True)
    between = (await store.states(account)).modseq
    await store.expunge(account, inbox, None)
    await opened.deliver()
    assert list(await store.past.changed_uids(account, inbox, since)) == [2, 6]
    assert list(await store.past.vanished(account, inbox, since) or ()) == [4, 5]
    assert list(await store.past.changed_uids(account, inbox, between)) == [6]
    assert list(await store.past.vanished(account, inbox, between) or ()) == [5]
    assert list(await store.past.changed_uids(account, archive, since)) == [1, 2]


async def test_what_was_forgotten_is_not_known(opened: Opened) -> None:
    """RFC 7162 section 3.2.6: then all that is not there may have gone."""
    store, account, inbox = opened.store, opened.account, opened.mailbox("INBOX")
    await opened.deliver()
    floor = (await store.states(account)).modseq

    async def compact(tx: Transaction) -> None:
        await tx.run("UPDATE accounts SET log_floor = ?2 WHERE id = ?1", account, floor)

    await store.database.write(compact)
    assert await store.past.vanished(account, inbox, floor - 1) is None
    assert await store.past.vanished(account, inbox, floor) is not None
    assert await store.past.vanished(account, opened.mailbox("Archive"), floor - 1) is None
