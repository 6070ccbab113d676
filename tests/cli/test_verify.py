import json
from collections.abc import Callable
from pathlib import Path

import trio
from click.testing import Result

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.cli.installation import open_installation
from pymailcore.runtime.clock import now_ms
from pymailcore.store.types import Transaction

Run = Callable[..., Result]


def put_mail(config: Path) -> None:
    async def work() -> None:
        async with open_installation(config) as core:
            envelope = Envelope(reverse_path=None, recipients=(Address("anna", "example.test"),))
            octets = b"Subject: x\r\n\r\n" + b"x" * 5_000 + b"\r\n"
            await core.delivery.accept(envelope, octets, tenant=DEFAULT_TENANT, received_ms=now_ms())

    trio.run(work)


def break_counter(config: Path) -> None:
    async def work() -> None:
        async with open_installation(config) as core:

            async def spoil(tx: Transaction) -> None:
                await tx.run("UPDATE mailboxes SET messages = messages + 1 WHERE role = 'inbox'")

            await core.store.database.write(spoil)

    trio.run(work)


def test_a_sound_store(run: Run, config: Path) -> None:
    run("account", "add", "anna@example.test")
    put_mail(config)
    assert run("verify", "--messages").output.startswith("no faults (6 Mailboxes, 1 accounts, ")
    assert json.loads(run("verify", "--json").output) == []


def test_a_wrong_counter_is_found(run: Run, config: Path) -> None:
    run("account", "add", "anna@example.test")
    put_mail(config)
    break_counter(config)
    result = run("verify")
    assert str(result.exception).startswith("1 faults in the store; `pymailcore verify --repair`")
    (row,) = json.loads(run("verify", "--json").output)
    assert (row["state"], row["kind"]) == ("fault", "Mailbox with wrong counts")


def test_a_repair_says_what_it_did_and_ends_with_all_well(run: Run, config: Path) -> None:
    run("account", "add", "anna@example.test")
    put_mail(config)
    break_counter(config)
    result = run("verify", "--repair", "--json")
    assert result.exit_code == 0
    (row,) = json.loads(result.output)
    assert (row["state"], row["detail"]) == ("repaired", "counted anew")
    assert json.loads(run("verify", "--repair", "--json").output) == []


def test_one_account_alone(run: Run, config: Path) -> None:
    run("account", "add", "anna@example.test")
    run("account", "add", "bob@example.test")
    put_mail(config)
    break_counter(config)
    assert run("verify", "--account", "anna@example.test").exit_code == 1
    result = run("verify", "--account", "carl@example.test")
    assert "no account carl@example.test" in str(result.exception)


def test_a_message_that_is_damaged_is_found(run: Run, config: Path) -> None:
    run("account", "add", "anna@example.test")
    put_mail(config)
    for pack in (config.parent / "data" / "packs").rglob("*"):
        if pack.is_file():
            octets = bytearray(pack.read_bytes())
            octets[-1] ^= 1  # of the last blob; the head of a record stands in front of it
            pack.write_bytes(octets)
    result = run("verify", "--messages")
    assert result.exit_code == 1
    assert "Email" in result.output
