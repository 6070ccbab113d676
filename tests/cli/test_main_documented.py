"""The commands that docs/operate names: examples run as they stand there, and what is named exists.

One server lives through all pages, in their order. What a page takes for granted is made before its line.
"""

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import click
import pytest
from click.testing import Result
from tests.cli.conftest import with_cheap_hashes

from pymailcore.cli.main import cli

Run = Callable[..., Result]

DOCS: Final = Path(__file__).parents[2] / "docs" / "operate"
PAGES: Final = (
    "accounts",
    "addresses",
    "domains",
    "limits",
    "roles",
    "audit",
    "accounts-csv",
    "plan",
    "data-rights",
)
NAMED: Final = (
    *PAGES,
    "sign-in",
    "install",
    "undelete",
    "export",
    "verify",
    "encryption",
    "search",
)
"""Pages whose commands and options must exist."""

BEFORE: Final = {
    "alias add info@example.org": ("account add ben@example.org", "account add cy@example.org"),
    "domain claim example.net": ("tenant add acme", "domain remove example.net --yes"),
    "account add anna@example.org --admin": (
        "account remove anna@example.org --yes",
        "account add support@example.org",
    ),
    "apply plan.toml --dry-run": (
        "role remove helpdesk --tenant acme",
        "domain remove example.net --yes",
    ),
    "account erase anna@example.org --yes": ("account add anna@example.org",),
}
"""What is there before a line that begins so."""

INSTEAD: Final = {
    "domain verify example.net --tenant acme": "domain verify example.net --tenant acme --operator",
    "account export anna@example.org /backup/anna": "account export anna@example.org anna-maildir",
    "account export anna@example.org /backup/anna --format mbox": (
        "account export anna@example.org anna-mbox --format mbox"
    ),
}
"""Lines that ask the DNS, or write to a place that is not ours."""

STATUS: Final = {"queue drop --account anna@example.org": 1, "queue release q1d2c5v0": 1}
"""Lines that find nothing to do here."""

BCRYPT: Final = "$2b$04$d56gz9PAvxWkKRMksfyUQeq9Ih7sQrvVJTjMPfbGimaS.cNgVBu56"

BLOCK: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
WORD: Final = re.compile(r"[a-z][a-z-]*\Z")
INLINE: Final = re.compile(r"(?<!`)`(?!`)([^`\n]+)`")


def blocks(page: str, kind: str) -> list[str]:
    """The examples of a kind on a page."""
    return [
        match[2] for match in BLOCK.finditer((DOCS / f"{page}.md").read_text("utf-8")) if match[1] == kind
    ]


def lines(page: str) -> list[str]:
    """The command lines on a page, without `pymailcore` and remarks."""
    found = [line for text in (*blocks(page, "sh"), *blocks(page, "")) for line in text.splitlines()]
    return [
        shlex.join(shlex.split(line, comments=True)[1:]) for line in found if line.startswith("pymailcore ")
    ]


def mentions(page: str) -> Iterator[list[str]]:
    """Commands that a page names in its text and its examples, in words."""
    for text in (*INLINE.findall((DOCS / f"{page}.md").read_text("utf-8")), *lines(page)):
        words = text.removeprefix("pymailcore ").split()
        if len(words) > 1 and words[0] in cli.list_commands(click.Context(cli)) and words[1] != "=":
            yield words


@pytest.fixture
def server(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The server of the pages: example.org. The folder in which commands are run."""
    monkeypatch.chdir(tmp_path)
    made = run("init", "mail", "--hostname", "mx.example.org", "--domain", "example.org", "--loopback")
    assert made.exit_code == 0, made.output
    monkeypatch.setenv("PYMAILCORE_CONFIG", str(with_cheap_hashes(tmp_path / "mail" / "pymailcore.toml")))
    (tmp_path / "people.csv").write_text(
        blocks("accounts-csv", "csv")[0].replace("$2b$12$…", BCRYPT).replace("$6$…", "")
    )
    (tmp_path / "plan.toml").write_text(blocks("plan", "toml")[0])
    (tmp_path / "anna.password").write_text("correct horse battery\n")
    return tmp_path


@pytest.mark.usefixtures("server")
def test_the_examples_of_the_pages_do_what_they_say(run: Run) -> None:
    count = 0
    for page in PAGES:
        for line in lines(page):
            for beginning, needed in BEFORE.items():
                for one in needed if line.startswith(beginning) else ():
                    assert run(*shlex.split(one)).exit_code == 0, f"{page}: {one}"
            words, _, target = INSTEAD.get(line, line).partition(" '>' ")
            done = run(*shlex.split(words))
            assert done.exit_code == STATUS.get(line, 0), f"{page}: {line}: {done.output} {done.exception}"
            if target:
                Path(target).write_text(done.stdout)
            count += 1
    assert count > 30


@pytest.mark.parametrize("page", NAMED)
def test_what_a_page_names_is_there(page: str) -> None:
    for words in mentions(page):
        command: click.Command | None = cli
        while isinstance(command, click.Group) and words and WORD.match(words[0]):
            command = command.get_command(click.Context(command), words.pop(0))
        assert command is not None, f"{page}: {words}"
        known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)} | {"--help"}
        named = {word.partition("=")[0].rstrip(",;") for word in words if word.startswith("--")}
        assert named <= known, f"{page}: {command.name}: {named - known}"
