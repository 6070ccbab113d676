"""accounts: who blocked the sending of one, and what becomes of its mail in the queue when it is removed."""

from typing import Any

import pytest
from tests.support.deliveries import MESSAGE, envelope
from tests.support.directories import START_MS, Clock, address
from tests.support.stored_post import ROOT, Process, make_process
from tests.support.stores import Opened

from pymailcore.admin.operation import moment
from pymailcore.admin.registry import Administration
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.directory.audit_log import Filter
from pymailcore.directory.permissions import View
from pymailcore.directory.types import Account
from pymailcore.submission.settings import SubmissionSettings

ANN = "ann@a.example"
BEN = "ben@a.example"
EVERYTHING = View(everything=True, tenants=frozenset(), domains=frozenset())


@pytest.fixture
async def it(opened: Opened) -> Process:
    process = make_process(opened, Clock())
    await process.add(ANN, DEFAULT_TENANT)
    await process.add(BEN)
    return process


async def do(it: Process, name: str, **arguments: object) -> dict[str, Any]:
    return await Administration(it.directory, it.queue, now_ms=it.clock).call(ROOT, name, arguments)


async def test_who_blocked_an_account_is_shown_until_it_may_send(it: Process) -> None:
    assert (await do(it, "account.show", account=ANN))["sending_block"] is None
    await do(it, "account.set", account=ANN, send_blocked=True)
    it.clock.ms += 60_000
    await do(it, "account.set", account=ANN, send_blocked=True)  # it is already
    assert (await do(it, "account.show", account=ANN))["sending_block"] == {
        "automatic": False,
        "by": ROOT.name,
        "since": moment(START_MS),
        "why": "",
    }
    await do(it, "account.set", account=ANN, send_blocked=False)
    assert (await do(it, "account.show", account=ANN))["sending_block"] is None
    assert await it.rows("SELECT account FROM sending_blocks") == []


async def test_a_block_by_the_server_itself_says_so(it: Process) -> None:
    account = await it.directory.accounts.get(address(ANN))
    principal = await it.directory.principal(account.id)
    assert await it.directory.sending_holds.refused(principal, "100 messages an hour", after=1)
    assert (await do(it, "account.show", account=ANN))["sending_block"] == {
        "automatic": True,
        "by": "system",
        "since": moment(START_MS),
        "why": "100 messages an hour",
    }
    await it.opened.store.database.write(lambda tx: tx.run("DELETE FROM sending_blocks"))
    shown = (await do(it, "account.show", account=ANN))["sending_block"]
    assert shown == {"automatic": False, "by": None, "since": None, "why": ""}


@pytest.mark.parametrize("operation", ["account.remove", "account.erase"])
async def test_what_waits_of_a_removed_account_is_dropped(it: Process, operation: str) -> None:
    """Held mail, what is to wait until its time, and what waits; not what others have sent."""
    ann, ben = [(await it.directory.accounts.get(address(name))).id for name in (ANN, BEN)]
    await it.submit(SubmissionSettings(), ann, ANN, "x@b.example", "y@c.example")
    await do(it, "account.set", account=ANN, send_blocked=True)
    await do(it, "account.set", account=BEN, send_blocked=True)
    await do(it, "account.set", account=BEN, send_blocked=False)
    await it.submit(SubmissionSettings(), ben, BEN, "z@b.example")
    assert await it.states() == {"held": 2, "waiting": 1}
    told = await do(it, operation, account=ANN)
    assert told["dropped" if operation == "account.remove" else "queue_dropped"] == 2
    assert [one.recipient for one in await it.queue.entries()] == ["z@b.example"]
    assert await it.rows("SELECT id FROM queue_messages WHERE account = ?1", ann) == []
    (record,) = await it.directory.audit.listing(EVERYTHING, Filter(action="queue.drop"))
    assert (record.actor, record.subject, record.new) == (ROOT.name, f"from {ANN}", '{"recipients":2}')
    if operation == "account.erase":
        (queued,) = [one for one in told["tables"] if one["table"] == "queue_messages"]
        assert (queued["removed"], queued["left"]) == (1, 0)
    assert (await it.directory.audit.verify()).broken is None


async def test_what_was_on_its_way_into_the_queue_is_dropped_at_last(
    it: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message that is taken while the account is removed does not stay behind it."""
    ann = (await it.directory.accounts.get(address(ANN))).id
    end = it.directory.accounts.end

    async def ending(account: Account) -> None:
        begun = envelope("x@b.example", reverse_path=ANN)
        await it.delivery.accept(begun, MESSAGE, tenant=account.tenant, received_ms=START_MS, account=ann)
        await end(account)

    monkeypatch.setattr(it.directory.accounts, "end", ending)
    assert (await do(it, "account.remove", account=ANN))["dropped"] == 1
    assert await it.queue.entries() == []
