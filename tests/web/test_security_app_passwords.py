"""App passwords of one's own account: made, shown once, used, removed."""

import html
import re

import pytest
from tests.support.jmap_world import JmapWorld
from tests.support.web_browser import NAME, SECURITY, WebBrowser, add_app

from pymailcore.base.errors import Forbidden
from pymailcore.directory.types import Principal
from pymailcore.sasl.steps import Credentials

NEW = f"{SECURITY}/app-password"


@pytest.fixture
async def anna(world: JmapWorld) -> WebBrowser:
    """Anna's browser, signed in."""
    browser = WebBrowser(world, scheme="https")
    await browser.sign_in()
    return browser


async def make(browser: WebBrowser, **fields: object) -> str:
    """Make an app password; gives what the page shows."""
    answer = await browser.post(NEW, **{"name": "Phone", **fields})
    found = re.search(r'<code id="secret">([a-z2-7-]{29})</code>', answer.body.decode())
    assert found is not None, answer.body
    assert answer.headers["cache-control"] == "no-store"
    return found[1]


async def use(world: JmapWorld, secret: str, *, protocol: str = "imap", peer: str = "192.0.2.9") -> Principal:
    return await world.directory.authenticate(Credentials(NAME, "", secret), peer=peer, protocol=protocol)


async def test_one_is_made_shown_once_and_used(world: JmapWorld, anna: WebBrowser) -> None:
    secret = await make(anna)
    assert (await use(world, secret)).mechanism == "app-password"
    page = (await anna.get(SECURITY)).body.decode()
    assert "Phone" in page
    assert "All protocols" in page
    assert "never used" in page
    assert secret not in page
    await world.directory.sign_ins.flush()
    assert "from 192.0.2.9" in (await anna.get(SECURITY)).body.decode()


async def test_with_a_second_step_it_is_what_mail_programs_need(world: JmapWorld, anna: WebBrowser) -> None:
    await add_app(anna)
    secret = await make(anna)
    assert (await use(world, secret)).name == NAME
    with pytest.raises(Forbidden):
        await use(world, "correct horse")
    assert (await WebBrowser(world, scheme="https").sign_in(secret)).status == 401


async def test_it_does_what_was_ticked_and_no_more(world: JmapWorld, anna: WebBrowser) -> None:
    secret = await make(
        anna,
        protocol=["imap", "smtp"],
        networks="192.0.2.0/24\r\n2001:db8::1",
        read_only="1",
        expires="2100-01-31",
    )
    principal = await use(world, secret)
    assert (principal.read_only, principal.protocols) == (True, frozenset({"imap", "smtp"}))
    for protocol, peer in (("jmap", "192.0.2.9"), ("web", "192.0.2.9"), ("imap", "198.51.100.1")):
        with pytest.raises(Forbidden):
            await use(world, secret, protocol=protocol, peer=peer)
    page = (await anna.get(SECURITY)).body.decode()
    assert "reading only, from 192.0.2.0/24, 2001:db8::1/128, until 31 Jan 2100" in page


async def test_what_cannot_be_is_said_and_nothing_is_lost(world: JmapWorld, anna: WebBrowser) -> None:
    for fields, said in (
        ({"name": ""}, "A name has 1 to 100 printable characters."),
        ({"networks": "home"}, "does not appear to be an IPv4 or IPv6 network"),
        ({"expires": "2001-01-01"}, "It would have expired already."),
        ({"expires": "tomorrow"}, "is no time such as"),
        ({"expires": "9999-99-99"}, "is no time such as"),
    ):
        sent = {"name": "Phone <b>", "protocol": "imap", "networks": "192.0.2.1", "read_only": "1", **fields}
        answer = await anna.post(NEW, **sent)
        text = html.unescape(answer.body.decode())
        assert (answer.status, said in text) == (400, True)
        assert f'value="{sent["name"]}"' in text
        assert 'value="imap" checked' in text
        assert f">{sent['networks']}</textarea>" in text
    assert await world.directory.credentials.app_passwords.of(world.anna.id) == ()


async def test_a_protocol_that_is_not_offered_is_left_out(world: JmapWorld, anna: WebBrowser) -> None:
    secret = await make(anna, protocol=["imap", "web", "<x>"])
    assert (await use(world, secret)).protocols == frozenset({"imap"})


async def test_names_are_text(world: JmapWorld, anna: WebBrowser) -> None:
    script = "<script>alert(1)</script>"
    answer = await anna.post(NEW, name=script)
    removal = re.search(rf"{SECURITY}/app-passwords/\w+/remove", (await anna.get(SECURITY)).body.decode())
    assert removal is not None
    for page in (answer, await anna.get(SECURITY), await anna.get(removal[0])):
        assert b"<script" not in page.body
        assert html.escape(script).encode() in page.body
    refused = await anna.post(NEW, name=script, networks="x")
    assert b"<script" not in refused.body


async def test_one_is_removed(world: JmapWorld, anna: WebBrowser) -> None:
    secret = await make(anna)
    removal = re.search(rf"{SECURITY}/app-passwords/\w+/remove", (await anna.get(SECURITY)).body.decode())
    assert removal is not None
    ben = WebBrowser(world, scheme="https")
    await ben.post("/login", address="ben@example.org", password="correct horse")
    assert (await ben.get(removal[0])).status == 404
    assert (await ben.post(removal[0])).status == 404
    assert (await use(world, secret)).name == NAME
    assert (await anna.get(removal[0])).status == 200
    assert (await anna.post(removal[0])).headers["location"] == f"{SECURITY}?done=app-password"
    with pytest.raises(Forbidden):
        await use(world, secret)
    assert (await anna.post(removal[0])).status == 404
