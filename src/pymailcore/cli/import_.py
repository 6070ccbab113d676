"""`pymailcore import`: mail from Maildir, mbox or another server into an account."""

import re
from dataclasses import dataclass
from pathlib import Path

import click

from pymailcore.admin.transfer import memory
from pymailcore.admin.transfer.importer import Importer, ImportOptions, Summary
from pymailcore.admin.transfer.maildir import Layout, MaildirSource
from pymailcore.admin.transfer.mbox import Variant
from pymailcore.admin.transfer.mbox_source import MboxSource
from pymailcore.admin.transfer.source import Source
from pymailcore.base.address import Address
from pymailcore.cli.common import ADDRESS, Failure, config_option, examples, json_option, read_password
from pymailcore.cli.imap_source import ImapPlace, ImapSource, Tls
from pymailcore.cli.installation import open_installation, run
from pymailcore.cli.transferring import (
    Watcher,
    account_of,
    keep_config,
    megabytes,
    named,
    printable,
    tell_counts,
    tell_failures,
)
from pymailcore.config.configuration import Configuration
from pymailcore.config.read import read_file
from pymailcore.runtime.clock import now_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """What all sources have in common."""

    account: Address | None
    name: str | None
    prefix: str | None
    roles: dict[str, str]
    only: frozenset[str]
    leave: frozenset[str]
    sync_flags: bool
    dry_run: bool
    as_json: bool


