"""Signing in and out, the web UI's files, error pages."""

from pathlib import Path

import pytest
import trio
from tests.support.jmap_world import HOST, PASSWORD, Answer, JmapWorld, call_app, jmap_world

from pymailcore.web.answers import APP_POLICY
from pymailcore.web.signing import local_path

FORM = {"content-type": "application/x-www-form-urlencoded"}
SAME = {"sec-fetch-site": "same-origin"}
RIGHT = f"address=anna%40example.org&password={PASSWORD.replace(' ', '+')}".encode()


async def sign_in(
    world: JmapWorld, body: bytes = RIGHT, scheme: str = "http", headers: dict[str, str] | None = None
) -> Answer:
    given = {**FORM, **SAME, **(headers or {})}
    return await call_app(world.app, "POST", "/login", body=body, headers=given, scheme=scheme)


def cookie_of(answer: Answer) -> dict[str, str]:
    return {"cookie": answer.headers["set-cookie"].partition(";")[0]}


async def test_signing_in_begins_a_session(world: JmapWorld) -> None:
    answer = await sign_in(world, RIGHT + b"&next=%2Fmail%2Finbox%3Fa%3D1")
    assert (answer.status, answer.headers["location"]) == (303, "/mail/inbox?a=1")
    attributes = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")[1:]}
    assert attributes == {"httponly", "path=/", "samesite=lax"}
    assert (await call_app(world.app, "GET", "/jmap/session", headers=cookie_of(answer))).status == 200


async def test_over_tls_the_cookie_is_bound_to_the_host(world: JmapWorld) -> None:
    """RFC 6265bis section 4.1.3.2."""
    answer = await sign_in(world, RIGHT + b"&stay=1", scheme="https")
    assert answer.headers["set-cookie"].startswith("__Host-session=")
    attributes = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")[1:]}
    assert {"httponly", "secure", "path=/", "samesite=lax"} < attributes
    assert "max-age=2592000" in attributes
    assert not any(part.startswith("domain") for part in attributes)


async def test_the_session_is_new_at_each_sign_in(world: JmapWorld) -> None:
    """Session fixation: a token that was there before is worth nothing after."""
    first = await sign_in(world)
    second = await sign_in(world, headers=cookie_of(first))
    assert cookie_of(first) != cookie_of(second)
    assert (await call_app(world.app, "GET", "/jmap/session", headers=cookie_of(first))).status == 401
    assert (await call_app(world.app, "GET", "/jmap/session", headers=cookie_of(second))).status == 200
    planted = await sign_in(world, headers={"cookie": "session=planted"})
    assert "planted" not in planted.headers["set-cookie"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"address=anna%40example.org&password=wrong", 401),
        (b"address=nobody%40example.org&password=wrong", 401),
        (b"address=&password=", 401),
        (b"", 401),
        (b"address=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E&password=x", 401),
        (b"address=\xff&password=%00", 401),
    ],
)
async def test_wrong_credentials_show_the_page_again(world: JmapWorld, body: bytes, status: int) -> None:
    answer = await sign_in(world, body)
    assert answer.status == status
    assert b"Address or password is wrong." in answer.body
    assert b"<script" not in answer.body
    assert "set-cookie" not in answer.headers
    assert "script-src" not in answer.headers["content-security-policy"]


async def test_too_many_attempts_are_told(world: JmapWorld) -> None:
    statuses = [
        (await sign_in(world, b"address=anna%40example.org&password=wrong")).status for _ in range(15)
    ]
    assert statuses[0] == 401
    assert statuses[-1] == 429


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"origin": f"http://{HOST}"}, 303),
        ({"origin": f"http://{HOST}:81"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": f"http://{HOST}"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"sec-fetch-site": "same-origin", "origin": "null"}, 303),
    ],
)
async def test_forms_from_elsewhere_are_refused(
    world: JmapWorld, headers: dict[str, str], status: int
) -> None:
    """Login CSRF and logout CSRF."""
    answer = await call_app(world.app, "POST", "/login", body=RIGHT, headers={**FORM, **headers})
    assert answer.status == status
    session = await sign_in(world)
    answer = await call_app(world.app, "POST", "/logout", headers={**headers, **cookie_of(session)})
    assert answer.status == status
    left = await call_app(world.app, "GET", "/jmap/session", headers=cookie_of(session))
    assert left.status == (401 if status == 303 else 200)


async def test_signing_out_ends_the_session_everywhere(world: JmapWorld) -> None:
    session = await sign_in(world)
    answer = await call_app(world.app, "POST", "/logout", headers={**SAME, **cookie_of(session)})
    assert (answer.status, answer.headers["location"]) == (303, "/login")
    assert answer.headers["clear-site-data"] == '"cache", "storage"'
    assert "max-age=0" in answer.headers["set-cookie"].lower()
    assert (await call_app(world.app, "GET", "/jmap/session", headers=cookie_of(session))).status == 401


