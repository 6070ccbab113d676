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

Run = Callable[..., Result]


def put_mail(config: Path, text: str) -> None:
    async def work() -> None:
        async with open_installation(config) as core:
            envelope = Envelope(reverse_path=None, recipients=(Address("anna", "example.test"),))
            octets = f"Subject: {text}\r\nMessage-ID: <{text}@x>\r\n\r\n{text}\r\n".encode()
            await core.delivery.accept(envelope, octets, tenant=DEFAULT_TENANT, received_ms=now_ms())

    trio.run(work)


def test_backups_are_taken_listed_and_pruned(run: Run, config: Path, tmp_path: Path) -> None:
    run("account", "add", "anna@example.test")
    put_mail(config, "one")
    place = tmp_path / "backup"
    (first,) = json.loads(run("backup", place, "--json").output)
    assert (first["state"], first["emails"], first["previous"]) == ("whole", 1, "")
    put_mail(config, "two")
    (second,) = json.loads(run("backup", "--incremental", place, "--json").output)
    assert (second["emails"], second["previous"]) == (2, first["backup"])
    listed = json.loads(run("backup", "list", place, "--json").output)
    assert [row["backup"] for row in listed] == [first["backup"], second["backup"]]
    pruned = run("backup", "prune", place, "--keep", "1")
    assert pruned.output.startswith(f"{first['backup']}\n1 backups and ")
    assert len(json.loads(run("backup", "list", place, "--json").output)) == 1
    assert run("restore", "--from", place, "--verify").exit_code == 0


def test_keys_are_kept_and_the_master_key_is_not(run: Run, config: Path, tmp_path: Path) -> None:
    data = config.parent / "data"
    (data / "keys").mkdir(exist_ok=True)
    (data / "keys" / "dkim.pem").write_text("dkim")
    assert run("keys", "create", data / "keys" / "master").exit_code == 0
    text = config.read_text().replace(
        "[[listener]]", '[store]\nencryption_key_file = "data/keys/master"\n[[listener]]', 1
    )
    config.write_text(text)
    assert run("backup", tmp_path / "backup").exit_code == 0
    held = b"".join(path.read_bytes() for path in (tmp_path / "backup").rglob("*") if path.is_file())
    assert b"dkim" in held
    assert (data / "keys" / "master").read_bytes().splitlines()[-1] not in held


def test_a_place_that_is_none(run: Run, config: Path) -> None:
    assert "s3://bucket/prefix" in str(run("backup", "ftp://x/y").exception)
    assert run("backup", "prune", "/nowhere").exit_code == 2