def _roles(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    roles = {}
    for value in values:
        path, mark, role = value.rpartition("=")
        if not mark or not path:
            raise click.BadParameter(f"{value!r} is not FOLDER=ROLE")
        roles[path] = role.lower()
    return roles


@click.group(
    "import",
    epilog=examples(
        "pymailcore import --account anna@example.org maildir /home/anna/Maildir",
        "pymailcore import --account anna@example.org mbox /var/mail/anna --mailbox INBOX",
        "pymailcore import --account anna@example.org imap mail.example.org --user anna \\",
        "    --password-file anna.secret",
        "pymailcore import --account anna@example.org --dry-run --json maildir /home/anna/Maildir",
    ),
)
@click.option("--account", type=ADDRESS, help="The account that gets the mail; always needed.")
@click.option("--dry-run", is_flag=True, help="Change nothing; say what would be done.")
@click.option(
    "--sync-flags", is_flag=True, help="Mail that was imported before gets the flags of the source."
)
@click.option(
    "--role",
    "roles",
    multiple=True,
    metavar="FOLDER=ROLE",
    callback=_roles,
    help="What a folder of the source is: sent, drafts, trash, junk or archive; empty for none.",
)
@click.option("--folder", "only", multiple=True, metavar="FOLDER", help="Only this folder; may be repeated.")
@click.option("--exclude", "leave", multiple=True, metavar="FOLDER", help="Not this one; may be repeated.")
@click.option(
    "--prefix", metavar="MAILBOX", help="Put everything below this Mailbox; no folder has a role then."
)
@click.option(
    "--as",
    "name",
    metavar="NAME",
    help="Remember what was imported under this name instead of the source's place.",
)
@json_option
@keep_config
@click.pass_context
def import_(
    context: click.Context,
    account: Address | None,
    name: str | None,
    prefix: str | None,
    roles: dict[str, str],
    only: tuple[str, ...],
    leave: tuple[str, ...],
    *,
    dry_run: bool,
    sync_flags: bool,
    as_json: bool,
) -> None:
    """Bring mail into an account, with the server up or down.

    Folders, dates, flags, subscriptions and roles come with it. Run it again at any time: only what is new
    comes, so a first run may be made days before the move and a last one right after it. Mail that cannot be
    taken is listed at the end, and the exit status is 1 then.
    """
    context.obj = _Job(
        account=account,
        name=name,
        prefix=prefix,
        roles=roles,
        only=frozenset(only),
        leave=frozenset(leave),
        sync_flags=sync_flags,
        dry_run=dry_run,
        as_json=as_json,
    )


@import_.command(
    epilog=examples(
        "pymailcore import --account anna@example.org maildir /home/anna/Maildir",
        "pymailcore import --account anna@example.org --role Gesendet=sent maildir /srv/vmail/anna",
    )
)
@click.argument("place", metavar="PATH", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option(
    "--layout",
    type=click.Choice(["auto", "maildir++", "fs"]),
    default="auto",
    help="Folders as .a.b (maildir++) or as a/b (fs).",
)
@click.option(
    "--received-date", is_flag=True, help="Take dates from Received fields: a copy has lost the files' times."
)
@config_option
@click.pass_obj
def maildir(job: _Job, place: Path, layout: Layout, config: Path, *, received_date: bool) -> None:
    """Import a Maildir of Dovecot, Courier or others, with its folders."""
    source = MaildirSource(place, layout=layout, now_ms=now_ms(), name=job.name, received=received_date)
    _bring(job, config, source)


@import_.command(
    epilog=examples(
        "pymailcore import --account anna@example.org mbox /var/mail/anna --mailbox INBOX",
        "pymailcore import --account anna@example.org mbox ~/.thunderbird/*/Mail/'Local Folders'",
    )
)
@click.argument(
    "places", metavar="FILE…", type=click.Path(path_type=Path, exists=True), nargs=-1, required=True
)
@click.option("--mailbox", metavar="PATH", help="The Mailbox for the one file; its name else.")
@click.option(
    "--variant",
    type=click.Choice(["auto", "mboxo", "mboxrd", "mboxcl", "mboxcl2"]),
    default="auto",
    help="How lines that begin with From are quoted.",
)
@config_option
@click.pass_obj
def mbox(job: _Job, places: tuple[Path, ...], mailbox: str | None, variant: Variant, config: Path) -> None:
    """Import mbox files, or folders of them."""
    source = MboxSource(
        places,
        variant=variant,
        most_octets=_most_octets(read_file(config)),
        now_ms=now_ms(),
        name=job.name,
        mailbox=mailbox,
    )
    _bring(job, config, source)


@import_.command(
    epilog=examples(
        "pymailcore import --account a@example.org imap mail.example.org --user anna --password-file secret",
        "pymailcore import --account a@example.org imap imap.gmail.com --user a@gmail.com --password-stdin",
        "pymailcore import --account a@example.org imap 10.0.0.5:143 --user 'a*master' --password-stdin",
    )
)
@click.argument("host", metavar="HOST[:PORT]")
@click.option("--user", required=True, metavar="NAME", help="Login name there.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input: its first line.")
@click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Read the password from the first line of a file.",
)
@click.option(
    "--tls",
    type=click.Choice(["implicit", "starttls", "none"]),
    help="Implicit TLS on port 993 and STARTTLS elsewhere, if not given.",
)
@click.option("--token", is_flag=True, help="The password is an OAuth 2.0 access token (XOAUTH2).")
@click.option("--insecure", is_flag=True, help="Do not verify the server's certificate.")
@config_option
@click.pass_obj
def imap(
    job: _Job,
    host: str,
    user: str,
    password_file: Path | None,
    tls: Tls | None,
    config: Path,
    *,
    password_stdin: bool,
    token: bool,
    insecure: bool,
) -> None:
    """Import from an IMAP server, whatever it runs on. Its mail is only read."""
    if password_stdin == (password_file is not None):
        raise click.UsageError("Give one of --password-stdin and --password-file.")
    name, port = _host_and_port(host)
    chosen: Tls = tls or ("implicit" if port in (None, 993) else "starttls")
    place = ImapPlace(
        host=name,
        port=port or (993 if chosen == "implicit" else 143),
        tls=chosen,
        insecure=insecure,
        token=token,
        user=user,
        password=read_password() if password_file is None else _first_line(password_file),
    )
    source = ImapSource(place, most_octets=_most_octets(read_file(config)), name=job.name)
    _bring(job, config, source)


@import_.command(epilog=examples("pymailcore import --account anna@example.org forget"))
@config_option
@click.pass_obj
def forget(job: _Job, config: Path) -> None:
    """Forget what was imported, of the source named by --as or of all; the mail stays.

    An import after this brings everything again.
    """
    address = named(job.account)

    async def work() -> int:
        async with open_installation(config) as core:
            account = await account_of(core, address)
            return await core.store.database.write(lambda tx: memory.forget(tx, account.id, job.name))

    click.echo(f"forgot {run(work)} messages")


COMMAND = import_


def _host_and_port(text: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?", text)
    if match is None or not 0 < int(match[2] or 1) < 65_536:
        raise click.BadParameter(f"{text!r} is not HOST or HOST:PORT", param_hint="HOST")
    return match[1].strip("[]"), int(match[2]) if match[2] else None


def _first_line(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        line = file.readline().rstrip("\r\n")
    if not line:
        raise Failure(f"{path}: there is no password in it")
    return line


def _most_octets(configuration: Configuration) -> int:
    """The longest message that the server takes from anybody."""
    return max(configuration.smtp.max_message_octets, configuration.imap.message_octets)


def _bring(job: _Job, config: Path, source: Source) -> None:
    address = named(job.account)
    options = ImportOptions(
        most_octets=_most_octets(read_file(config)),
        now_ms=now_ms,
        sync_flags=job.sync_flags,
        dry_run=job.dry_run,
        roles=job.roles,
        prefix=job.prefix,
        only=job.only,
        leave=job.leave,
    )
    watcher = Watcher(quiet=job.as_json)

    async def work() -> Summary:
        async with open_installation(config) as core:
            account = await account_of(core, address)
            importer = Importer(core.store, core.ids.new, account.id, account.tenant, options, watcher)
            try:
                return await importer.run(source)
            finally:
                await source.close()

    with watcher:
        summary = run(work)
    _report(job, summary, watcher)


def _report(job: _Job, summary: Summary, watcher: Watcher) -> None:
    if job.as_json:
        watcher.tell_json(summary)
    else:
        done = "would import" if job.dry_run else "imported"
        click.echo(
            f"{done} {summary.messages} messages, {megabytes(summary.octets)}, {summary.folders} folders"
        )
        tell_counts(
            (summary.known, "were here already"),
            (summary.placed, "were here already and are in one more Mailbox now"),
            (summary.updated, "got other flags"),
        )
        for path in summary.left:
            click.echo(f"left out {printable(path)}: it shows messages of other folders")
        tell_failures("not imported", summary.failures, summary.failed)
    if summary.stopped:
        raise Failure(f"stopped: {summary.stopped}; run it again to go on")
    if summary.failed:
        raise Failure(f"{summary.failed} messages or folders were not imported")
