"""Declared state, applied to a real store."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from tests.cli.test_account import may_log_in
from tests.support.postgres import cluster

from pymailcore.base.errors import InvalidValue
from pymailcore.cli.common import Failure

Run = Callable[..., Result]

PLAN = """\
[roles]
helpdesk = ["account.read", "session.end"]

[tenants.acme]
display = "Acme Ltd."
limits = { accounts = 50 }

[domains."acme.test"]
tenant = "acme"
limits = { octets = "1T" }

[domains."acme.example"]
tenant = "acme"
alias_of = "acme.test"

[accounts."Anna@acme.test"]
full_name = "Anna Arnold"
password_file = "anna.password"
limits = { octets = "5G" }
forwards = { "Anna@example.net" = "copy" }
send_as = ["team@acme.test"]
on_behalf = ["office@acme.test"]
roles = ["tenant-admin on acme", "helpdesk on acme.test"]

[accounts."office@acme.test"]
kind = "shared"
send_blocked = true

[aliases]
"*@acme.test" = ["sales@acme.test"]
"sales@acme.test" = ["anna@acme.test", "ben@example.net"]

[groups."team@acme.test"]
posting = "members"
members = ["anna@acme.test", "sales@acme.test"]
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    (tmp_path / "anna.password").write_text("long enough\n")
    path = tmp_path / "plan.toml"
    path.write_text(PLAN)
    return path


def test_a_plan_is_carried_out_and_a_second_time_there_is_nothing(run: Run, config: Path, plan: Path) -> None:
    dry = run("apply", plan, "--dry-run")
    assert "+ account Anna@acme.test\n" in dry.stdout
    assert "long enough" not in dry.output
    assert run("account", "list").output == ""
    done = run("apply", plan)
    assert done.stdout == dry.stdout
    assert may_log_in(config, "anna@acme.test", "long enough")
    assert "helpdesk\tdomain\tacme.test\t" in run("role", "holders", "anna@acme.test").output
    assert "octets\t1099511627776\t" in run("limit", "show", "acme.test").output
    assert run("account", "forwards", "anna@acme.test").output == "Anna@example.net\tyes\n"
    rights = run("account", "send-rights", "anna@acme.test").output
    assert rights == "office@acme.test\ton-behalf\nteam@acme.test\tsend-as\n"
    assert run("apply", plan).stdout == "nothing to do: everything is as the plan says\n"
    assert run("apply", plan, "--prune").stdout == "nothing to do: everything is as the plan says\n"


def test_on_postgresql(run: Run, plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plan, table, audit log, export and erasure over the other engine."""
    with cluster().database() as url:
        made = run(
            "init", tmp_path / "mail", "--hostname", "mx.example.test", "--domain", "example.test",
            "--loopback", "--metadata", url,
        )  # fmt: skip
        assert made.exit_code == 0, made.output
        monkeypatch.setenv("PYMAILCORE_CONFIG", str(tmp_path / "mail" / "pymailcore.toml"))
        assert run("apply", plan).exit_code == 0
        assert run("apply", plan, "--prune").stdout == "nothing to do: everything is as the plan says\n"
        table = tmp_path / "people.csv"
        table.write_text("address,quota,aliases,groups\nben@acme.test,1G,b@acme.test,team@acme.test\n")
        assert run("account", "import-csv", table).output.startswith("1 added")
        assert run("account", "import-csv", table, "--update").output.startswith("0 added, 1 updated")
        assert run("account", "export", "ben@acme.test", tmp_path / "ben").exit_code == 0
        report = json.loads(run("account", "erase", "ben@acme.test", "--json").stdout)
        assert {one["left"] for one in report["tables"]} == {0}
        assert run("alias", "list", "--prefix", "b@").stdout == ""
        assert run("audit", "verify").exit_code == 0


def test_what_was_exported_changes_nothing(run: Run, config: Path, plan: Path, tmp_path: Path) -> None:
    run("apply", plan)
    exported = tmp_path / "exported.toml"
    exported.write_text(run("apply", "--export").stdout)
    assert '[domains."example.test"]' in exported.read_text()
    assert "long enough" not in exported.read_text()
    again = run("apply", exported, "--prune")
    assert again.stdout == "nothing to do: everything is as the plan says\n", again.output


@pytest.mark.usefixtures("config")
def test_the_example_of_the_documentation_can_be_applied(run: Run) -> None:
    example = Path(__file__).parents[2] / "conf" / "plan.toml"
    assert run("apply", example).exit_code == 0
    assert run("apply", example, "--prune").stdout == "nothing to do: everything is as the plan says\n"


def test_only_pruning_removes(run: Run, config: Path, plan: Path) -> None:
    run("apply", plan)
    run("account", "add", "eve@acme.test")
    run("account", "add", "eve@example.test")  # of a domain that the plan does not name
    plan.write_text(PLAN.replace(', "ben@example.net"', "").replace('full_name = "Anna Arnold"', ""))
    assert run("apply", plan).stdout == "nothing to do: everything is as the plan says\n"
    pruned = run("apply", plan, "--prune", "--yes")
    assert sorted(pruned.stdout.splitlines()) == [
        "- account eve@acme.test",
        "- alias sales@acme.test to ben@example.net",
    ]
    assert "eve@example.test\t" in run("account", "list").output
    assert "full_name: Anna Arnold\n" in run("account", "show", "anna@acme.test").output


@pytest.mark.usefixtures("config")
def test_what_cannot_be_done_says_how_far_it_came(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text('[domains."a.test"]\n[aliases]\n"x@a.test" = ["nobody@a.test"]\n')
    fault = run("apply", path).exception
    assert isinstance(fault, Failure)
    assert str(fault).startswith(f"{path}:3: + alias x@a.test to nobody@a.test: ")
    assert str(fault).endswith("; 1 change was made before; correct the plan and apply it again")
    path.write_text("[domain]\n")
    assert isinstance(run("apply", path).exception, InvalidValue)
    assert run("apply").exit_code == 2
    assert run("apply", path, "--export").exit_code == 2


@pytest.mark.usefixtures("config")
def test_a_missing_password_file_stops_before_anything_is_done(run: Run, plan: Path, tmp_path: Path) -> None:
    (tmp_path / "anna.password").unlink()
    for way in ((), ("--dry-run",)):
        fault = run("apply", plan, *way).exception
        assert isinstance(fault, Failure)
        assert f"{plan}:16: password_file: {tmp_path}/anna.password: No such file" in str(fault)
    assert run("tenant", "list").output.startswith("default\t")