async def test_a_link_signs_nobody_out(world: JmapWorld) -> None:
    session = await sign_in(world)
    assert (await call_app(world.app, "GET", "/logout", headers=cookie_of(session))).status == 404
    assert (await call_app(world.app, "GET", "/jmap/session", headers=cookie_of(session))).status == 200


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/mail/x?a=1#b", "/mail/x?a=1#b"),
        ("/", "/"),
        ("", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: x=y", "/"),
        ("/a b", "/"),
        ("/\tx", "/"),
        ("/a\\b", "/"),
        ("/" + "x" * 2001, "/"),
    ],
)
def test_signing_in_goes_on_to_this_server_only(text: str, path: str) -> None:
    """Open redirects."""
    assert local_path(text) == path


async def test_a_password_is_not_taken_in_clear_from_afar(world: JmapWorld) -> None:
    answer = await call_app(
        world.app, "POST", "/login", body=RIGHT, headers={**FORM, **SAME}, peer="203.0.113.5"
    )
    assert answer.status == 403
    assert b"https" in answer.body


async def test_a_large_form_is_refused(world: JmapWorld) -> None:
    answer = await sign_in(world, b"address=" + b"x" * 70_000)
    assert answer.status == 413


async def test_who_is_signed_in_is_not_asked_again(world: JmapWorld) -> None:
    session = await sign_in(world)
    answer = await call_app(world.app, "GET", "/login?next=/mail/x", headers=cookie_of(session))
    assert (answer.status, answer.headers["location"]) == (303, "/mail/x")
    answer = await call_app(world.app, "GET", '/login?next=/"><script>')
    assert b"<script>" not in answer.body


# --- the web UI --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/mail/", "/mail/inbox/x"])
async def test_the_ui_is_for_who_is_signed_in(world: JmapWorld, path: str) -> None:
    answer = await call_app(world.app, "GET", path + "?q=1")
    assert answer.status == 303
    assert answer.headers["location"] == f"/login?next={path}%3Fq%3D1"
    session = await sign_in(world)
    answer = await call_app(world.app, "GET", path, headers=cookie_of(session))
    assert (answer.status, answer.body) == (200, b"<!doctype html><title>UI</title>")
    assert answer.headers["content-security-policy"] == APP_POLICY
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("accept", "encoding", "body"),
    [
        ("", None, b"let a = 1"),
        ("gzip", "gzip", b"gz form"),
        ("gzip, br", "br", b"br form"),
        ("br;q=0, gzip;q=0.5", "gzip", b"gz form"),
        ("zstd", None, b"let a = 1"),
    ],
)
async def test_files_are_sent_as_they_lie(
    world: JmapWorld, accept: str, encoding: str | None, body: bytes
) -> None:
    answer = await call_app(world.app, "GET", "/assets/app-1234.js", headers={"accept-encoding": accept})
    assert (answer.status, answer.body, answer.headers.get("content-encoding")) == (200, body, encoding)
    assert answer.headers["cache-control"] == "public, immutable, max-age=31536000"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["vary"] == "Accept-Encoding"
    again = await call_app(
        world.app,
        "GET",
        "/assets/app-1234.js",
        headers={"accept-encoding": accept, "if-none-match": answer.headers["etag"]},
    )
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/none",
        "/index.html",
        "/assets/",
        "/assets/none.js",
        "/assets/../index.html",
        "/../app.py",
        "/%2e%2e/app.py",
        "/assets/app-1234.js.br",
        "/.env",
        "/view/",
        "/view/a",
    ],
)
async def test_there_is_nothing_else(world: JmapWorld, path: str) -> None:
    answer = await call_app(world.app, "GET", path)
    assert answer.status == 404
    assert b"There is no page at this address." in answer.body
    assert path.encode() not in answer.body


async def test_another_method_is_refused(world: JmapWorld) -> None:
    for method, path in (("PUT", "/login"), ("DELETE", "/"), ("TRACE", "/"), ("OPTIONS", "/login")):
        assert (await call_app(world.app, method, path)).status == 405


async def test_without_a_build_the_page_says_how(tmp_path: Path) -> None:
    async with jmap_world(tmp_path / "data", static=tmp_path / "none") as world:
        session = await sign_in(world)
        answer = await call_app(world.app, "GET", "/", headers=cookie_of(session))
        assert answer.status == 503
        assert b"make web" in answer.body


async def test_a_new_build_shows_without_a_restart(world: JmapWorld, static: Path) -> None:
    session = await sign_in(world)
    (static / "index.html").write_text("<!doctype html><title>newer</title>")
    answer = await call_app(world.app, "GET", "/", headers=cookie_of(session))
    assert b"newer" in answer.body


async def test_a_fault_of_a_page_tells_nothing(world: JmapWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(world.directory, "authenticate", broken)
    answer = await sign_in(world)
    assert answer.status == 500
    assert b"secret" not in answer.body


async def test_who_fails_waits_for_the_answer(world: JmapWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def pause(peer: str) -> float:
        asked.append(peer)
        return 0.3

    monkeypatch.setattr(world.directory, "failure_pause_seconds", pause)
    begun = trio.current_time()
    assert (await sign_in(world, b"address=anna%40example.org&password=wrong")).status == 401
    assert trio.current_time() - begun >= 0.3
    assert asked == ["127.0.0.1"]
