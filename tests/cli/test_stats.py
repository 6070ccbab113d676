import json
from collections.abc import Callable
from pathlib import Path

import trio
from click.testing import Result

from pymailcore.base.address import Address
from pymailcore.base.envelope import Envelope
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.cli.installation import open_installation
from pymailcore.cli.stats import _text
from pymailcore.runtime.clock import now_ms

Run = Callable[..., Result]


def put_mail(config: Path, copies: int) -> None:
    async def work() -> None:
        async with open_installation(config) as core:
            for _ in range(copies):
                envelope = Envelope(reverse_path=None, recipients=(Address("anna", "example.test"),))
                octets = b"Subject: x\r\n\r\n" + b"the same text again and again\r\n" * 1_000
                await core.delivery.accept(envelope, octets, tenant=DEFAULT_TENANT, received_ms=now_ms())

    trio.run(work)


def test_what_is_held_and_what_is_saved(run: Run, config: Path) -> None:
    run("account", "add", "anna@example.test", "--password-stdin", text="correct horse\n")
    put_mail(config, 3)
    before = json.loads(run("stats", "--json").output)
    assert [tenant["counted"] for tenant in before["tenants"]] == [None]
    found = json.loads(run("stats", "--count", "--json").output)
    (tenant,) = found["tenants"]
    assert (tenant["accounts"], tenant["emails"], tenant["tenant"]) == (1, 3, DEFAULT_TENANT)
    assert tenant["logical_octets"] > 90_000
    assert tenant["saved_octets"] == tenant["logical_octets"] - tenant["stored_octets"]
    assert tenant["saved_percent"] > 95
    assert tenant["shared"] == 2 * tenant["blobs"]
    assert found["store"]["packs"] >= 1
    assert [row["plugin"] for row in found["plugins"]] == ["ratelimit", "greylist"]
    assert found["store"]["free_octets"] > 0


def test_people_get_two_tables(run: Run, config: Path) -> None:
    run("account", "add", "anna@example.test", "--password-stdin", text="correct horse\n")
    put_mail(config, 1)
    result = run("stats")
    assert result.exit_code == 0
    tenants, _, store = result.output.partition("\n\n")
    assert tenants.split("\t")[-1] == "not yet"
    assert any(line.startswith("free octets\t") for line in store.splitlines())


def test_octets_for_people() -> None:
    assert _text("stored_octets", 1_023) == "1023 octets"
    assert _text("stored_octets", 1_536) == "1.5 KiB"
    assert _text("saved_octets", -2 * 2**30) == "-2.0 GiB"
    assert _text("blobs", 2**30) == str(2**30)


def test_the_help_has_examples(run: Run) -> None:
    assert "pymailcore stats --json" in run("stats", "--help").output
