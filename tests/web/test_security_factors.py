"""Second factors of one's own account: apps, passkeys, recovery codes.

Standards: RFC 6238, Web Authentication Level 2 section 7.1.
"""

import html
import re

import orjson
import pytest
from tests.support.authenticator import Authenticator
from tests.support.jmap_world import HOST, JmapWorld
from tests.support.web_browser import SECURITY, WebBrowser, add_app, code_of, codes_in, options_of, value_of

from pymailcore.web.security_factors import picture_of

SCRIPT = '<script>alert("x")</script>'


@pytest.fixture
async def anna(world: JmapWorld) -> WebBrowser:
    """Anna's browser, signed in."""
    browser = WebBrowser(world, scheme="https")
    await browser.sign_in()
    return browser


async def kinds(world: JmapWorld) -> list[tuple[str, str]]:
    factors = await world.directory.credentials.second_factors.of(world.anna.id)
    return [(one.kind, one.name) for one in factors.factors]


async def removal(browser: WebBrowser) -> str:
    """Where the first factor is removed."""
    found = re.search(rf"{SECURITY}/factors/\w+/remove", (await browser.get(SECURITY)).body.decode())
    assert found is not None
    return found[0]


async def test_an_app_is_added_by_its_first_code(world: JmapWorld, anna: WebBrowser) -> None:
    begun = await anna.post(f"{SECURITY}/authenticator", name="Phone")
    secret, number = value_of(begun, "secret"), value_of(begun, "id")
    text = begun.body.decode()
    assert "<svg" in text
    assert " ".join(re.findall("....", secret)) in text
    assert re.search(rf'href="otpauth://totp/[^"]*secret={secret}', text)  # for an app on the same device
    assert begun.headers["cache-control"] == "no-store"
    assert await kinds(world) == []

    sent = {"id": number, "secret": secret}
    wrong = await anna.post(f"{SECURITY}/authenticator/confirm", code="000000", **sent)
    assert wrong.status == 403
    assert value_of(wrong, "secret") == secret
    assert "<svg" in wrong.body.decode()
    right = await anna.post(f"{SECURITY}/authenticator/confirm", code=code_of(secret), **sent)
    assert len(set(codes_in(right))) == 10
    assert await kinds(world) == [("totp", "Phone")]
    assert (await anna.post(f"{SECURITY}/authenticator/confirm", code=code_of(secret), **sent)).status == 404
    assert "10 of 10 left" in (await anna.get(SECURITY)).body.decode()


async def test_a_picture_says_what_the_text_says() -> None:
    picture = str(picture_of("otpauth://totp/a:b?secret=AAAA"))
    assert picture.startswith("<svg")
    assert "style" not in picture, "the policy of the page lets no style in"


async def test_a_secret_that_is_none_is_not_shown(anna: WebBrowser) -> None:
    begun = await anna.post(f"{SECURITY}/authenticator", name="Phone")
    for secret in ("no base32!", "<script>", "A" * 7, "A" * 8_000):
        sent = {"id": value_of(begun, "id"), "secret": secret, "code": "000000"}
        answer = await anna.post(f"{SECURITY}/authenticator/confirm", **sent)
        assert (answer.status, secret.encode() in answer.body) == (404, False)


async def test_nobody_confirms_the_app_of_somebody_else(world: JmapWorld, anna: WebBrowser) -> None:
    begun = await anna.post(f"{SECURITY}/authenticator", name="Phone")
    ben = WebBrowser(world, scheme="https")
    await ben.post("/login", address="ben@example.org", password="correct horse")
    secret = value_of(begun, "secret")
    sent = {"id": value_of(begun, "id"), "secret": secret, "code": code_of(secret)}
    assert (await ben.post(f"{SECURITY}/authenticator/confirm", **sent)).status == 404
    assert await kinds(world) == []


