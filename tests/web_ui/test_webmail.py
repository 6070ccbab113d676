"""The first page of the webmail, in a real browser on a real server.

Standards: RFC 8620 section 7.3 (push), RFC 8621 section 7 (sending); WCAG 2.2 (focus, names of rows).
"""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect
from tests.support.family import Family
from tests.web_ui.axe import violations
from tests.web_ui.letters import HOSTILE, letter, receive, submit
from tests.web_ui.visitor import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FRAME = "allow-same-origin allow-popups allow-popups-to-escape-sandbox"


@pytest.fixture(scope="module")
def mail(family: Family) -> Family:
    anna = family.address("anna")
    receive(
        family,
        letter("Harbour Council <news@council.test>", anna, "Minutes of the October session"),
        letter("Lamps & Co <news@shop.test>", anna, "Autumn catalogue", "The new lamps are here.", HOSTILE),
    )
    submit(
        family,
        "ben",
        letter(f"Ben Ek <{family.address('ben')}>", anna, "Lunch on Thursday?", "Half past twelve?\n"),
    )
    return family


def test_reading_and_answering(chromium: Browser, mail: Family, artifacts: Path) -> None:
    with Visitor(chromium, mail, "anna") as anna, Visitor(chromium, mail, "ben") as ben:
        anna.sign_in()
        expect(anna.rows()).to_have_count(3)
        subjects = ["Lunch on Thursday?", "Autumn catalogue", "Minutes of the October session"]
        assert all(subject in name for subject, name in zip(subjects, anna.names(), strict=True))
        assert anna.names()[0].startswith("unread, Ben Ek, ")
        anna.page.screenshot(path=artifacts / "webmail-inbox-light.png")

        # A page that was loaded again would not know this any more.
        anna.page.evaluate("window.stayed = true")
        receive(mail, letter("Carla <carla@remote.test>", anna.address, "Photos from the weekend"))
        expect(anna.rows()).to_have_count(4)
        assert "Photos from the weekend" in anna.names()[0]
        assert anna.page.evaluate("window.stayed") is True

        anna.row("Lunch on Thursday?").click()
        body = anna.page.frame_locator("iframe[title^='Text of the message']")
        expect(body.get_by_text("Half past twelve?")).to_be_visible()
        expect(anna.row("Lunch on Thursday?")).to_have_attribute("aria-label", re.compile("^Ben Ek, "))
        anna.page.get_by_role("button", name="Reply", exact=True).last.click()
        window = anna.page.get_by_role("dialog", name="Re: Lunch on Thursday?")
        expect(window.get_by_label("Message", exact=True)).to_be_focused()
        assert "> Half past twelve?" in window.get_by_label("Message", exact=True).input_value()
        anna.page.keyboard.type("Yes, the soup place!")
        anna.page.screenshot(path=artifacts / "webmail-reply-light.png")
        window.get_by_role("button", name="Send").click()
        expect(window).to_have_count(0)
        expect(anna.page.get_by_text("Message sent")).to_be_visible()

        ben.sign_in()
        ben.row("Re: Lunch on Thursday?").click()
        answer = ben.page.frame_locator("iframe[title^='Text of the message']").last
        expect(answer.get_by_text("Yes, the soup place!")).to_be_visible()
        assert ben.page.evaluate("document.title").endswith(ben.address)

        anna.page.get_by_role("link", name="Sent").click()
        expect(anna.row("Re: Lunch on Thursday?")).to_have_count(1)
        anna.page.get_by_role("link", name="Drafts").click()
        expect(anna.page.get_by_text("No drafts")).to_be_visible()


