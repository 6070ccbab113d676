"""`pymailcore apply`: makes tenants, domains, accounts and all around them as a file says."""

import functools
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import click

from pymailcore.admin.plan.differences import Step
from pymailcore.admin.plan.plan import Plan
from pymailcore.admin.plan.pruning import differences
from pymailcore.admin.plan.reading import read_plan
from pymailcore.admin.plan.state import StateReader
from pymailcore.admin.plan.writing import write_plan
from pymailcore.app.core import Core
from pymailcore.base.errors import MailError
from pymailcore.cli.common import Failure, config_option, confirm, examples, yes_option
from pymailcore.cli.installation import open_installation, run
from pymailcore.cli.operating import call
from pymailcore.cli.transferring import printable

_COLOURS: Final = {"+": "green", "-": "red", "~": "yellow"}


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
    """Make tenants, domains, accounts, aliases, groups, forwards, rights, limits and roles as FILE says.

    What the file does not name stays as it is. A second time there is nothing to do. Passwords are given as
    hashes or as names of files, for accounts that are made; those of accounts that exist stay.
    docs/operate/plan.md explains the file, and --export writes one.
    """
    if export == (file is not None):
        raise click.UsageError("Give a plan, or --export.")
    if file is None:
        _export(config)
        return
    with click.open_file(str(file), encoding="utf-8") as source:
        plan = read_plan(source.read(), str(file))
    folder = Path() if str(file) == "-" else file.parent
    run(lambda: _Applying(str(file), plan, folder).apply(config, dry_run=dry_run, prune=prune, yes=yes))


def _export(config: Path) -> None:
    async def work() -> Plan:
        async with open_installation(config) as core:
            return await StateReader(functools.partial(call, core)).read()

    click.echo(write_plan(run(work)), nl=False)


class _Applying:
    """One plan that is carried out.

    Args:
        folder: where files of passwords lie.
    """

    def __init__(self, source: str, plan: Plan, folder: Path) -> None:
        self._source = source
        self._plan = plan
        self._folder = folder

    async def apply(self, config: Path, *, dry_run: bool, prune: bool, yes: bool) -> None:
        """Carry it out, or say what would be done."""
        async with open_installation(config) as core:
            have = await StateReader(functools.partial(call, core), self._plan).read()
            steps = differences(have, self._plan, prune=prune)
            if not steps:
                click.echo("nothing to do: everything is as the plan says")
                return
            # All files are read before anything is done, and by a dry run too.
            arguments = [self._with_secret(step) for step in steps]
            if not dry_run:
                _ask(steps, yes=yes)
                for number, (step, given) in enumerate(zip(steps, arguments, strict=True)):
                    await self._do(core, step, given, number)
                    _tell(step)
                click.echo(f"{_counted(steps)} made", err=True)
                return
            for step in steps:
                _tell(step)
            click.echo(f"{_counted(steps)} would be made", err=True)

    async def _do(self, core: Core, step: Step, given: Mapping[str, object], number: int) -> None:
        try:
            await call(core, step.operation, **given)
        except MailError as fault:
            made = "1 change was" if number == 1 else f"{number} changes were"
            done = f"{made} made before; correct the plan and apply it again"
            text = f"{self._place(step)}{step.sign} {printable(step.text)}: {fault}; {done}"
            raise Failure(text) from None

    def _place(self, step: Step) -> str:
        """Where the plan says what a step does."""
        kind, name = step.about
        line = self._plan.lines.get(kind, {}).get(name)
        return "" if line is None else f"{self._source}:{line}: "

    def _with_secret(self, step: Step) -> dict[str, object]:
        """The arguments, with the password that stands in a file beside the plan."""
        given = dict(step.arguments)
        name = given.pop("password_file", None)
        if isinstance(name, str):
            given["password"] = self._password(step, self._folder / name)
        return given

    def _password(self, step: Step, path: Path) -> str:
        try:
            password = path.read_text("utf-8").partition("\n")[0].removesuffix("\r")
        except OSError as fault:
            raise Failure(f"{self._place(step)}password_file: {path}: {fault.strerror}") from None
        except UnicodeDecodeError:
            raise Failure(f"{self._place(step)}password_file: {path} is not UTF-8") from None
        if not password:
            raise Failure(f"{self._place(step)}password_file: {path} has no password in its first line")
        return password


def _tell(step: Step) -> None:
    click.secho(f"{step.sign} {printable(step.text)}", fg=_COLOURS[step.sign])


def _counted(steps: Iterable[Step]) -> str:
    """How many changes there are of each kind."""
    count = Counter(step.sign for step in steps)
    changes = count.total()
    parts = f"{count['+']} new, {count['~']} changed, {count['-']} gone"
    return f"{changes} change{'' if changes == 1 else 's'} ({parts})"


def _ask(steps: list[Step], *, yes: bool) -> None:
    """Ask before mail goes for good."""
    gone = [step.text for step in steps if step.operation in ("account.remove", "tenant.remove")]
    if gone:
        shown = ", ".join(gone[:5]) + (f" and {len(gone) - 5} more" if len(gone) > 5 else "")
        confirm(f"Remove {shown} with all mail?", "nothing was changed", yes=yes)


COMMAND = apply
