import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from click.testing import Result

from pymailcore.base.errors import AlreadyExists, Forbidden, InvalidValue, NotFound
from pymailcore.cli.common import Failure
from pymailcore.cli.installation import open_installation
from pymailcore.sasl.steps import Credentials

Run = Callable[..., Result]


def may_log_in(config: Path, address: str, password: str) -> bool:
    async def work() -> bool:
        async with open_installation(config) as core:
            try:
                given = Credentials(address, "", password)
                await core.directory.authenticate(given, peer="192.0.2.1", protocol="imap")
            except Forbidden:
                return False
            return True

    return trio.run(work)


def shown(run: Run, address: str = "anna@example.test") -> dict[str, object]:
    found = json.loads(run("account", "show", address, "--json").output)
    assert isinstance(found, dict)
    return found


def test_accounts_come_change_and_go(run: Run, config: Path) -> None:
    added = run("account", "add", "Anna@example.test", "--password-stdin", text="long enough\n")
    assert added.output == "added Anna@example.test\n"
    assert may_log_in(config, "anna@example.test", "long enough")
    listed = json.loads(run("account", "list", "--json").output)
    assert [(entry["address"], entry["state"]) for entry in listed] == [("Anna@example.test", "active")]
    changed = run("account", "set", "anna@example.test", "--admin", "--password-stdin", text="another one\n")
    assert changed.output == "changed anna@example.test\n"
    assert may_log_in(config, "anna@example.test", "another one")
    assert not may_log_in(config, "anna@example.test", "long enough")
    assert run("account", "remove", "anna@example.test").output == "removed anna@example.test\n"
    assert run("account", "list").output == ""


@pytest.mark.usefixtures("config")
def test_an_administrator_holds_the_role_of_an_operator(run: Run) -> None:
    run("account", "add", "anna@example.test", "--admin")
    held = json.loads(run("role", "holders", "anna@example.test", "--json").output)
    assert [(one["role"], one["scope"]) for one in held] == [("operator", "installation")]
    assert run("account", "set", "anna@example.test", "--admin").exit_code == 0
    assert run("account", "set", "anna@example.test", "--no-admin").exit_code == 0
    assert run("role", "holders").output == ""


def test_the_password_is_one_line_whatever_ends_it(run: Run, config: Path) -> None:
    for number, text in enumerate(["long enough", "long enough\n", "long enough\r\n", "long enough\nmore\n"]):
        run("account", "add", f"user{number}@example.test", "--password-stdin", text=text)
        assert may_log_in(config, f"user{number}@example.test", "long enough"), repr(text)


def test_without_a_terminal_a_password_is_made_and_printed(run: Run, config: Path) -> None:
    output = run("account", "add", "anna@example.test").output
    password = output.splitlines()[1].removeprefix("password ")
    assert may_log_in(config, "anna@example.test", password)


def test_a_hash_of_another_program_signs_in(run: Run, config: Path) -> None:
    digest = hashlib.pbkdf2_hmac("sha256", b"correct horse", b"saltsalt", 1_000)
    salt, key = (
        base64.b64encode(part).decode().replace("+", ".").rstrip("=") for part in (b"saltsalt", digest)
    )
    hashed = f"$pbkdf2-sha256$1000${salt}${key}"
    bad = run("account", "add", "anna@example.test", "--hash-stdin", text="$nonsense$x\n")
    assert isinstance(bad.exception, InvalidValue)
    assert "$nonsense" not in str(bad.exception)
    added = run("account", "add", "anna@example.test", "--hash-stdin", text=hashed + "\n")
    assert added.output == "added anna@example.test\n"
    assert may_log_in(config, "anna@example.test", "correct horse")


def test_what_cannot_be(run: Run, config: Path) -> None:
    assert isinstance(run("account", "add", "a@elsewhere.test").exception, NotFound)
    assert isinstance(run("account", "add", "a@example.test", "--password-stdin").exception, Failure)
    run("account", "add", "a@example.test")
    assert isinstance(run("account", "add", "A@example.test").exception, AlreadyExists)
    assert isinstance(run("account", "remove", "b@example.test").exception, NotFound)
    assert run("account", "set", "a@example.test").exit_code == 2


