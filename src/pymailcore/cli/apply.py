"""`pymailcore apply`: makes tenants, domains, accounts and all around them as a file says."""

from collections.abc import Mapping
from pathlib import Path

import click

from pymailcore.admin.plan.differences import Step
from pymailcore.admin.plan.plan import Plan, read_plan
from pymailcore.admin.plan.pruning import differences
from pymailcore.admin.plan.writing import write_plan
from pymailcore.app.core import Core
from pymailcore.base.errors import MailError
from pymailcore.cli.common import Failure, config_option, confirm, examples, yes_option
from pymailcore.cli.installation import open_installation, run
from pymailcore.cli.operating import call
from pymailcore.cli.plan_state import StateReader
from pymailcore.cli.transferring import printable


@click.command(
    epilog=examples(
        "pymailcore apply plan.toml --dry-run",
        "pymailcore apply plan.toml",
        "pymailcore apply plan.toml --prune",
        "pymailcore apply --export > plan.toml",
    )
)
@click.argument(
    "file", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True), required=False
)
@click.option("--dry-run", is_flag=True, help="Only write what differs: + comes, - goes, ~ changes.")
@click.option("--prune", is_flag=True, help="Also remove what the plan has a section for and does not name.")
@click.option("--export", is_flag=True, help="Write what there is as a plan; without passwords.")
@yes_option
@config_option
def apply(file: Path | None, config: Path, *, dry_run: bool, prune: bool, export: bool, yes: bool) -> None:
    """Make tenants, domains, accounts, aliases, groups, limits and roles as FILE says.

    What the file does not name stays as it is. A second time there is nothing to do. Passwords are given as
    hashes or as names of files, for accounts that are made; those of accounts that exist stay.
    """
    if export == (file is not None):
        raise click.UsageError("Give a plan, or --export.")
    if file is None:
        _export(config)
        return
    with click.open_file(str(file), encoding="utf-8") as source:
        plan = read_plan(source.read())
    folder = Path() if str(file) == "-" else file.parent
    run(lambda: _apply(config, plan, folder, dry_run=dry_run, prune=prune, yes=yes))


def _export(config: Path) -> None:
    async def work() -> Plan:
        async with open_installation(config) as core:
            return await StateReader(core).read()

    click.echo(write_plan(run(work)), nl=False)


async def _apply(config: Path, plan: Plan, folder: Path, *, dry_run: bool, prune: bool, yes: bool) -> None:
    async with open_installation(config) as core:
        steps = differences(await StateReader(core, plan).read(), plan, prune=prune)
        if not steps:
            click.echo("nothing to do: everything is as the plan says")
            return
        if dry_run:
            for step in steps:
                _tell(step)
            click.echo(f"{len(steps)} changes would be made", err=True)
            return
        _ask(steps, yes=yes)
        arguments = [
            _with_secret(step, folder) for step in steps
        ]  # all files are read before anything is done
        for number, (step, given) in enumerate(zip(steps, arguments, strict=True)):
            await _do(core, step, given, number)
        click.echo(f"{len(steps)} changes made", err=True)


async def _do(core: Core, step: Step, given: Mapping[str, object], number: int) -> None:
    try:
        await call(core, step.operation, **given)
    except MailError as fault:
        done = f"{number} changes were made before; correct the plan and apply it again"
        raise Failure(f"{step.sign} {printable(step.text)}: {fault}; {done}") from None
    _tell(step)


def _tell(step: Step) -> None:
    click.echo(f"{step.sign} {printable(step.text)}")


def _ask(steps: list[Step], *, yes: bool) -> None:
    """Ask before mail goes for good."""
    gone = [step.text for step in steps if step.operation in ("account.remove", "tenant.remove")]
    if gone:
        shown = ", ".join(gone[:5]) + (f" and {len(gone) - 5} more" if len(gone) > 5 else "")
        confirm(f"Remove {shown} with all mail?", "nothing was changed", yes=yes)


def _with_secret(step: Step, folder: Path) -> dict[str, object]:
    """The arguments, with the password that stands in a file beside the plan."""
    given = dict(step.arguments)
    name = given.pop("password_file", None)
    if isinstance(name, str):
        password = (folder / name).read_text("utf-8").partition("\n")[0].removesuffix("\r")
        if not password:
            raise Failure(f"{folder / name}: there is no password in its first line")
        given["password"] = password
    return given


COMMAND = apply
