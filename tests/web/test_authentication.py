"""Whose request it is, and whether it still is: Basic credentials and cookies."""

import orjson
import pytest
from tests.support.jmap_world import PASSWORD, USING, JmapWorld, basic, call_app

from pymailcore.base.errors import Forbidden
from pymailcore.directory.actors import SYSTEM
from pymailcore.jmap.asgi import Event, HttpRequest
from pymailcore.sasl.steps import MAX_TOKEN_OCTETS
from pymailcore.web.authentication import DirectoryAuthenticator, cookie_name, is_same_origin


async def nothing() -> Event:
    raise AssertionError("no body is read")


def a_request(**headers: str) -> HttpRequest:
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"method": "GET", "path": "/", "headers": given, "client": ("127.0.0.1", 1), "scheme": "http"}
    return HttpRequest(scope, nothing)


async def test_a_password_that_was_changed_ends_what_it_opened(world: JmapWorld) -> None:
    """Security notes, A6: found here, an event source opened with Basic credentials outlived them."""
    authenticator = DirectoryAuthenticator(world.directory)
    request = a_request(**basic(world.anna.name, PASSWORD))
    assert await authenticator.authenticate(request) is not None
    assert await authenticator.still_valid(request)
    await world.directory.credentials.set_password(SYSTEM, world.anna.id, "another horse")
    assert not await authenticator.still_valid(request)


@pytest.mark.parametrize("origin", ["http://[", "http://[::::]", "null", "http://a]"])
def test_an_origin_that_cannot_be_read_is_another_one(origin: str) -> None:
    """RFC 6454 section 7; a browser would not send it."""
    assert not is_same_origin(a_request(origin=origin, host="a"))


async def test_a_session_that_was_ended_is_not_valid(world: JmapWorld) -> None:
    authenticator = DirectoryAuthenticator(world.directory)
    token = await world.directory.create_session(world.anna.id, user_agent="x", peer="127.0.0.1")
    request = a_request(cookie=f"{cookie_name(False)}={token}")
    assert await authenticator.still_valid(request)
    await world.directory.web_sessions.end_all(SYSTEM, world.anna.id)
    assert not await authenticator.still_valid(request)
    assert not await authenticator.still_valid(a_request())


async def test_a_token_is_the_accounts(world: JmapWorld) -> None:
    """RFC 6750 section 2.1; the scheme's name in any case (RFC 9110 section 11.1)."""
    tokens = world.directory.credentials.tokens
    token = await tokens.issue(world.anna.id, "a program", ["jmap"], 60.0)
    for scheme in ("Bearer", "bearer"):
        answer = await call_app(
            world.app, "GET", "/jmap/session", headers={"authorization": f"{scheme} {token}"}
        )
        assert (answer.status, answer.json["username"]) == (200, world.anna.name)


async def test_a_token_that_is_none_is_said_to_be_so(world: JmapWorld) -> None:
    """RFC 6750 section 3.1: invalid_token; one for another protocol is none here."""
    other = await world.directory.credentials.tokens.issue(world.anna.id, "a program", ["imap"], 60.0)
    for token in ("nonsense", other):
        answer = await call_app(
            world.app, "GET", "/jmap/session", headers={"authorization": f"Bearer {token}"}
        )
        assert answer.status == 401
        assert answer.headers["www-authenticate"].endswith('Bearer realm="mail", error="invalid_token"')


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer ",
        "Bearer a b",
        "Bearer a=b",
        "Bearer " + "a" * (MAX_TOKEN_OCTETS + 1),
        "Digest x",
        "Basic",
        "Basic !",
    ],
)
async def test_what_is_malformed_is_refused_without_asking(world: JmapWorld, authorization: str) -> None:
    """RFC 6750 section 2.1, RFC 7617 section 2."""
    with pytest.raises(Forbidden):
        await DirectoryAuthenticator(world.directory).authenticate(a_request(authorization=authorization))


async def test_an_app_password_for_reading_changes_nothing(world: JmapWorld) -> None:
    """RFC 8620 sections 2 (isReadOnly), 3.6.2 (accountReadOnly) and 6.1."""
    made = world.directory.credentials.app_passwords
    _, password = await made.add(SYSTEM, world.anna.id, "a reader", protocols=["jmap"], read_only=True)
    headers = basic(world.anna.name, password)
    session = await call_app(world.app, "GET", "/jmap/session", headers=headers)
    assert session.json["accounts"][world.account_id]["isReadOnly"] is True
    upload = await call_app(
        world.app, "POST", f"/jmap/upload/{world.account_id}/", headers=headers, body=b"x"
    )
    assert upload.status == 403
    request = {
        "using": USING,
        "methodCalls": [
            ["Mailbox/get", {"accountId": world.account_id, "ids": []}, "0"],
            ["Mailbox/set", {"accountId": world.account_id, "create": {"a": {"name": "new"}}}, "1"],
        ],
    }
    headers |= {"content-type": "application/json"}
    answer = await call_app(world.app, "POST", "/jmap/api", headers=headers, body=orjson.dumps(request))
    (got, _, _), (refused, error, _) = answer.json["methodResponses"]
    assert (got, refused, error["type"]) == ("Mailbox/get", "error", "accountReadOnly")
