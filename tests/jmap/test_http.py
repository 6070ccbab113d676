"""RFC 8620 sections 2, 3.1, 6: session, API, upload and download as HTTP."""

from pathlib import Path
from typing import Any

import orjson
import pytest
import trio
import trio.testing
from tests.support.jmap_world import HOST, USING, JmapWorld, basic, call_app, jmap_world
from tests.support.party_spy import parties_of, reaches_of, turns_of
from tests.support.stores import a_message

from pymailcore.base.ids import ACCOUNT, encode_id
from pymailcore.base.parties import SERVER, current_party, party_of
from pymailcore.base.reach import EVERYTHING, Reach, current_reach
from pymailcore.jmap.asgi import Event
from pymailcore.jmap.settings import JmapSettings

JSON = {"content-type": "application/json"}
ECHO = orjson.dumps({"using": USING, "methodCalls": [["Core/echo", {}, "0"]]})


@pytest.mark.parametrize("path", ["/.well-known/jmap", "/jmap/session"])
async def test_the_session_object(world: JmapWorld, path: str) -> None:
    """RFC 8620 section 2."""
    answer = await world.request("GET", path)
    assert answer.status == 200
    assert "no-store" in answer.headers["cache-control"]
    session = answer.json
    assert session["username"] == "anna@example.org"
    assert session["capabilities"]["urn:ietf:params:jmap:core"] == {
        "maxSizeUpload": 50_000_000,
        "maxConcurrentUpload": 4,
        "maxSizeRequest": 10_000_000,
        "maxConcurrentRequests": 8,
        "maxCallsInRequest": 32,
        "maxObjectsInGet": 500,
        "maxObjectsInSet": 500,
        "collationAlgorithms": ["i;unicode-casemap"],
    }
    assert list(session["accounts"]) == [world.account_id]
    assert "urn:ietf:params:jmap:vacationresponse" not in session["capabilities"]
    assert set(session["primaryAccounts"].values()) == {world.account_id}
    assert session["apiUrl"] == f"http://{HOST}/jmap/api"
    for variable in ("{accountId}", "{blobId}", "{name}", "{type}"):
        assert variable in session["downloadUrl"]
    assert "{accountId}" in session["uploadUrl"]
    for variable in ("{types}", "{closeafter}", "{ping}"):
        assert variable in session["eventSourceUrl"]
    document = await world.api(["Core/echo", {}, "0"])
    assert document["sessionState"] == session["state"]


async def test_a_host_that_is_none_is_not_repeated(world: JmapWorld) -> None:
    """Security notes, J12: Host poisoning."""
    answer = await world.request("GET", "/jmap/session", headers={"host": 'evil"><script>'})
    assert answer.status == 400


async def test_a_public_url_goes_before_the_host(tmp_path: Path) -> None:
    settings = JmapSettings(public_url="https://mail.example.com/")
    async with jmap_world(tmp_path, settings=settings) as world:
        session = (await world.request("GET", "/jmap/session")).json
        assert session["apiUrl"] == "https://mail.example.com/jmap/api"


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("POST", "/jmap/session", 405, "GET, HEAD"),
        ("GET", "/jmap/api", 405, "POST"),
        ("OPTIONS", "/jmap/api", 405, "POST"),
        ("GET", "/jmap/upload/a1", 405, "POST"),
        ("DELETE", "/jmap/download/a/b/c", 405, "GET, HEAD"),
        ("POST", "/jmap/eventsource", 405, "GET"),
        ("GET", "/jmap/", 404, None),
        ("GET", "/jmap/none", 404, None),
        ("GET", "/jmap/api/", 404, None),
        ("GET", "/jmap//api", 404, None),
    ],
)
async def test_addresses_and_methods(
    world: JmapWorld, method: str, path: str, status: int, allow: str | None
) -> None:
    answer = await world.request(method, path)
    assert (answer.status, answer.headers.get("allow")) == (status, allow)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_without_credentials(world: JmapWorld) -> None:
    """RFC 9110 section 11.6.1; a browser gets a challenge that opens no box."""
    answer = await call_app(world.app, "GET", "/jmap/session")
    challenges = 'Basic realm="mail", charset="UTF-8", Bearer realm="mail"'
    assert (answer.status, answer.headers["www-authenticate"]) == (401, challenges)
    answer = await call_app(world.app, "GET", "/jmap/session", headers={"sec-fetch-mode": "cors"})
    assert (answer.status, answer.headers["www-authenticate"][:8]) == (401, "Session ")


