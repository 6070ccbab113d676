"""RFC 8620 section 2: each limit of the session at its value and one above, over real connections."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import trio
import trio.testing
from tests.support.http_server import http_server
from tests.support.jmap_world import PASSWORD, USING, JmapWorld, jmap_world

from pymailcore.base.ids import ACCOUNT, encode_id
from pymailcore.jmap.settings import JmapSettings
from pymailcore.web.settings import HttpSettings

SETTINGS = JmapSettings(
    max_calls_in_request=4,
    max_objects_in_get=5,
    max_objects_in_set=6,
    max_request_octets=20_000,
    max_upload_octets=10_000,
    max_concurrent_requests=2,
    max_concurrent_upload=1,
)


GETS = {
    "Email/get": "ids",
    "Thread/get": "ids",
    "Mailbox/get": "ids",
    "Identity/get": "ids",
    "EmailSubmission/get": "ids",
    "Email/parse": "blobIds",
    "SearchSnippet/get": "emailIds",
}


@asynccontextmanager
async def client_of(folder: Path) -> AsyncIterator[tuple[JmapWorld, httpx.AsyncClient]]:
    async with jmap_world(folder, settings=SETTINGS) as world, http_server(world.app) as port:
        auth = (world.anna.name, PASSWORD)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", auth=auth) as client:
            yield world, client


async def post(client: httpx.AsyncClient, *calls: list[Any]) -> httpx.Response:
    return await client.post("/jmap/api", json={"using": USING, "methodCalls": list(calls)})


@pytest.mark.parametrize("over", [0, 1])
async def test_calls_objects_and_octets(tmp_path: Path, over: int) -> None:
    """Security notes, J1."""
    async with client_of(tmp_path) as (world, client):
        limits = (await client.get("/jmap/session")).json()["capabilities"]["urn:ietf:params:jmap:core"]
        assert limits["maxCallsInRequest"] == 4
        account = world.account_id

        calls = limits["maxCallsInRequest"] + over
        answer = await post(client, *([["Core/echo", {}, "0"]] * calls))
        assert answer.status_code == (400 if over else 200)
        assert not over or answer.json()["limit"] == "maxCallsInRequest"

        wanted = [f"e{number}" for number in range(limits["maxObjectsInGet"] + over)]
        for method, name in GETS.items():
            (found,) = (await post(client, [method, {"accountId": account, name: wanted}, "0"])).json()[
                "methodResponses"
            ]
            assert found[1].get("type") == ("requestTooLarge" if over else None), method

        keys = [f"k{number}" for number in range(limits["maxObjectsInSet"] + over)]
        third = len(keys) // 3
        parts: dict[str, Any] = {
            "create": {key: {} for key in keys[:third]},
            "update": {key: {} for key in keys[third : 2 * third]},
            "destroy": keys[2 * third :],
        }
        for method in ("Mailbox/set", "Email/set", "Identity/set", "EmailSubmission/set"):
            (found,) = (await post(client, [method, {"accountId": account, **parts}, "0"])).json()[
                "methodResponses"
            ]
            assert found[1].get("type") == ("requestTooLarge" if over else None), method
        emails: dict[str, Any] = {key: {} for key in keys}
        (found,) = (
            await post(client, ["Email/import", {"accountId": account, "emails": emails}, "0"])
        ).json()["methodResponses"]
        assert found[1].get("type") == ("requestTooLarge" if over else None)

        body = orjson.dumps({"using": USING, "methodCalls": []})
        body += b" " * (limits["maxSizeRequest"] + over - len(body))
        json = {"content-type": "application/json"}
        answer = await client.post("/jmap/api", content=body, headers=json)
        assert answer.status_code == (413 if over else 200)
        assert not over or answer.json()["limit"] == "maxSizeRequest"

        answer = await client.post(f"/jmap/upload/{account}", content=b"x" * (limits["maxSizeUpload"] + over))
        assert answer.status_code == (413 if over else 201)
        assert not over or answer.json()["limit"] == "maxSizeUpload"


@pytest.mark.parametrize(
    ("path", "most", "name"),
    [("/jmap/api", 2, "maxConcurrentRequests"), ("/jmap/upload/", 1, "maxConcurrentUpload")],
)
async def test_what_runs_at_one_time(tmp_path: Path, path: str, most: int, name: str) -> None:
    """Those that are let in are answered; the one above is told to come again."""
    async with client_of(tmp_path) as (world, client):
        path = path + world.account_id if path.endswith("/") else path
        go_on = trio.Event()
        statuses: list[int] = []
        gate = world.jmap._requests if path == "/jmap/api" else world.jmap._uploads

        async def slow() -> None:
            async def body() -> AsyncIterator[bytes]:
                yield b'{"using":[],'
                await go_on.wait()
                yield b'"methodCalls":[]}'

            headers = {"content-type": "application/json"}
            statuses.append((await client.post(path, content=body(), headers=headers)).status_code)

        async with trio.open_nursery() as nursery:
            for _ in range(most):
                nursery.start_soon(slow)
            with trio.fail_after(5):
                while gate._inside.get(world.anna.id) != most:
                    await trio.testing.wait_all_tasks_blocked(0.001)
            headers = {"content-type": "application/json"}
            answer = await client.post(path, content=b'{"using":[],"methodCalls":[]}', headers=headers)
            assert answer.status_code == 429
            assert answer.json()["limit"] == name
            assert answer.headers["retry-after"] == "1"
            go_on.set()
        assert set(statuses) == {200 if path == "/jmap/api" else 201}


@pytest.mark.parametrize(
    ("limits", "taken"),
    [({"uploads_per_account": 5}, 5), ({"upload_octets_per_account": 30_000}, 3)],
)
async def test_uploads_cannot_fill_the_disk(tmp_path: Path, limits: dict[str, float], taken: int) -> None:
    """Security notes, J10: by number and by octets, for each account alone, also when they come together."""
    async with jmap_world(tmp_path, store_limits=limits) as world, http_server(world.app) as port:
        statuses: list[int] = []
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", auth=(world.anna.name, PASSWORD)
        ) as client:

            async def upload(number: int) -> None:
                path = f"/jmap/upload/{world.account_id}"
                statuses.append((await client.post(path, content=b"%d" % number * 10_000)).status_code)

            for start in range(0, 8, 4):  # as many as may run at a time
                async with trio.open_nursery() as nursery:
                    for number in range(start, start + 4):
                        nursery.start_soon(upload, number)
            assert sorted(statuses) == [201] * taken + [413] * (8 - taken)
        ben = encode_id(ACCOUNT, world.ben.id)
        path = f"http://127.0.0.1:{port}/jmap/upload/{ben}"
        async with httpx.AsyncClient(auth=(world.ben.name, PASSWORD)) as client:
            assert (await client.post(path, content=b"x")).status_code == 201


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/jmap/api"), ("POST", "/jmap/upload/{account}"), ("POST", "/logout")],
)
@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, False),
        ({"origin": "null"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "{base}.evil.example"}, False),
        ({"origin": "{base}"}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "same-site", "origin": "{base}"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "{base}"}, False),
        ({"sec-fetch-site": "none", "origin": "{base}"}, False),
        ({"origin": "{base}", "host": "evil.example"}, False),
        ({"referer": "{base}/mail"}, False),
    ],
)
async def test_a_cookie_alone_changes_nothing(
    tmp_path: Path, method: str, path: str, headers: dict[str, str], allowed: bool
) -> None:
    """Security notes, J12: any page can have a browser send the cookie, only ours can say so."""
    async with jmap_world(tmp_path) as world, http_server(world.app, HttpSettings()) as port:
        base = f"http://127.0.0.1:{port}"
        token = await world.directory.create_session(world.anna.id, user_agent="x", peer="127.0.0.1")
        given = {name: value.format(base=base) for name, value in headers.items()}
        async with httpx.AsyncClient(base_url=base, cookies={"session": token}) as client:
            answer = await client.request(
                method,
                path.format(account=world.account_id),
                content=b'{"using":[],"methodCalls":[]}',
                headers={"content-type": "application/json", **given},
            )
            assert (answer.status_code in {200, 201, 303}) is allowed
            signed_in = (await client.get("/jmap/session")).status_code == 200
            assert signed_in is not (allowed and path == "/logout")
