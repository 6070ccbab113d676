"""Sign-in and security: the password, the proof before changes, sessions, headers, forms from elsewhere."""

import orjson
import pytest
from tests.support.authenticator import Authenticator
from tests.support.directories import address
from tests.support.jmap_world import HOST, NOW_MS, PASSWORD, Answer, JmapWorld, basic, call_app
from tests.support.web_browser import NAME, OWN, SECURITY, WebBrowser, add_app, options_of, value_of

from pymailcore.base.errors import NotFound
from pymailcore.directory.accounts import Changed
from pymailcore.directory.actors import SYSTEM
from pymailcore.store.types import Transaction
from pymailcore.web.security import own_path

PAGES = ("", "/password", "/confirm", "/authenticator", "/passkey", "/recovery-codes", "/app-password")
FORMS = (
    "/password",
    "/confirm",
    "/authenticator",
    "/authenticator/confirm",
    "/passkey",
    "/recovery-codes",
    "/app-password",
    "/sessions/end",
    "/sessions/end-others",
    "/factors/fabc/remove",
    "/app-passwords/pabc/remove",
)
NEW = "correct battery staple"


@pytest.fixture
async def anna(world: JmapWorld) -> WebBrowser:
    """Anna's browser, signed in."""
    browser = WebBrowser(world, scheme="https", agent="Mozilla/5.0 (X11; Linux) Firefox/140.0")
    await browser.sign_in()
    return browser


async def another(world: JmapWorld, password: str = PASSWORD) -> WebBrowser:
    browser = WebBrowser(world, scheme="https", agent="<script>alert(1)</script>")
    await browser.sign_in(password)
    return browser


async def forget_proof(world: JmapWorld) -> None:
    """As if everybody had shown who he is eleven minutes ago."""

    async def work(tx: Transaction) -> None:
        await tx.run("UPDATE sessions SET proved_ms = ?1", NOW_MS - 11 * 60_000)

    await world.store.database.write(work)
    world.directory.forget()


async def actions(world: JmapWorld) -> list[str]:
    """What the audit log has of Anna herself."""
    return [
        str(row[0])
        for row in await world.store.database.read(
            lambda tx: tx.rows("SELECT action FROM audit WHERE actor = ?1 ORDER BY seq", NAME)
        )
    ]


async def test_the_pages_are_for_who_is_signed_in(world: JmapWorld, anna: WebBrowser) -> None:
    nobody = WebBrowser(world, scheme="https")
    for path in PAGES:
        answer = await nobody.get(SECURITY + path)
        assert (answer.status, answer.headers["location"]) == (303, f"/login?next={SECURITY}{path}")
        page = await anna.get(SECURITY + path)
        assert page.status == 200
        assert page.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "unsafe" not in page.headers["content-security-policy"]
        assert ("script-src" in page.headers["content-security-policy"]) == (path == "/passkey")
    for path in FORMS:
        assert (await nobody.post(SECURITY + path)).headers["location"].startswith("/login?next=")


async def test_forms_from_elsewhere_are_refused(world: JmapWorld, anna: WebBrowser) -> None:
    sent = {"current": PASSWORD, "new": NEW, "again": NEW, "name": "x"}
    for path in FORMS:
        for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {"x": "y"}):
            answer = await anna.post_from(headers, SECURITY + path, **sent)
            assert (answer.status, b"Nothing was done" in answer.body) == (403, True)
    assert await actions(world) == []


async def test_a_password_of_a_mail_program_opens_no_page(world: JmapWorld) -> None:
    _, secret = await world.directory.credentials.app_passwords.add(SYSTEM, world.anna.id, "phone")
    for given in (secret, PASSWORD):
        for method, path in (("GET", SECURITY), ("POST", f"{SECURITY}/sessions/end-others")):
            headers = {**OWN, **basic(NAME, given)}
            answer = await call_app(world.app, method, path, headers=headers, scheme="https")
            assert answer.headers["location"].startswith("/login")