@pytest.mark.parametrize(
    "headers",
    [
        basic("anna@example.org", "wrong"),
        basic("nobody@example.org"),
        {"authorization": "Bearer x"},
        {"authorization": "Basic !!!"},
        {"authorization": "Basic YW5uYQ=="},
        {"authorization": "Basic " + "A" * 3000},
        {"cookie": "session=nonsense"},
    ],
)
async def test_wrong_credentials(world: JmapWorld, headers: dict[str, str]) -> None:
    assert (await call_app(world.app, "GET", "/jmap/session", headers=headers)).status == 401


async def test_a_password_over_plain_http_from_afar_is_not_read(world: JmapWorld) -> None:
    """RFC 8620 section 8.1."""
    headers = basic("anna@example.org")
    for peer, scheme, status in (
        ("203.0.113.5", "http", 401),
        ("203.0.113.5", "https", 200),
        ("127.0.0.1", "http", 200),
        ("::1", "http", 200),
    ):
        answer = await call_app(world.app, "GET", "/jmap/session", headers=headers, peer=peer, scheme=scheme)
        assert answer.status == status


@pytest.mark.parametrize(
    ("body", "headers", "status", "kind"),
    [
        (b"{", JSON, 400, "notJSON"),
        (b"[]", JSON, 400, "notRequest"),
        (b'{"using":["urn:x"],"methodCalls":[]}', JSON, 400, "unknownCapability"),
        (ECHO, {"content-type": "text/plain"}, 415, "notJSON"),
        (ECHO, {}, 415, "notJSON"),
        (ECHO, {"content-type": "Application/JSON; charset=utf-8"}, 200, None),
    ],
)
async def test_request_errors(
    world: JmapWorld, body: bytes, headers: dict[str, str], status: int, kind: str | None
) -> None:
    """RFC 8620 section 3.6.1."""
    answer = await world.request("POST", "/jmap/api", body=body, headers=headers)
    assert answer.status == status
    if kind is not None:
        assert answer.json["type"] == f"urn:ietf:params:jmap:error:{kind}"
        assert answer.json["status"] == status


@pytest.mark.parametrize(("calls", "status"), [(31, 200), (32, 200), (33, 400)])
async def test_calls_are_limited(world: JmapWorld, calls: int, status: int) -> None:
    body = orjson.dumps({"using": USING, "methodCalls": [["Core/echo", {}, "0"]] * calls})
    answer = await world.request("POST", "/jmap/api", body=body, headers=JSON)
    assert answer.status == status
    if status != 200:
        assert answer.json["limit"] == "maxCallsInRequest"


@pytest.mark.parametrize(("extra", "status"), [(-1, 200), (0, 200), (1, 413)])
@pytest.mark.parametrize("declared", [True, False])
async def test_the_size_of_a_request_is_limited(
    tmp_path: Path, extra: int, status: int, declared: bool
) -> None:
    """Counted as it comes, and refused by Content-Length before it comes."""
    async with jmap_world(tmp_path, settings=JmapSettings(max_request_octets=1000)) as world:
        body = ECHO + b" " * (1000 + extra - len(ECHO))
        headers = {**JSON, **({"content-length": str(len(body))} if declared else {})}
        pieces = [body[start : start + 100] for start in range(0, len(body), 100)]
        answer = await world.request("POST", "/jmap/api", pieces=pieces, headers=headers)
        assert answer.status == status
        if status == 413:
            assert answer.json["limit"] == "maxSizeRequest"


@pytest.mark.parametrize(
    ("path", "limit", "most"),
    [("/jmap/api", "maxConcurrentRequests", 2), ("/jmap/upload/", "maxConcurrentUpload", 1)],
)
async def test_requests_at_one_time_are_limited(tmp_path: Path, path: str, limit: str, most: int) -> None:
    settings = JmapSettings(max_concurrent_requests=2, max_concurrent_upload=1)
    async with jmap_world(tmp_path, settings=settings) as world:
        path = path + world.account_id if path.endswith("/") else path
        go_on = trio.Event()
        statuses: list[int] = []

        async def slow() -> None:
            async def receive() -> Event:
                await go_on.wait()
                return {"type": "http.request", "body": ECHO, "more_body": False}

            async def send(event: Event) -> None:
                await trio.lowlevel.checkpoint()
                if event["type"] == "http.response.start":
                    statuses.append(int(event["status"]))  # type: ignore[call-overload]

            headers = {**JSON, **basic(world.anna.name), "host": HOST}
            scope: dict[str, Any] = {
                "type": "http",
                "method": "POST",
                "path": path,
                "query_string": b"",
                "scheme": "http",
                "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
                "client": ("127.0.0.1", 1),
                "state": {},
            }
            await world.app(scope, receive, send)

        async with trio.open_nursery() as nursery:
            for _ in range(most):
                nursery.start_soon(slow)
            await trio.testing.wait_all_tasks_blocked(0.05)
            refused = await world.request("POST", path, body=ECHO, headers=JSON)
            assert (refused.status, refused.json["limit"]) == (429, limit)
            assert refused.headers["retry-after"] == "1"
            other = encode_id(ACCOUNT, world.ben.id)
            free = await world.request(
                "POST",
                path.replace(world.account_id, other),
                body=ECHO,
                headers={**JSON, **basic(world.ben.name)},
            )
            assert free.status in {200, 201}, "the limit is each account's own"
            go_on.set()
        assert len(statuses) == most
        assert set(statuses) <= {200, 201}
        again = await world.request("POST", path, body=ECHO, headers=JSON)
        assert again.status in {200, 201}


