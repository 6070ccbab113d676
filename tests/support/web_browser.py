"""A browser without script on the pages of a `JmapWorld`: it keeps cookies and reads forms."""

import html
import re
from base64 import b32decode
from typing import Any
from urllib.parse import urlencode

import orjson
from tests.support.jmap_world import NOW_MS, PASSWORD, Answer, JmapWorld, call_app

from pymailcore.directory import totp

NAME = "anna@example.org"
OWN = {"sec-fetch-site": "same-origin"}
SECURITY = "/account/security"


class WebBrowser:
    """One browser."""

    def __init__(self, world: JmapWorld, *, scheme: str = "http", agent: str = "") -> None:
        self.world = world
        self.cookies: dict[str, str] = {}
        self._scheme = scheme
        self._agent = agent

    async def get(self, path: str) -> Answer:
        """Open a page, without going on to another."""
        return await self._ask("GET", path, b"", {})

    async def post(self, path: str, **fields: object) -> Answer:
        """Send a form of our own page; a list stands for a field that is there several times."""
        return await self.post_from(OWN, path, **fields)

    async def post_from(self, headers: dict[str, str], path: str, **fields: object) -> Answer:
        """Send a form that says by its head where it is from."""
        return await self._ask("POST", path, urlencode(fields, doseq=True).encode(), headers)

    async def sign_in(self, password: str = PASSWORD, **fields: str) -> Answer:
        """Send the form to sign in as Anna."""
        return await self.post("/login", address=NAME, password=password, **fields)

    async def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        given = {"content-type": "application/x-www-form-urlencoded", "user-agent": self._agent, **headers}
        if self.cookies:
            given["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = await call_app(self.world.app, method, path, headers=given, body=body, scheme=self._scheme)
        self._keep(answer)
        return answer

    def _keep(self, answer: Answer) -> None:
        for line in answer.all("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            if value and "max-age=0" not in line.lower():
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)


def value_of(answer: Answer, name: str) -> str:
    """What a hidden field of a page says."""
    found = re.search(rf'name="{name}" value="([^"]*)"', answer.body.decode())
    assert found is not None, (answer.status, answer.headers, answer.body.decode())
    return html.unescape(found[1])


def options_of(answer: Answer) -> Any:  # noqa: ANN401 - JSON for the browser
    """What a page gives to the browser's passkeys."""
    found = re.search(r'data-options="([^"]*)"', answer.body.decode())
    assert found is not None, (answer.status, answer.headers, answer.body.decode())
    return orjson.loads(html.unescape(found[1]))


def code_of(secret: str, later: int = 0) -> str:
    """The code that an app shows now, or some steps later."""
    return totp.code_at(b32decode(secret), totp.step_of(NOW_MS) + later)


def codes_in(answer: Answer) -> list[str]:
    """The recovery codes that a page shows."""
    return re.findall(r"<li><code>([a-z2-7-]{19})</code></li>", answer.body.decode())


async def add_app(browser: WebBrowser, name: str = "Phone") -> tuple[str, list[str]]:
    """Add an authenticator app; its secret, and the recovery codes that the page shows."""
    begun = await browser.post(f"{SECURITY}/authenticator", name=name)
    secret = value_of(begun, "secret")
    added = await browser.post(
        f"{SECURITY}/authenticator/confirm",
        id=value_of(begun, "id"),
        secret=secret,
        code=code_of(secret, -1),
    )
    assert added.status in {200, 303}, added.body
    return secret, codes_in(added)