async def test_nothing_is_shown_in_clear_from_afar(world: JmapWorld) -> None:
    token = await world.directory.create_session(world.anna.id, user_agent="x", peer="203.0.113.5")
    headers = {"cookie": f"session={token}"}
    answer = await call_app(world.app, "GET", SECURITY, headers=headers, peer="203.0.113.5")
    assert answer.status == 401


# --- the password ------------------------------------------------------------------------------


async def change(browser: WebBrowser, current: str = PASSWORD, new: str = NEW, again: str = NEW) -> Answer:
    return await browser.post(f"{SECURITY}/password", current=current, new=new, again=again)


async def test_the_password_is_changed_and_other_sessions_end(world: JmapWorld, anna: WebBrowser) -> None:
    other = await another(world)
    await forget_proof(world)
    answer = await change(anna)
    assert (answer.status, answer.headers["location"]) == (303, f"{SECURITY}?done=password")
    assert b"Your password is changed." in (await anna.get(answer.headers["location"])).body
    assert (await other.get(SECURITY)).status == 303
    assert (await WebBrowser(world, scheme="https").sign_in()).status == 401
    assert (await (await another(world, NEW)).get(SECURITY)).status == 200
    assert await actions(world) == ["account.password"]
    assert (await anna.get(f"{SECURITY}/app-password")).status == 200, "the password was a proof"


async def test_a_password_that_cannot_be_is_not_set(world: JmapWorld, anna: WebBrowser) -> None:
    for sent, status, said in (
        ({"current": "wrong"}, 403, b"That is not your password."),
        ({"current": ""}, 403, b"That is not your password."),
        ({"again": "other"}, 400, b"The two new passwords differ."),
        ({"new": "short", "again": "short"}, 400, b"A password has 8 characters"),
    ):
        answer = await change(anna, **sent)
        assert (answer.status, said in answer.body) == (status, True)
    assert (await (await another(world)).get(SECURITY)).status == 200


async def test_the_present_password_cannot_be_guessed(world: JmapWorld, anna: WebBrowser) -> None:
    """Whoever sits down at an open browser gets a few tries."""
    statuses = [(await change(anna, f"guess {n}")).status for n in range(32)]
    assert statuses[0] == 403
    assert statuses[-1] == 429


# --- the proof before changes ------------------------------------------------------------------


async def test_a_change_wants_a_fresh_proof(world: JmapWorld, anna: WebBrowser) -> None:
    await forget_proof(world)
    for path in ("/authenticator", "/passkey", "/recovery-codes", "/app-password"):
        for answer in (await anna.get(SECURITY + path), await anna.post(SECURITY + path, name="x")):
            assert answer.headers["location"] == f"{SECURITY}/confirm?next={SECURITY}{path}"
    assert await actions(world) == []
    page = await anna.get(f"{SECURITY}/confirm?next={SECURITY}/app-password")
    assert value_of(page, "next") == f"{SECURITY}/app-password"
    wrong = await anna.post(f"{SECURITY}/confirm", password="wrong", next=f"{SECURITY}/app-password")
    assert (wrong.status, value_of(wrong, "next")) == (403, f"{SECURITY}/app-password")
    assert (await anna.get(f"{SECURITY}/app-password")).status == 303
    right = await anna.post(f"{SECURITY}/confirm", password=PASSWORD, next=f"{SECURITY}/app-password")
    assert (right.status, right.headers["location"]) == (303, f"{SECURITY}/app-password")
    assert (await anna.get(f"{SECURITY}/app-password")).status == 200


