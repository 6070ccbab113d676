"""The command `pymailcore` and the faults that all its commands share.

Every command ends with 0 on success, 1 on failure with one clear line on standard error, 2 on wrong usage.
"""

import importlib
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Final

import click

from pymailcore.base.errors import MailError
from pymailcore.cli.common import Failure, examples
from pymailcore.cli.hints import with_hint
from pymailcore.config.read import BadConfiguration

COMMANDS: Final = {
    "init": "Make a new server: its folder, configuration, keys and first domain.",
    "serve": "Run the server.",
    "tenant": "Add, list, change, suspend and remove tenants.",
    "domain": "Add, claim, list, change, suspend and remove domains.",
    "account": "Add, list, change, suspend, export and remove accounts.",
    "alias": "Add, list, change and remove aliases.",
    "group": "Add, list, change and remove groups, and who is in them.",
    "role": "Add, list, change and remove roles; grant and revoke them.",
    "limit": "List, show and set how much may be held, made and sent.",
    "app-password": "Add, list and remove passwords for single programs and devices.",
    "apikey": "Add, list and remove keys for programs that administer.",
    "session": "List and end sessions; see how an account was signed in to.",
    "apply": "Make tenants, domains, accounts and all around them as a file says.",
    "audit": "List, check and export the log of administrative actions.",
    "queue": "See and move outbound mail that waits.",
    "import": "Bring mail from Maildir, mbox or another server into an account.",
    "export": "Write an account's mail as Maildir or mbox.",
    "migrate": "Bring the database to the schema of this version, or try it on a copy.",
    "move-engine": "Move the store to another database engine.",
    "bucket": "See whose the S3 bucket is, and take it over.",
    "keys": "Make, list and change the keys that blobs are encrypted with.",
    "check": "Check the configuration, ports, folders, certificate and alarms.",
    "stats": "Show what the store holds, and what sharing and compression save.",
    "verify": "Check the store, and repair it.",
    "reindex": "Build the full-text index anew.",
    "backup": "Copy the whole store elsewhere while it serves; list and prune the copies.",
    "restore": "Bring back expunged mail, or mail and whole stores from backups.",
}
"""The commands and what their line in the overview says; each is `COMMAND` in `pymailcore.cli.NAME`."""

_MODULES: Final = {"import": "import_", "move-engine": "move_engine", "app-password": "app_password"}
"""Modules that cannot have the name of their command."""


class LazyGroup(click.Group):
    """A group that imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names of the commands, in the order of their use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command."""
        if name not in COMMANDS:
            return None
        module = _MODULES.get(name, name)
        command = importlib.import_module(f"pymailcore.cli.{module}").COMMAND
        assert isinstance(command, click.Command)  # noqa: S101 - for the type checker
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the overview without importing every command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        "pymailcore init /srv/mail --hostname mx.example.org --domain example.org --admin me@example.org",
        "pymailcore serve --config /srv/mail/pymailcore.toml",
    ),
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Configuration file; may also stand after the command, or in PYMAILCORE_CONFIG.",
)
@click.version_option(version("pymailcore"), prog_name="pymailcore")
@click.pass_context
def cli(context: click.Context, config: Path | None) -> None:
    """A mail server: SMTP, submission, IMAP, JMAP and webmail over one store."""
    context.obj = config


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit: 0, 1 or 2."""
    os.umask(0o077)
    try:
        cli.main(args=arguments, prog_name="pymailcore", standalone_mode=False)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except click.ClickException as fault:
        fault.show()
        sys.exit(fault.exit_code)
    except click.Abort:
        _fail("stopped")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (MailError, BadConfiguration, Failure, OSError, BaseExceptionGroup) as fault:
        _fail(_text(fault))


def _text(fault: BaseException) -> str:
    """The text of a fault that an operator can act on; others go on as they are."""
    while isinstance(fault, BaseExceptionGroup) and len(fault.exceptions) == 1:
        fault = fault.exceptions[0]
    if isinstance(fault, OSError):
        name = f"{fault.filename}: " if fault.filename else ""
        return name + (fault.strerror or str(fault))
    if isinstance(fault, MailError):
        return with_hint(str(fault)) or type(fault).__name__
    if isinstance(fault, BadConfiguration | Failure):
        return str(fault) or type(fault).__name__
    raise fault


def _fail(text: str) -> None:
    for line in text.splitlines():
        sys.stderr.write(f"pymailcore: {line}\n")
    sys.exit(1)
