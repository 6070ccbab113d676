"""Whose request it is, and whether it still is: Basic credentials and cookies."""

from tests.support.directories import address
from tests.support.jmap_world import PASSWORD, JmapWorld, basic

from pymailcore.jmap.asgi import Event, HttpRequest
from pymailcore.web.authentication import DirectoryAuthenticator, cookie_name


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
    await world.directory.set_password(address(world.anna.name), "another horse")
    assert not await authenticator.still_valid(request)


async def test_a_session_that_was_ended_is_not_valid(world: JmapWorld) -> None:
    authenticator = DirectoryAuthenticator(world.directory)
    token = await world.directory.create_session(world.anna.id, user_agent="x", peer="127.0.0.1")
    request = a_request(cookie=f"{cookie_name(False)}={token}")
    assert await authenticator.still_valid(request)
    await world.directory.end_sessions(world.anna.id)
    assert not await authenticator.still_valid(request)
    assert not await authenticator.still_valid(a_request())