async def test_a_passkey_is_a_proof_and_nobody_elses(world: JmapWorld, anna: WebBrowser) -> None:
    device = Authenticator(f"https://{HOST}")
    page = await anna.get(f"{SECURITY}/passkey")
    made = orjson.dumps(device.create(options_of(page))).decode()
    await anna.post(f"{SECURITY}/passkey", name="Key", asked=value_of(page, "asked"), answer=made)
    await forget_proof(world)

    ben = WebBrowser(world, scheme="https")
    await ben.post("/login", address="ben@example.org", password=PASSWORD)
    await forget_proof(world)
    foreign = await ben.get("/login/passkey")
    signed = orjson.dumps(device.get(options_of(foreign), user=device.user)).decode()
    refused = await ben.post(f"{SECURITY}/confirm", asked=value_of(foreign, "asked"), answer=signed)
    assert (refused.status, b"of another account" in refused.body) == (403, True)
    assert (await ben.get(f"{SECURITY}/passkey")).status == 303

    page = await anna.get(f"{SECURITY}/confirm")
    sent = {"asked": value_of(page, "asked"), "answer": orjson.dumps(device.get(options_of(page))).decode()}
    assert (await anna.post(f"{SECURITY}/confirm", **sent)).status == 303
    assert (await anna.get(f"{SECURITY}/passkey")).status == 200
    await forget_proof(world)
    assert (await anna.post(f"{SECURITY}/confirm", **sent)).status == 403, "it is good once"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (f"{SECURITY}/passkey", f"{SECURITY}/passkey"),
        ("", SECURITY),
        ("/", SECURITY),
        ("//evil.example", SECURITY),
        ("https://evil.example/account/security", SECURITY),
        ("/logout", SECURITY),
    ],
)
def test_the_proof_leads_to_own_pages_only(text: str, path: str) -> None:
    assert own_path(text) == path


# --- web sessions ------------------------------------------------------------------------------


async def test_sessions_are_listed_and_ended(world: JmapWorld, anna: WebBrowser) -> None:
    other = await another(world)
    page = await anna.get(SECURITY)
    text = page.body.decode()
    assert "Firefox on Linux" in text
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;" in text
    assert text.count("This browser") == 1
    assert text.count('name="session"') == 1
    ended = await anna.post(f"{SECURITY}/sessions/end", session=value_of(page, "session"))
    assert ended.headers["location"] == f"{SECURITY}?done=session"
    assert (await other.get(SECURITY)).status == 303
    assert (await anna.get(SECURITY)).status == 200
    assert await actions(world) == ["session.end"]


async def test_all_others_are_ended(world: JmapWorld, anna: WebBrowser) -> None:
    others = [await another(world) for _ in range(3)]
    await anna.post(f"{SECURITY}/sessions/end-others")
    assert [(await one.get(SECURITY)).status for one in others] == [303, 303, 303]
    assert (await anna.get(SECURITY)).status == 200


async def test_nobody_ends_the_session_of_somebody_else(world: JmapWorld, anna: WebBrowser) -> None:
    token = await world.directory.create_session(world.ben.id, user_agent="x", peer="192.0.2.7")
    name = await world.directory.web_sessions.name(token)
    for session in (name, "", "zz", "00"):
        assert (await anna.post(f"{SECURITY}/sessions/end", session=session)).status == 404
    assert await world.directory.session(token) is not None


async def test_a_suspended_account_is_out(world: JmapWorld, anna: WebBrowser) -> None:
    await world.directory.accounts.set(SYSTEM, address(NAME), Changed(state="suspended"))
    assert (await anna.get(SECURITY)).headers["location"].startswith("/login")
    assert (await anna.get("/")).headers["location"].startswith("/login")
    assert (await change(anna)).headers["location"].startswith("/login")


async def test_a_removed_account_is_out(world: JmapWorld, anna: WebBrowser) -> None:
    await world.directory.accounts.remove(SYSTEM, address(NAME))
    with pytest.raises(NotFound):
        await world.directory.accounts.get(address(NAME))
    assert (await anna.get(SECURITY)).headers["location"].startswith("/login")
    assert (await anna.post(f"{SECURITY}/app-password", name="x")).headers["location"].startswith("/login")


async def test_sign_ins_are_shown(world: JmapWorld, anna: WebBrowser) -> None:
    assert b"None yet. New ones show within a minute." in (await anna.get(SECURITY)).body
    await add_app(anna)
    await world.directory.sign_ins.flush()
    text = (await anna.get(SECURITY)).body.decode()
    assert "Web pages" in text
    assert "From 127.0.0.1 by password" in text
