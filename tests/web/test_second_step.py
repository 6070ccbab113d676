"""The second step of signing in: codes, recovery codes, passkeys; and a passkey alone.

Standards: RFC 6238 section 5.2 (a code is good once), Web Authentication Level 2 section 7.2.
"""

import orjson
import pytest
from tests.support.authenticator import Authenticator
from tests.support.directories import address
from tests.support.jmap_world import HOST, PASSWORD, Answer, JmapWorld
from tests.support.web_browser import (
    NAME,
    SECURITY,
    WebBrowser,
    add_app,
    code_of,
    options_of,
    value_of,
)

from pymailcore.directory.accounts import Changed
from pymailcore.directory.actors import SYSTEM
from pymailcore.directory.types import Principal
from pymailcore.sasl.steps import Evidence

WRONG_CODE = b"That code is not right"


@pytest.fixture
def browser(world: JmapWorld) -> WebBrowser:
    return WebBrowser(world, scheme="https")


async def another(world: JmapWorld) -> WebBrowser:
    """A browser that has shown the password, and not the second factor."""
    fresh = WebBrowser(world, scheme="https")
    answer = await fresh.sign_in()
    assert answer.headers["location"].startswith("/login/second")
    return fresh


async def with_app(browser: WebBrowser) -> tuple[str, list[str]]:
    assert (await browser.sign_in()).headers["location"] == "/"
    return await add_app(browser)


async def with_passkey(browser: WebBrowser) -> Authenticator:
    assert (await browser.sign_in()).headers["location"] == "/"
    device = Authenticator(f"https://{HOST}")
    page = await browser.get(f"{SECURITY}/passkey")
    answer = orjson.dumps(device.create(options_of(page))).decode()
    made = await browser.post(f"{SECURITY}/passkey", name="Key", asked=value_of(page, "asked"), answer=answer)
    assert b"Your recovery codes" in made.body, made.body
    return device


async def use(browser: WebBrowser, device: Authenticator, path: str, *, alone: bool = False) -> Answer:
    page = await browser.get(path)
    signed = device.get(options_of(page), user=device.user if alone else None)
    return await browser.post(path, asked=value_of(page, "asked"), answer=orjson.dumps(signed).decode())


async def is_in(browser: WebBrowser) -> bool:
    return (await browser.get(SECURITY)).status == 200


async def test_a_code_follows_the_password(world: JmapWorld, browser: WebBrowser) -> None:
    secret, _ = await with_app(browser)
    fresh = WebBrowser(world, scheme="https")
    answer = await fresh.sign_in(next="/mail/x?a=1", stay="1")
    assert answer.headers["location"] == "/login/second?next=%2Fmail%2Fx%3Fa%3D1&stay=1"
    (line,) = answer.all("set-cookie")
    attributes = {part.strip().lower() for part in line.split(";")[1:]}
    assert line.startswith("__Host-second-step=")
    assert attributes == {"httponly", "secure", "path=/", "samesite=strict"}
    assert not await is_in(fresh)

    page = await fresh.get(answer.headers["location"])
    assert page.status == 200
    assert page.headers["cache-control"] == "no-store"
    assert "script-src" not in page.headers["content-security-policy"]
    assert fresh.cookies["__Host-second-step"].encode() not in page.body

    entered = await fresh.post("/login/second", code=code_of(secret), next="/mail/x?a=1", stay="1")
    assert (entered.status, entered.headers["location"]) == (303, "/mail/x?a=1")
    assert any("__Host-session=" in line and "Max-Age=2592000" in line for line in entered.all("set-cookie"))
    assert set(fresh.cookies) == {"__Host-session"}
    assert await is_in(fresh)
    sessions = await world.directory.web_sessions.of(world.anna.id)
    assert {one.mechanism for one in sessions} == {"password", "password+totp"}


@pytest.mark.parametrize(
    "answer", ['{"a":' + "[" * 20_000, '{"response":{"signature":35184372088832}}', "[]"]
)
async def test_an_answer_that_is_none_is_wrong_and_no_fault(browser: WebBrowser, answer: str) -> None:
    """Anybody can send it, without signing in."""
    page = await browser.get("/login/passkey")
    sent = await browser.post("/login/passkey", asked=value_of(page, "asked"), answer=answer)
    assert (sent.status, b"That passkey cannot be used here." in sent.body) == (401, True)


