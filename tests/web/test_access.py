"""access: what changes how somebody signs in is decided and recorded in the one place for it."""

import ast
from pathlib import Path

import pytest
from tests.support.jmap_world import JmapWorld
from tests.support.party_spy import reaches_of
from tests.support.web_browser import SECURITY, WebBrowser

from pymailcore.base.reach import EVERYTHING as EVERY_TENANT
from pymailcore.base.reach import Reach
from pymailcore.directory.actors import SYSTEM
from pymailcore.directory.audit_log import Filter
from pymailcore.directory.permissions import INSTALLATION, View

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


async def test_a_page_reaches_its_tenant_and_an_operators_the_installation(
    world: JmapWorld, anna: WebBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = reaches_of(monkeypatch, world.directory, "read")
    await anna.get(SECURITY)
    assert set(seen) == {Reach(world.anna.tenant, world.anna.id)}
    seen.clear()
    await world.directory.roles.grant(SYSTEM, world.anna.id, "operator", INSTALLATION)
    await anna.get(SECURITY)
    assert set(seen) == {EVERY_TENANT}
