"""credentials: what lets accounts sign in beside their passwords, and where they are signed in."""

import pytest
from tests.support.administration import Installation

from pymailcore.base.errors import InvalidValue, NotFound

ANN = "ann@a.example"
ME = {"account": ANN}


async def test_app_passwords_are_shown_once_and_removed(it: Installation) -> None:
    user = it.actors["user"]
    given = {"name": "laptop", "protocols": ["imap"], "networks": ["192.0.2.0/24"], "read_only": True}
    made = await it.administration.call(
        user, "app-password.add", {**ME, **given, "expires": "2099-01-01T00:00:00Z"}
    )
    text = str(made.pop("password"))
    assert len(text) > 15
    listed = await it.by("user", "app-password.list", **ME)
    assert made in listed["items"]
    assert made["expires"] == "2099-01-01T00:00:00Z"
    assert text not in str(await it.do("audit.list", limit=1_000)) + str(listed)
    await it.administration.call(user, "app-password.remove", {**ME, "id": made["id"]})
    for gone in (made["id"], "p0", "nonsense"):
        with pytest.raises(NotFound):
            await it.administration.call(user, "app-password.remove", {**ME, "id": gone})


async def test_sessions_are_listed_and_ended(it: Installation) -> None:
    account = it.actors["user"].account
    assert account is not None
    for browser in ("Firefox", "Chromium"):
        await it.directory.web_sessions.create(account, user_agent=browser, peer="192.0.2.1")
    listed = await it.do("session.list", **ME)
    assert {one["user_agent"] for one in listed["items"]} == {"Firefox", "Chromium"}
    await it.do("session.end", **ME, session=listed["items"][0]["session"])
    assert len((await it.do("session.list", **ME))["items"]) == 1
    await it.administration.call(it.actors["user"], "session.end", ME)
    assert (await it.do("session.list", **ME))["items"] == []


async def test_factors_are_reset_for_who_has_lost_them(it: Installation) -> None:
    assert await it.do("factor.list", **ME) == {"items": [], "recovery_codes": 0}
    with pytest.raises(NotFound):
        await it.do("factor.remove", **ME, id="f1")
    assert await it.do("factor.reset", **ME) == {}


async def test_what_is_no_certificate_is_refused(it: Installation) -> None:
    assert (await it.do("certificate.list", **ME))["items"] == []
    with pytest.raises(InvalidValue):
        await it.do("certificate.add", **ME, name="laptop", certificate="none")
    with pytest.raises(NotFound):
        await it.do("certificate.remove", **ME, id="00")


@pytest.mark.parametrize(
    "expires", ["tomorrow", "2001-01-01", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00+14:00"]
)
async def test_what_has_expired_is_not_made(it: Installation, expires: str) -> None:
    with pytest.raises(InvalidValue):
        await it.do("app-password.add", **ME, name="x", expires=expires)
    assert "'name': 'x'" not in str(await it.do("app-password.list", **ME))
