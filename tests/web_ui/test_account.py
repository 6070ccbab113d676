"""Sign-in and security in a real browser: the second step, passkeys, app passwords for mail programs.

Standards: RFC 6238, Web Authentication Level 2 (Chromium's virtual authenticator), WCAG 2.2.
"""

import imaplib
import time
from base64 import b32decode
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.support.family import PASSWORD, Family
from tests.web_ui.axe import violations
from tests.web_ui.visitor import Visitor

from pymailcore.directory import totp

pytestmark = [pytest.mark.browser, pytest.mark.slow]

DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
}


def open_security(visitor: Visitor) -> Page:
    """From the sign-in page over the webmail to the account's page."""
    visitor.sign_in()
    visitor.page.get_by_role("link", name="Sign-in and security").click()
    visitor.page.get_by_role("heading", name="Sign-in and security").wait_for()
    return visitor.page


def code_of(secret: str, later: int = 0) -> str:
    return totp.code_at(b32decode(secret), totp.step_of(time.time_ns() // 1_000_000) + later)


def look(page: Page, name: str, artifacts: Path) -> None:
    """Nothing is wider than the screen or breaks a rule, on small and large ones, light and dark."""
    for width, theme in ((320, "dark"), (820, "light"), (1280, "dark")):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        page.screenshot(path=artifacts / f"{name}-{width}-{theme}.png", full_page=True)


def test_an_app_password_reads_mail_and_a_code_follows_the_password(
    chromium: Browser, family: Family, artifacts: Path
) -> None:
    with Visitor(chromium, family, "anna") as anna:
        page = open_security(anna)
        page.get_by_role("link", name="New app password").click()
        expect(page.get_by_label("Which program or device")).to_be_focused()
        page.keyboard.type("Phone <script>document.title = 'ran'</script>")
        page.get_by_label("Reading mail (IMAP)").check()
        page.keyboard.press("Enter")
        secret = page.locator("#secret").inner_text()
        page.get_by_role("link", name="Done").click()
        expect(page.get_by_text("Phone <script>")).to_be_visible()

        page.get_by_role("link", name="Add an authenticator app").click()
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("img", name="QR code")).to_be_visible()
        key = page.locator("input[name=secret]").input_value()
        page.get_by_label("The code that the app shows now").fill(code_of(key))
        page.keyboard.press("Enter")
        expect(page.get_by_role("listitem")).to_have_count(10)
        recovery = page.get_by_role("listitem").first.inner_text()
        page.get_by_role("link", name="I have kept them").click()
        look(page, "account-security", artifacts)
        assert page.title() == "Sign-in and security"

        program = imaplib.IMAP4("127.0.0.1", family.ports["imap"])
        with pytest.raises(imaplib.IMAP4.error):
            program.login(anna.address, PASSWORD)
        assert program.login(anna.address, secret)[0] == "OK"
        assert program.select("INBOX")[0] == "OK"
        program.logout()

        page.goto(anna.origin + "/")
        page.get_by_role("button", name="Sign out").click()
        anna.fill_sign_in(page)
        expect(page.get_by_label("Code from your authenticator app")).to_be_focused()
        look(page, "account-second-step", artifacts)
        page.keyboard.type(code_of(key, 1))
        page.keyboard.press("Enter")
        page.wait_for_url("**/mail/inbox")
        page.get_by_role("button", name="Sign out").click()
        anna.fill_sign_in(page)
        page.get_by_text("Use a recovery code").click()
        page.get_by_label("One of your recovery codes").fill(recovery)
        page.keyboard.press("Enter")
        page.wait_for_url("**/mail/inbox")


def test_a_passkey_signs_in(chromium: Browser, family: Family, artifacts: Path) -> None:
    with Visitor(chromium, family, "ben", host="localhost") as ben:
        devices = ben.page.context.new_cdp_session(ben.page)
        devices.send("WebAuthn.enable")
        devices.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
        page = open_security(ben)
        page.get_by_role("link", name="Add a passkey").click()
        look(page, "account-passkey", artifacts)
        page.get_by_label("Name").fill("Laptop")
        page.get_by_role("button", name="Make the passkey").click()
        expect(page.get_by_role("listitem")).to_have_count(10)
        page.get_by_role("link", name="I have kept them").click()
        expect(page.get_by_role("link", name="Remove Laptop")).to_be_visible()

        page.goto(ben.origin + "/")
        page.get_by_role("button", name="Sign out").click()
        ben.fill_sign_in(page)
        page.get_by_role("button", name="Use a passkey").click()
        page.wait_for_url("**/mail/inbox")
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("link", name="Sign in with a passkey").click()
        page.get_by_role("button", name="Use a passkey").click()
        page.wait_for_url("**/mail/inbox")
        expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