def test_a_suspended_account_signs_in_no_more_and_says_why(run: Run, config: Path) -> None:
    run("account", "add", "anna@example.test", "--password-stdin", text="long enough\n")
    suspended = run("account", "suspend", "anna@example.test", "--reason", "left in May")
    assert suspended.output == "suspended anna@example.test\n"
    assert (shown(run)["state"], shown(run)["reason"]) == ("suspended", "left in May")
    assert not may_log_in(config, "anna@example.test", "long enough")
    run("account", "resume", "anna@example.test")
    assert (shown(run)["state"], shown(run)["reason"]) == ("active", "")
    assert may_log_in(config, "anna@example.test", "long enough")


@pytest.mark.usefixtures("config")
def test_sending_is_blocked_and_allowed(run: Run) -> None:
    run("account", "add", "anna@example.test")
    assert run("account", "block-sending", "anna@example.test").output == "anna@example.test sends nothing\n"
    assert shown(run)["send_blocked"] is True
    block = shown(run)["sending_block"]
    assert isinstance(block, dict)
    assert block["automatic"] is False
    lines = run("account", "show", "anna@example.test").output.splitlines()
    (line,) = [one for one in lines if one.startswith("sending_block: ")]
    assert line.startswith("sending_block: automatic=no by=operator:"), line
    assert lines[-2:] == [
        "To let it send again, and what is held of it go: pymailcore account allow-sending anna@example.test",
        "To let only that go: pymailcore queue release --account anna@example.test",
    ]
    run("account", "allow-sending", "anna@example.test")
    assert shown(run)["send_blocked"] is False


@pytest.mark.usefixtures("config")
def test_an_account_gets_another_name_and_keeps_the_old_address(run: Run) -> None:
    run("account", "add", "anna@example.test", "--full-name", "Anna Arnold")
    run("account", "set", "anna@example.test", "--full-name", "Anna Berg", "--kind", "personal")
    renamed = run("account", "rename", "anna@example.test", "anna.berg@example.test", "--keep-alias")
    assert renamed.output == "renamed anna@example.test to anna.berg@example.test\n"
    found = shown(run, "anna.berg@example.test")
    assert found["full_name"] == "Anna Berg"
    assert found["addresses"] == ["anna.berg@example.test", "anna@example.test"]
    assert isinstance(run("account", "show", "anna@example.test").exception, NotFound)


@pytest.mark.usefixtures("config")
def test_nobody_signs_in_to_a_shared_account(run: Run) -> None:
    assert run("account", "add", "office@example.test", "--kind", "shared").output == (
        "added office@example.test\n"
    )
    refused = run("account", "set", "office@example.test", "--password-stdin", text="long enough\n")
    assert isinstance(refused.exception, InvalidValue)


@pytest.mark.usefixtures("config")
def test_a_long_list_goes_on_where_it_was_cut(run: Run) -> None:
    names = [f"{letter}@example.test" for letter in "abcde"]
    for name in names:
        run("account", "add", name, "--kind", "shared")
    first = run("account", "list", "--limit", "2")
    assert [line.split("\t")[0] for line in first.stdout.splitlines()] == names[:2]
    assert first.stderr == "there may be more: --after 'b@example.test'\n"
    rest = run("account", "list", "--after", "b@example.test", "--json")
    assert [one["address"] for one in json.loads(rest.stdout)] == names[2:]
    assert run("account", "list", "--limit", "6").stderr == ""
    assert run("account", "list", "--prefix", "c").stdout.startswith("c@example.test\t")


@pytest.mark.usefixtures("config")
def test_what_an_account_shows(run: Run) -> None:
    for name in ("anna@example.test", "boss@example.test"):
        run("account", "add", name)
    run("account", "forward", "anna@example.test", "anna@example.net")
    run("account", "send-as", "anna@example.test", "boss@example.test", "--on-behalf")
    run("account", "set", "anna@example.test", "--quota", "5G")
    lines = run("account", "show", "anna@example.test").output.splitlines()
    for line in (
        "address: anna@example.test",
        "forwards: target=anna@example.net keep_copy=yes",
        "send_rights: address=boss@example.test kind=on-behalf",
        "limits: limit=octets value=5368709120 used=0",
    ):
        assert line in lines
