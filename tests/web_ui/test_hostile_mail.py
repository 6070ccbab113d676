"""Hostile HTML mail in a real browser: delivered by SMTP, opened in the sandboxed frame of the real page.

Security notes, W1 and W2. The same payloads are opened unprotected once, so that the test is known to be
able to fail.
"""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect
from tests.support.family import Family
from tests.web.test_sanitise import PAYLOADS
from tests.web_ui.letters import letter, receive
from tests.web_ui.visitor import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PER_LETTER = 18
HOOK = """
window.hooked = 0;
const original = window.open;
window.alert = window.confirm = window.prompt = () => { window.hooked += 1; };
window.open = (...all) => { window.hooked += 1; return original.apply(window, all); };
"""


def armed(payload: str) -> str:
    """A payload that calls a hook where it would show a dialog, and asks a host that is none of ours."""
    return payload.replace("evil.example", "evil.invalid")


def bundles() -> Iterator[tuple[str, str]]:
    """Subjects and documents of some payloads each: one that swallows what follows must not hide it."""
    for start in range(0, len(PAYLOADS), PER_LETTER):
        chosen = [armed(payload).replace("\0", "") for payload in PAYLOADS[start : start + PER_LETTER]]
        for turn, order in (("forth", chosen), ("back", chosen[::-1])):
            inside = "\n".join(f"<div>{payload}</div>" for payload in order)
            yield f"Payloads {start} {turn}", f"<html><body><p>Begin</p>{inside}</body></html>"


class Watch:
    """What a page does that it should not."""

    def __init__(self, page: Page, origin: str) -> None:
        self.dialogs = 0
        self.elsewhere: list[str] = []
        self._origin = origin
        page.on("dialog", self._dialog)
        page.on("request", self._request)
        page.add_init_script(HOOK)
        self._page = page

    def _dialog(self, dialog: object) -> None:
        self.dialogs += 1
        dialog.dismiss()  # type: ignore[attr-defined]

    def _request(self, request: Request) -> None:
        if re.match(r"(?:https?|wss?|ftp):", request.url) and not request.url.startswith(self._origin + "/"):
            self.elsewhere.append(request.url)

    def hooks(self) -> int:
        """How often a hook was called, in any frame of the page."""
        calls = [frame.evaluate("window.hooked ?? 0") for frame in self._page.frames if frame.url != ""]
        return sum(int(call) for call in calls)


@pytest.fixture(scope="module")
def hostile(family: Family) -> Family:
    receive(
        family,
        *(
            letter("Mallory <m@evil.test>", family.address("anna"), subject, "no text", document)
            for subject, document in bundles()
        ),
    )
    return family


def test_nothing_runs_and_nobody_is_asked(chromium: Browser, hostile: Family) -> None:
    letters = list(bundles())
    with Visitor(chromium, hostile, "anna") as anna:
        watch = Watch(anna.page, anna.origin)
        anna.sign_in()
        expect(anna.rows().first).to_be_visible()
        anna.row(f"{letters[-1][0]}, ").click()
        for subject, _ in reversed(letters):
            expect(anna.page.get_by_role("heading", name=subject, exact=True)).to_be_visible()
            body = anna.page.frame_locator("iframe")
            expect(body.get_by_text("Begin", exact=True)).to_be_visible()
            assert anna.page.locator("iframe").evaluate("f => f.contentDocument.scripts.length") == 0
            for link in body.locator("a[href]").all():
                address = str(link.get_attribute("href"))
                assert address.startswith(("https://", "http://", "mailto:", "tel:", "#m-")), address
            anna.page.keyboard.press("j")
        assert watch.hooks() == 0
        assert watch.dialogs == 0
        assert watch.elsewhere == []
        assert anna.page.url.startswith(anna.origin + "/mail/inbox/")
        assert anna.page.get_by_role("heading", name=letters[0][0], exact=True).is_visible()


def test_the_same_payloads_do_their_worst_without_protection(chromium: Browser) -> None:
    """The control run: the hooks, the dialogs and the list of requests are alive."""
    page = chromium.new_page()
    watch = Watch(page, "http://control.invalid")
    documents = {f"/{number}": document for number, (_, document) in enumerate(bundles())}

    def answer(route: Route) -> None:
        document = documents.get(route.request.url.removeprefix("http://control.invalid"))
        if document is None:
            route.abort()
        else:
            route.fulfill(body=document, content_type="text/html")

    page.route("**/*", answer)
    called = 0
    for path in documents:
        page.goto("http://control.invalid" + path, wait_until="commit")
        page.wait_for_load_state("domcontentloaded")
        called += watch.hooks()
    page.close()
    assert called > 20
    assert len(set(watch.elsewhere)) > 10