async def test_a_name_that_is_none_is_refused(anna: WebBrowser) -> None:
    for name in ("", " ", "x" * 101, "a\nb"):
        answer = await anna.post(f"{SECURITY}/authenticator", name=name)
        assert (answer.status, b"A name has 1 to 100 printable characters." in answer.body) == (400, True)


async def test_names_are_text(world: JmapWorld, anna: WebBrowser) -> None:
    await add_app(anna, SCRIPT)
    path = await removal(anna)
    for page in (await anna.get(SECURITY), await anna.get(path)):
        assert b"<script" not in page.body
        assert html.escape(SCRIPT, quote=False).encode() in page.body.replace(b"&#34;", b'"')


async def test_a_passkey_is_added(world: JmapWorld, anna: WebBrowser) -> None:
    device = Authenticator(f"https://{HOST}")
    page = await anna.get(f"{SECURITY}/passkey")
    assert b"From then on mail programs cannot sign in with your password" in page.body
    answer = orjson.dumps(device.create(options_of(page))).decode()
    sent = {"asked": value_of(page, "asked"), "answer": answer}
    made = await anna.post(f"{SECURITY}/passkey", name="Key", **sent)
    assert len(codes_in(made)) == 10
    assert await kinds(world) == [("passkey", "Key")]
    assert (await anna.post(f"{SECURITY}/passkey", name="Key", **sent)).status == 403, "the ticket was taken"
    page = await anna.get(f"{SECURITY}/passkey")
    assert [one["type"] for one in options_of(page)["publicKey"]["excludeCredentials"]] == ["public-key"]


async def test_nonsense_makes_no_passkey(world: JmapWorld, anna: WebBrowser) -> None:
    page = await anna.get(f"{SECURITY}/passkey")
    for answer in ("", "{}", "[1]", '{"id": "AAAA", "type": "public-key", "response": {}}'):
        sent = {"asked": value_of(page, "asked"), "answer": answer}
        assert (await anna.post(f"{SECURITY}/passkey", name="Key", **sent)).status == 400
        assert (await anna.post(f"{SECURITY}/passkey", name="Key", asked="x", answer=answer)).status == 403
    assert await kinds(world) == []


async def test_new_codes_make_the_old_ones_worthless(world: JmapWorld, anna: WebBrowser) -> None:
    _, old = await add_app(anna)
    assert codes_in(await anna.get(f"{SECURITY}/recovery-codes")) == []
    new = codes_in(await anna.post(f"{SECURITY}/recovery-codes"))
    assert len(new) == 10
    assert not set(new) & set(old)
    fresh = WebBrowser(world, scheme="https")
    await fresh.sign_in()
    assert (await fresh.post("/login/second", code=old[0])).status == 401
    assert (await fresh.post("/login/second", code=new[0])).status == 303


async def test_without_a_factor_there_are_no_codes(anna: WebBrowser) -> None:
    answer = await anna.post(f"{SECURITY}/recovery-codes")
    assert (answer.status, answer.headers["location"]) == (303, SECURITY)


async def test_a_factor_is_removed(world: JmapWorld, anna: WebBrowser) -> None:
    await add_app(anna)
    path = await removal(anna)
    page = await anna.get(path)
    assert b"It is your last second step" in page.body
    assert await kinds(world) == [("totp", "Phone")]
    assert (await anna.post(path)).headers["location"] == f"{SECURITY}?done=factor"
    assert await kinds(world) == []
    assert (await anna.get(path)).status == 404
    assert (await WebBrowser(world, scheme="https").sign_in()).headers["location"] == "/"


async def test_a_factor_of_somebody_else_is_not_there(world: JmapWorld, anna: WebBrowser) -> None:
    await add_app(anna)
    path = await removal(anna)
    ben = WebBrowser(world, scheme="https")
    await ben.post("/login", address="ben@example.org", password="correct horse")
    for one in (path, f"{SECURITY}/factors/nonsense/remove"):
        assert (await ben.get(one)).status == 404
        assert (await ben.post(one)).status == 404
    assert await kinds(world) == [("totp", "Phone")]
