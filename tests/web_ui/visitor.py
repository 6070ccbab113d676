"""Somebody at a browser, and what their browser must never do meanwhile."""

from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request
from tests.support.family import PASSWORD, Family


class Visitor:
    """A browser of one person; leaving it fails on script errors, CSP violations, requests elsewhere."""

    def __init__(
        self,
        browser: Browser,
        family: Family,
        account: str,
        *,
        phone: bool = False,
        host: str = "127.0.0.1",
    ) -> None:
        self.origin = f"http://{host}:{family.ports['http']}"
        self.address = family.address(account)
        self._context = browser.new_context(
            locale="en-GB",
            viewport={"width": 390, "height": 844} if phone else {"width": 1280, "height": 800},
            color_scheme="dark" if phone else "light",
            device_scale_factor=2 if phone else 1,
            is_mobile=phone,
            has_touch=phone,
        )
        self.faults: list[str] = []
        self.requests: list[Request] = []
        self._context.on("request", self._asked)
        self._context.on("console", self._said)
        self._context.on("weberror", lambda event: self.faults.append(f"script: {event.error}"))
        self.page: Page = self._context.new_page()
        self.page.set_default_timeout(15_000)

    def _asked(self, request: Request) -> None:
        self.requests.append(request)
        if urlsplit(request.url).scheme in {"http", "https"} and not request.url.startswith(
            self.origin + "/"
        ):
            self.faults.append(f"request to {request.url}")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.faults.append(f"console: {message.text}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._context.close()
        if kind is None:
            assert self.faults == []

    def sign_in(self) -> None:
        """From the address of the server to the inbox."""
        self.page.goto(self.origin + "/")
        self.fill_sign_in(self.page)
        self.page.wait_for_url("**/mail/inbox")
        self.page.get_by_role("heading", name="Inbox").wait_for()

    def fill_sign_in(self, page: Page) -> None:
        """On the sign-in page."""
        page.get_by_label("Email address").fill(self.address)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()

    def forget_session(self) -> None:
        """As if the session had run out."""
        self._context.clear_cookies()

    def rows(self) -> Locator:
        """The rows of the list that are in the document."""
        return self.page.get_by_role("grid", name="Conversations").get_by_role("row")

    def row(self, text: str) -> Locator:
        """The row whose spoken name holds the text."""
        return self.rows().and_(self.page.locator(f'[aria-label*="{text}"]'))

    def names(self) -> list[str]:
        """What the rows are called, from the top."""
        found = self.rows().evaluate_all(
            "rows => rows.sort((a, b) => a.ariaRowIndex - b.ariaRowIndex).map(row => row.ariaLabel)"
        )
        return [str(name) for name in found]

    def focused(self) -> str:
        """The name of what has the focus; BODY when it was lost."""
        return str(
            self.page.evaluate(
                "() => { const e = document.activeElement; return e.ariaLabel ?? e.id ?? e.tagName }"
            )
        )

    def api_requests(self) -> list[Request]:
        """The calls of the API so far."""
        return [request for request in self.requests if urlsplit(request.url).path == "/jmap/api"]
