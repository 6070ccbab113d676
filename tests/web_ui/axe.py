"""axe-core in the page: what it finds against WCAG 2.2 A and AA and good practice."""

from functools import cache
from pathlib import Path

from playwright.sync_api import Page

SOURCE = Path(__file__).resolve().parents[2] / "webui" / "node_modules" / "axe-core" / "axe.min.js"

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@cache
def _source() -> str:
    return SOURCE.read_text("utf-8")


def violations(page: Page) -> list[str]:
    """One line for each rule that the page breaks, with the first element that does."""
    page.evaluate(_source())
    found = page.evaluate("rules => axe.run({runOnly: rules}).then(result => result.violations)", RULES)
    return [f"{rule['id']}: {rule['nodes'][0]['html'][:160]}" for rule in found]
