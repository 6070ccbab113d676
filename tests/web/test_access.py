"""access: what changes how somebody signs in is decided and recorded in the one place for it."""

import ast
from pathlib import Path

import pytest
from tests.support.jmap_world import JmapWorld
from tests.support.web_browser import SECURITY, WebBrowser

from pymailcore.directory.audit_log import Filter
from pymailcore.directory.permissions import View

WEB = Path(__file__).parents[2] / "src" / "pymailcore" / "web"
EVERYTHING = View(everything=True, tenants=frozenset(), domains=frozenset())


@pytest.fixture
async def anna(world: JmapWorld) -> WebBrowser:
    browser = WebBrowser(world, scheme="https", agent="Firefox/140.0")
    await browser.sign_in()
    return browser


async def logged(world: JmapWorld) -> list[tuple[str, str]]:
    """Who did what, the newest first."""
    return [(one.actor, one.action) for one in await world.directory.audit.listing(EVERYTHING, Filter())]


def test_no_page_hands_an_actor_to_the_directory() -> None:
    """Whatever takes an actor decides or records: only `Administration.call` may be given one."""
    found = [
        f"{path.name}:{node.lineno}"
        for path in sorted(WEB.glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) not in {"self.administration.call", "Visit"}
        if any(ast.unparse(one).split(".")[-1] == "actor" for one in node.args)
    ]
    assert found == []


async def test_changes_on_pages_are_recorded_as_the_owners(world: JmapWorld, anna: WebBrowser) -> None:
    await anna.post(f"{SECURITY}/sessions/end-others")
    assert (await logged(world))[0] == (world.anna.name, "session.end")