def test_a_hostile_message_does_nothing(chromium: Browser, mail: Family, artifacts: Path) -> None:
    with Visitor(chromium, mail, "anna") as anna:
        anna.sign_in()
        with anna.page.expect_response(
            lambda response: urlsplit(response.url).path.startswith("/view/")
        ) as shown:
            anna.row("Autumn catalogue").click()
        frame = anna.page.locator("iframe")
        expect(frame).to_have_attribute("sandbox", FRAME)
        policy = shown.value.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "allow-scripts" not in policy
        assert "sandbox" in policy

        body = anna.page.frame_locator("iframe")
        expect(body.get_by_text("The new lamps are here.")).to_be_visible()
        expect(anna.page.get_by_text("not loaded, so the sender does not learn")).to_be_visible()
        # The frame is as tall as what it holds: nobody scrolls in two places.
        assert frame.evaluate("f => f.clientHeight >= f.contentDocument.body.scrollHeight") is True
        anna.page.screenshot(path=artifacts / "webmail-message-light.png")
        assert "ran" not in anna.page.title()
        assert (
            frame.evaluate(
                "f => f.contentDocument.querySelectorAll('script, iframe, form, object, link').length"
            )
            == 0
        )


def test_by_keyboard_alone(chromium: Browser, mail: Family) -> None:
    receive(
        mail, *(letter("Robot <ci@builds.test>", mail.address("anna"), f"Build {n} passed") for n in range(3))
    )
    with Visitor(chromium, mail, "anna") as anna:
        anna.sign_in()
        keys = anna.page.keyboard
        anna.row("Build 2 passed").wait_for()

        keys.press("j")
        expect(anna.row("Build 2 passed")).to_be_focused()
        keys.press("j")
        expect(anna.row("Build 1 passed")).to_be_focused()
        # After an act the focus goes to the row that moves up; undo brings the row back.
        keys.press("e")
        expect(anna.row("Build 1 passed")).to_have_count(0)
        expect(anna.row("Build 0 passed")).to_be_focused()
        keys.press("z")
        expect(anna.row("Build 1 passed")).to_have_count(1)
        expect(anna.row("Build 0 passed")).to_be_focused()

        keys.press("Enter")
        expect(anna.page.get_by_role("heading", name="Build 0 passed")).to_be_visible()
        keys.press("k")
        expect(anna.page.get_by_role("heading", name="Build 1 passed")).to_be_visible()
        keys.press("#")
        expect(anna.page.get_by_role("heading", name="Build 0 passed")).to_be_visible()
        keys.press("u")
        expect(anna.page.get_by_text("Choose a conversation")).to_be_visible()
        expect(anna.row("Build 0 passed")).to_be_focused()

        keys.press("?")
        expect(anna.page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
        keys.press("Escape")
        expect(anna.row("Build 0 passed")).to_be_focused()

        keys.press("c")
        expect(anna.page.get_by_label("To", exact=True)).to_be_focused()
        keys.type(f"{mail.address('ben')},")
        anna.page.get_by_label("Subject").focus()
        keys.type("Written by keyboard")
        keys.press("Tab")
        keys.type("Without a mouse.")
        keys.press("Control+Enter")
        expect(anna.page.get_by_text("Message sent")).to_be_visible()
        expect(anna.row("Build 0 passed")).to_be_focused()


def test_a_long_list_stays_small(chromium: Browser, family: Family) -> None:
    ben = family.address("ben")
    receive(family, *(letter("Robot <ci@builds.test>", ben, f"Number {n:03} of many") for n in range(150)))
    with Visitor(chromium, family, "ben") as visitor:
        visitor.sign_in()
        visitor.row("Number 149 of many").wait_for()
        grid = visitor.page.get_by_role("grid", name="Conversations")
        assert int(grid.get_attribute("aria-rowcount") or 0) >= 150
        assert visitor.rows().count() < 60
        visitor.rows().first.focus()
        visitor.page.keyboard.press("End")
        expect(visitor.page.locator("[role=row]:focus")).to_have_attribute(
            "aria-rowindex", grid.get_attribute("aria-rowcount") or ""
        )
        assert visitor.rows().count() < 60
        assert visitor.page.evaluate("document.querySelectorAll('*').length") < 1500

        # New mail does not move what somebody is looking at: it waits behind a button.
        visitor.page.keyboard.press("Home")
        visitor.page.mouse.move(400, 400)
        visitor.page.mouse.wheel(0, 1500)
        looked_at = visitor.row("Number 125 of many")
        looked_at.wait_for()
        place = looked_at.bounding_box()
        receive(family, letter("Carla <carla@remote.test>", ben, "Came in meanwhile"))
        button = visitor.page.get_by_role("button", name="1 new")
        button.wait_for()
        assert looked_at.bounding_box() == place
        button.click()
        expect(visitor.row("Came in meanwhile")).to_be_focused()

        # What the first screen needs is one Session and, once the inbox is known, one request.
        before = len(visitor.api_requests())
        visitor.page.reload()
        visitor.row("Number 149 of many").wait_for()
        assert len(visitor.api_requests()) - before == 1


def test_on_a_phone_in_the_dark(chromium: Browser, mail: Family, artifacts: Path) -> None:
    with Visitor(chromium, mail, "anna", phone=True) as anna:
        anna.sign_in()
        anna.row("Autumn catalogue").wait_for()
        anna.page.screenshot(path=artifacts / "webmail-phone-inbox-dark.png")
        # Nothing juts out sideways (WCAG 2.2, 1.4.10).
        assert anna.page.evaluate("document.documentElement.scrollWidth") == 390

        anna.row("Autumn catalogue").tap()
        body = anna.page.frame_locator("iframe")
        expect(body.get_by_text("The new lamps are here.")).to_be_visible()
        expect(anna.rows().first).to_be_hidden()
        anna.page.screenshot(path=artifacts / "webmail-phone-message-dark.png")
        anna.page.go_back()
        expect(anna.row("Autumn catalogue")).to_be_visible()

        anna.page.get_by_role("button", name="Mailboxes").tap()
        anna.page.get_by_role("dialog").get_by_role("link", name="Trash").tap()
        expect(anna.page.get_by_role("heading", name="Trash")).to_be_visible()


def test_an_attachment_on_its_way(chromium: Browser, mail: Family, tmp_path: Path) -> None:
    paper = tmp_path / "plan of the harbour.pdf"
    paper.write_bytes(b"%PDF-1.7\n" + bytes(range(256)) * 400)
    with Visitor(chromium, mail, "anna") as anna, Visitor(chromium, mail, "ben") as ben:
        anna.sign_in()
        anna.page.get_by_role("button", name="Compose").click()
        window = anna.page.get_by_role("dialog", name="New message")
        window.get_by_label("To", exact=True).fill(f"Ben Ek <{ben.address}>")
        window.get_by_label("Subject").fill("The plan")
        window = anna.page.get_by_role("dialog", name="The plan")
        window.get_by_label("Files to attach").set_input_files(paper)
        expect(window.get_by_role("list", name="Attachments").get_by_text("102 kB")).to_be_visible()
        # What is written is kept without being asked, and comes back after the window was closed.
        expect(window.get_by_text("Saved")).to_be_visible()
        window.get_by_role("button", name="Save and close").click()
        anna.page.get_by_role("link", name="Drafts").click()
        anna.row("The plan").click()
        window.get_by_label("Message", exact=True).fill("As promised.")
        window.get_by_role("button", name="Send").click()
        expect(anna.page.get_by_text("Message sent")).to_be_visible()
        expect(anna.page.get_by_text("No drafts")).to_be_visible()

        ben.sign_in()
        assert "has attachment" in str(ben.row("The plan").get_attribute("aria-label"))
        ben.row("The plan").click()
        with ben.page.expect_download() as download:
            ben.page.get_by_role("link", name="plan of the harbour.pdf").click()
        assert download.value.path().read_bytes() == paper.read_bytes()


def test_searching(chromium: Browser, mail: Family) -> None:
    with Visitor(chromium, mail, "anna") as anna:
        anna.sign_in()
        anna.row("Autumn catalogue").wait_for()
        anna.page.keyboard.press("/")
        anna.page.keyboard.type("lamps")
        anna.page.keyboard.press("Enter")
        anna.page.wait_for_url("**/mail/search?q=lamps")
        expect(anna.rows()).to_have_count(1)
        expect(anna.row("Autumn catalogue")).to_be_focused()
        expect(anna.row("Autumn catalogue").locator("mark").first).to_have_text("lamps")
        catalogue, nothing = anna.row("Autumn catalogue"), anna.page.get_by_text("Nothing holds")
        # each shows something else than the one before
        for words, shown in (
            ('"lamp"', nothing),
            ("LAM", catalogue),
            ("amps", nothing),
            ('"new lamps"', catalogue),
        ):
            anna.page.get_by_role("searchbox").fill(words)
            anna.page.keyboard.press("Enter")
            expect(shown).to_be_visible()
        anna.page.get_by_role("searchbox").fill("nobody wrote this")
        anna.page.keyboard.press("Enter")
        expect(anna.page.get_by_text("Nothing holds")).to_be_visible()
        anna.page.get_by_role("button", name="Leave the search").click()
        expect(anna.row("Minutes of the October session")).to_be_visible()


def test_a_session_that_ends_loses_nothing(chromium: Browser, mail: Family) -> None:
    with Visitor(chromium, mail, "anna") as anna:
        anna.sign_in()
        anna.page.get_by_role("button", name="Compose").click()
        anna.page.get_by_label("Subject").fill("Half written")
        anna.forget_session()
        dialog = anna.page.get_by_role("dialog", name="You are signed out")
        expect(dialog).to_be_visible()
        with anna.page.expect_popup() as tab:
            dialog.get_by_role("link", name="Sign in").click()
        anna.fill_sign_in(tab.value)
        tab.value.wait_for_url("**/mail/inbox")
        tab.value.close()
        anna.page.bring_to_front()
        dialog.get_by_role("button", name="I have signed in").click()
        expect(dialog).to_be_hidden()
        window = anna.page.get_by_role("dialog", name="Half written")
        expect(window.get_by_label("Subject")).to_have_value("Half written")
        window.get_by_role("button", name="Discard").click()
        # The one fault that was to be: the answer 401 to the attempt to save.
        assert all("401" in fault for fault in anna.faults)
        anna.faults.clear()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 820, 1280])