async def test_a_client_that_leaves_frees_its_place(tmp_path: Path) -> None:
    async with jmap_world(tmp_path, settings=JmapSettings(max_concurrent_requests=1)) as world:

        async def receive() -> Event:
            await trio.lowlevel.checkpoint()
            return {"type": "http.disconnect"}

        async def send(event: Event) -> None:
            raise AssertionError(event)

        scope: dict[str, Any] = {
            "type": "http",
            "method": "POST",
            "path": "/jmap/api",
            "query_string": b"",
            "scheme": "http",
            "headers": [
                (name.encode(), value.encode())
                for name, value in {**JSON, **basic(world.anna.name), "host": HOST}.items()
            ],
            "client": ("127.0.0.1", 1),
            "state": {},
        }
        await world.app(scope, receive, send)
        assert (await world.request("POST", "/jmap/api", body=ECHO, headers=JSON)).status == 200


async def test_a_fault_of_a_method_is_told_as_server_fail(
    world: JmapWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 8620 section 3.6.2: the cause goes to the log, not to the client."""

    async def broken(*_: object) -> None:
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(world.services.store, "mailboxes", broken)
    document = await world.api(["Mailbox/get", {"accountId": world.account_id}, "0"], ["Core/echo", {}, "1"])
    assert document["methodResponses"] == [["error", {"type": "serverFail"}, "0"], ["Core/echo", {}, "1"]]


async def test_a_fault_of_the_session_is_a_500_that_tells_nothing(
    world: JmapWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(world.directory, "authenticate", broken)
    answer = await world.request("GET", "/jmap/session")
    assert answer.status == 500
    assert b"secret" not in answer.body


# --- upload and download ---------------------------------------------------------------------------


async def test_octets_come_back_as_they_went(world: JmapWorld) -> None:
    """RFC 8620 sections 6.1 and 6.2."""
    octets = bytes(range(256)) * 1000
    answer = await world.request(
        "POST", f"/jmap/upload/{world.account_id}", body=octets, headers={"content-type": "image/png"}
    )
    assert answer.status == 201
    assert answer.json == {
        "accountId": world.account_id,
        "blobId": answer.json["blobId"],
        "type": "image/png",
        "size": len(octets),
    }
    blob = answer.json["blobId"]
    path = f"/jmap/download/{world.account_id}/{blob}/a.png"
    found = await world.request("GET", path + "?type=image/png")
    assert (found.status, found.body) == (200, octets)
    assert found.headers["content-type"] == "image/png"
    assert found.headers["x-content-type-options"] == "nosniff"
    assert found.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert found.headers["content-disposition"] == 'attachment; filename="a.png"'
    assert int(found.headers["content-length"]) == len(octets)
    same = await world.request("GET", path, headers={"if-none-match": found.headers["etag"]})
    assert (same.status, same.body) == (304, b"")


@pytest.mark.parametrize(("octets", "status"), [(999, 201), (1000, 201), (1001, 413)])
async def test_uploads_are_limited(tmp_path: Path, octets: int, status: int) -> None:
    async with jmap_world(tmp_path, settings=JmapSettings(max_upload_octets=1000)) as world:
        answer = await world.request("POST", f"/jmap/upload/{world.account_id}", body=b"x" * octets)
        assert answer.status == status
        if status == 413:
            assert answer.json["limit"] == "maxSizeUpload"


async def test_blobs_of_another_account_are_not_there(world: JmapWorld) -> None:
    """Security notes, J5: every foreign, wrong or unlinked id answers alike."""
    appended = await world.deliver(a_message(body="x" * 5000))
    upload = await world.upload(b"mine")
    other = encode_id(ACCOUNT, world.ben.id)
    for blob in (appended.blob, upload, appended.blob.replace("m", "p", 1) + "-1"):
        mine = await world.request("GET", f"/jmap/download/{world.account_id}/{blob}/x")
        assert mine.status == 200
        for account in (other, world.account_id):
            theirs = await world.request(
                "GET", f"/jmap/download/{account}/{blob}/x", headers=basic(world.ben.name)
            )
            assert theirs.status == 404
            nothing = await world.request(
                "GET", f"/jmap/download/{account}/{'b' + '0' * 64}/x", headers=basic(world.ben.name)
            )
            assert nothing.body == theirs.body
    answer = await world.request("POST", f"/jmap/upload/{other}", body=b"x")
    assert answer.status == 404
    for wrong in ("", "/", "x", "..", "m1!"):
        assert (await world.request("GET", f"/jmap/download/{world.account_id}/{wrong}/x")).status == 404


async def test_a_cookie_needs_its_own_origin_to_change_things(world: JmapWorld) -> None:
    token = await world.directory.create_session(world.anna.id, user_agent="", peer="")
    cookie = {"cookie": f"session={token}", **JSON}
    for headers, status in (
        ({}, 401),
        ({"origin": f"http://{HOST}"}, 200),
        ({"origin": f"https://{HOST}"}, 401),
        ({"origin": "http://evil.example"}, 401),
        ({"origin": "null"}, 401),
        ({"origin": f"http://{HOST}.evil.example"}, 401),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "same-origin", "origin": "null"}, 200),
        ({"sec-fetch-site": "same-site", "origin": f"http://{HOST}"}, 401),
        ({"sec-fetch-site": "cross-site"}, 401),
        ({"sec-fetch-site": "none"}, 401),
    ):
        answer = await call_app(world.app, "POST", "/jmap/api", body=ECHO, headers={**cookie, **headers})
        assert answer.status == status, headers
    assert (await call_app(world.app, "GET", "/jmap/session", headers=cookie)).status == 200
    assert (await call_app(world.app, "GET", "/jmap/session", headers=cookie, scheme="https")).status == 401
    secure = {"cookie": f"__Host-session={token}"}
    assert (await call_app(world.app, "GET", "/jmap/session", headers=secure, scheme="https")).status == 200
    assert (await call_app(world.app, "GET", "/jmap/session", headers=secure)).status == 401
    afar = await call_app(world.app, "GET", "/jmap/session", headers=cookie, peer="203.0.113.5")
    assert afar.status == 401
    await world.directory.end_session(token)
    assert (await call_app(world.app, "GET", "/jmap/session", headers=cookie)).status == 401


async def test_a_full_disk_refuses_uploads_and_says_so(tmp_path: Path) -> None:
    """RFC 8620 section 6.1: a status code of HTTP; 3.6.2: `serverUnavailable` where a method is called."""
    async with jmap_world(tmp_path, store_limits={"watermark_octets": 2.0**62}) as world:
        answer = await world.request(
            "POST", f"/jmap/upload/{world.account_id}", body=b"x", headers={"content-type": "text/plain"}
        )
        assert answer.status == 507
        assert answer.headers["retry-after"] == "60"
        assert answer.json["status"] == 507
        create = {"mailboxIds": {world.mailboxes["inbox"]: True}, "subject": "full"}
        call = ["Email/set", {"accountId": world.account_id, "create": {"k": create}}, "0"]
        document = await world.api(call)
        assert document["methodResponses"][0][1]["notCreated"]["k"]["type"] == "serverUnavailable"


async def test_a_request_works_for_who_asks(world: JmapWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """T6: what it waits for is in the turn of the account, and of its tenant."""
    seen, turns = parties_of(monkeypatch, world.store, "upload"), turns_of(monkeypatch)
    reaches = reaches_of(monkeypatch, world.store, "upload")
    for user in (world.anna, world.ben):
        path = f"/jmap/upload/{encode_id(ACCOUNT, user.id)}/"
        answer = await call_app(world.app, "POST", path, headers=basic(user.name), body=b"x")
        assert answer.status == 201
    assert seen == turns == [party_of(user.tenant, user.id) for user in (world.anna, world.ben)]
    assert reaches == [Reach(user.tenant, user.id) for user in (world.anna, world.ben)]
    assert (current_party(), current_reach()) == (SERVER, EVERYTHING)