async def test_a_password_that_changes_meanwhile_begins_no_session(
    world: JmapWorld, browser: WebBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Security notes, A6: the password was looked at before, the session would be made after."""
    authenticate = world.directory.authenticate

    async def slowly(evidence: Evidence, *, peer: str, protocol: str, mechanism: str) -> Principal:
        principal = await authenticate(evidence, peer=peer, protocol=protocol, mechanism=mechanism)
        await world.directory.credentials.set_password(SYSTEM, world.anna.id, "another horse")
        return principal

    monkeypatch.setattr(world.directory, "authenticate", slowly)
    answer = await browser.sign_in()
    assert (answer.status, answer.all("set-cookie")) == (401, [])
    assert await world.directory.web_sessions.of(world.anna.id) == []


async def test_a_code_is_good_once(world: JmapWorld, browser: WebBrowser) -> None:
    secret, _ = await with_app(browser)
    first, second = await another(world), await another(world)
    assert (await first.post("/login/second", code=code_of(secret))).status == 303
    replayed = await second.post("/login/second", code=code_of(secret))
    assert (replayed.status, WRONG_CODE in replayed.body) == (401, True)
    assert not await is_in(second)
    assert (await second.post("/login/second", code=code_of(secret, 1))).status == 303


async def test_a_recovery_code_is_good_once(world: JmapWorld, browser: WebBrowser) -> None:
    _, codes = await with_app(browser)
    first, second = await another(world), await another(world)
    assert (await first.post("/login/second", code=codes[3].upper().replace("-", " "))).status == 303
    assert await is_in(first)
    assert b"9 of 10 left" in (await first.get(SECURITY)).body
    assert (await second.post("/login/second", code=codes[3])).status == 401
    assert (await second.post("/login/second", code=codes[4])).status == 303


async def test_without_the_first_step_there_is_no_second(world: JmapWorld, browser: WebBrowser) -> None:
    """Neither a code alone nor a made-up ticket opens anything; the page shows no difference."""
    secret, _ = await with_app(browser)
    for cookies in ({}, {"__Host-second-step": "made-up"}, {"__Host-second-step": "x" * 5000}):
        fresh = WebBrowser(world, scheme="https")
        fresh.cookies |= cookies
        assert (await fresh.get("/login/second")).status == 401
        answer = await fresh.post("/login/second", code=code_of(secret))
        assert (answer.status, b"Sign in again" in answer.body) == (401, True)
        assert not await is_in(fresh)


async def test_a_ticket_in_a_form_is_none(world: JmapWorld, browser: WebBrowser) -> None:
    """It is the cookie that counts, so that an address or a page that leaks gives nothing away."""
    secret, _ = await with_app(browser)
    victim = await another(world)
    thief = WebBrowser(world, scheme="https")
    ticket = victim.cookies["__Host-second-step"]
    assert (await thief.post("/login/second", code=code_of(secret), ticket=ticket)).status == 401
    assert not await is_in(thief)


async def test_a_used_ticket_opens_nothing_more(world: JmapWorld, browser: WebBrowser) -> None:
    secret, codes = await with_app(browser)
    victim = await another(world)
    ticket = victim.cookies["__Host-second-step"]
    assert (await victim.post("/login/second", code=code_of(secret))).status == 303
    thief = WebBrowser(world, scheme="https")
    thief.cookies["__Host-second-step"] = ticket
    assert (await thief.post("/login/second", code=codes[0])).status == 401
    assert not await is_in(thief)


async def test_a_changed_password_ends_a_ticket(world: JmapWorld, browser: WebBrowser) -> None:
    secret, _ = await with_app(browser)
    waiting = await another(world)
    await world.directory.credentials.set_password(SYSTEM, world.anna.id, "another horse")
    assert (await waiting.post("/login/second", code=code_of(secret))).status == 401
    assert not await is_in(waiting)


async def test_codes_cannot_be_guessed(world: JmapWorld, browser: WebBrowser) -> None:
    secret, _ = await with_app(browser)
    guesser = await another(world)
    statuses = [(await guesser.post("/login/second", code=f"{n:06}")).status for n in range(12)]
    assert statuses[0] == 401
    assert statuses[-1] == 429
    assert (await guesser.post("/login/second", code=code_of(secret))).status == 429


async def test_forms_from_elsewhere_are_refused(world: JmapWorld, browser: WebBrowser) -> None:
    secret, _ = await with_app(browser)
    fresh = await another(world)
    for path in ("/login/second", "/login/passkey"):
        for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {"x": "y"}):
            answer = await fresh.post_from(headers, path, code=code_of(secret))
            assert answer.status == 403
    assert not await is_in(fresh)


async def test_a_wrong_password_tells_nothing_of_a_second_step(world: JmapWorld, browser: WebBrowser) -> None:
    await with_app(browser)
    fresh = WebBrowser(world, scheme="https")
    wrong = await fresh.sign_in("wrong")
    unknown = await fresh.post("/login", address="nobody@example.org", password="wrong")
    assert wrong.status == unknown.status == 401
    assert wrong.body.replace(NAME.encode(), b"") == unknown.body.replace(b"nobody@example.org", b"")
    assert fresh.cookies == {}


async def test_a_suspended_account_gets_no_second_step(world: JmapWorld, browser: WebBrowser) -> None:
    secret, _ = await with_app(browser)
    waiting = await another(world)
    await world.directory.accounts.set(SYSTEM, address(NAME), Changed(state="suspended"))
    assert not await is_in(browser)
    assert (await waiting.post("/login/second", code=code_of(secret))).status == 401
    again = await WebBrowser(world, scheme="https").sign_in()
    assert (again.status, b"Address or password is wrong." in again.body) == (401, True)


async def test_a_passkey_follows_the_password(world: JmapWorld, browser: WebBrowser) -> None:
    device = await with_passkey(browser)
    fresh = await another(world)
    page = await fresh.get("/login/second")
    assert page.headers["content-security-policy"].startswith("script-src 'self'; default-src 'none'; ")
    assert b'<script src="/passkey.js" defer></script>' in page.body
    assert b"authenticator app" not in page.body
    script = await fresh.get("/passkey.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert (await use(fresh, device, "/login/second")).status == 303
    assert await is_in(fresh)


async def test_a_passkey_alone_signs_in(world: JmapWorld, browser: WebBrowser) -> None:
    device = await with_passkey(browser)
    fresh = WebBrowser(world, scheme="https")
    assert (await use(fresh, device, "/login/passkey?next=/mail/x", alone=True)).status == 303
    assert await is_in(fresh)
    assert "passkey" in {one.mechanism for one in await world.directory.web_sessions.of(world.anna.id)}


async def test_what_a_passkey_signed_is_good_once_and_on_this_site(
    world: JmapWorld, browser: WebBrowser
) -> None:
    device = await with_passkey(browser)
    fresh = WebBrowser(world, scheme="https")
    page = await fresh.get("/login/passkey")
    signed = orjson.dumps(device.get(options_of(page), user=device.user)).decode()
    sent = {"asked": value_of(page, "asked"), "answer": signed}
    assert (await fresh.post("/login/passkey", **sent)).status == 303
    thief = WebBrowser(world, scheme="https")
    assert (await thief.post("/login/passkey", **sent)).status == 401

    device.origin = "https://mail.example.org.evil.example"
    assert (await use(thief, device, "/login/passkey", alone=True)).status == 401
    assert not await is_in(thief)


async def test_nonsense_for_a_passkey_is_refused(world: JmapWorld) -> None:
    fresh = WebBrowser(world, scheme="https")
    page = await fresh.get("/login/passkey")
    for answer in ("", "null", "[]", "{", '{"id": 1}', '{"type": "public-key"}', b"\xed\xa0\x80"):
        refused = await fresh.post("/login/passkey", asked=value_of(page, "asked"), answer=answer)
        assert (refused.status, b"cannot be used here" in refused.body) == (401, True)


async def test_somebody_elses_passkey_is_no_second_step(world: JmapWorld, browser: WebBrowser) -> None:
    device = await with_passkey(browser)
    ben = WebBrowser(world, scheme="https")
    await ben.post("/login", address="ben@example.org", password=PASSWORD)
    await add_app(ben)
    fresh = WebBrowser(world, scheme="https")
    await fresh.post("/login", address="ben@example.org", password=PASSWORD)
    page = await fresh.get("/login/passkey")
    signed = orjson.dumps(device.get(options_of(page))).decode()
    refused = await fresh.post("/login/second", asked=value_of(page, "asked"), answer=signed)
    assert refused.status == 401
    assert not await is_in(fresh)