def test_for_everybody(chromium: Browser, mail: Family, artifacts: Path, width: int, scheme: str) -> None:
    with Visitor(chromium, mail, "anna") as anna:
        anna.page.set_viewport_size({"width": width, "height": 1100 if width == 820 else 800})
        anna.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        anna.sign_in()
        anna.row("Autumn catalogue").wait_for()
        assert violations(anna.page) == []
        anna.page.get_by_role("searchbox").fill("lamps cat")
        anna.page.keyboard.press("Enter")
        expect(anna.row("Autumn catalogue").locator("mark").first).to_have_text(re.compile("^cat"))
        assert violations(anna.page) == []
        anna.page.screenshot(path=artifacts / f"webmail-{width}-{scheme}-search.png")
        anna.row("Autumn catalogue").click()
        expect(anna.page.frame_locator("iframe").get_by_text("The new lamps are here.")).to_be_visible()
        assert violations(anna.page) == []
        anna.page.screenshot(path=artifacts / f"webmail-{width}-{scheme}.png")
        anna.page.get_by_role("button", name="Reply", exact=True).last.click()
        anna.page.get_by_role("dialog").get_by_label("Subject").wait_for()
        assert violations(anna.page) == []
        anna.page.screenshot(path=artifacts / f"webmail-{width}-{scheme}-composer.png")


def test_signing_out(chromium: Browser, mail: Family) -> None:
    with Visitor(chromium, mail, "anna") as anna:
        anna.sign_in()
        anna.page.get_by_role("button", name="Sign out").click()
        anna.page.wait_for_url("**/login*")
        anna.page.goto(anna.origin + "/mail/inbox")
        anna.page.wait_for_url(re.compile(r"/login\?next="))
