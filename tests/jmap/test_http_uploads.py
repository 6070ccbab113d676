"""An upload does not tell whether somebody else has the same content (security notes, T2).

Blobs are kept once for each tenant. So what an account uploads may be there already, by an account of its own
tenant; of another tenant nothing is ever shared.
"""

import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.jmap_world import Answer, JmapWorld, basic, call_app, jmap_world
from tests.support.said import Say
from tests.support.stores import EnginePlace
from tests.support.tenancy import ANNA, USER, Tenancy, tenancy

from pymailcore.base import ids
from pymailcore.directory.types import Account

SIZE = 5_000
UPLOADS = 1_000
MOST_BETWEEN_TENANTS = 1.5
MOST_WITHIN_A_TENANT = 3.0


def contents(seed: int) -> Callable[[], bytes]:
    """Gives new content of one size each time: a message, so that it can be imported."""
    chance = random.Random(seed)  # noqa: S311 - content need not be secret
    return lambda: b"Subject: x\r\n\r\n" + chance.randbytes(SIZE // 2).hex().encode()


async def upload(world: JmapWorld, account: Account, octets: bytes) -> Answer:
    path = f"/jmap/upload/{ids.encode_id(ids.ACCOUNT, account.id)}"
    return await call_app(world.app, "POST", path, headers=basic(account.name), body=octets)


def but_for_ids(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    """All that came, without the id of the blob."""
    blob = str(answer.json.get("blobId", "none"))
    return answer.status, answer.headers, answer.body.replace(blob.encode(), b"")


async def imported(it: Tenancy, blob: str) -> tuple[int, int]:
    """The size that Ben is told of an Email made of a blob, and by how much his quota is then less."""
    quotas, ben = it.world.store.quotas, it.world.ben.id
    before = (await quotas.of_account(ben))[1].octets or 0
    made = await it.world.call(
        "Email/import",
        USER,
        accountId=it.own,
        emails={"k": {"blobId": blob, "mailboxIds": {it.ids["kin"].own_mailbox: True}}},
    )
    return made["created"]["k"]["size"], ((await quotas.of_account(ben))[1].octets or 0) - before


async def test_known_content_is_answered_as_new_content_is(
    tmp_path: Path, store_settings: EnginePlace
) -> None:
    """Identical but for ids; ids of two tenants differ; what is charged is the whole size."""
    new = contents(1)
    async with tenancy(tmp_path, store_settings) as it:
        ben = it.world.ben
        owners = {"new": None, "kin": it.world.anna, "stranger": it.carla, "own": ben}
        answers, blobs = list[tuple[int, dict[str, str], bytes]](), dict[str, str]()
        for whose, owner in owners.items():
            octets = new()
            theirs = "" if owner is None else (await upload(it.world, owner, octets)).json["blobId"]
            answer = await upload(it.world, ben, octets)
            answers.append(but_for_ids(answer))
            blobs[whose] = answer.json["blobId"]
            # The same content has one id within a tenant, whose key nobody knows, and another one elsewhere.
            assert (blobs[whose] == theirs) == (whose in {"kin", "own"})
        assert answers[0][0] == 201
        assert all(answer == answers[0] for answer in answers)
        sizes = [await imported(it, blob) for blob in blobs.values()]
        assert sizes == [(len(new()), len(new()))] * 4
        # What was imported is known to be mail now, and is charged again all the same.
        assert await imported(it, blobs["new"]) == sizes[0]
        # Who has not uploaded it himself has no use of the id.
        its = {"user": ANNA, "accountId": it.ids["kin"].account}
        assert (await it.world.call("Email/parse", blobIds=[blobs["new"]], **its))["notFound"]
        assert (await it.world.call("Email/parse", blobIds=[blobs["kin"]], **its))["parsed"]


@pytest.mark.parametrize("whose", ["kin", "nobody"])
async def test_known_content_fills_the_room_for_uploads_too(tmp_path: Path, whose: str) -> None:
    """Refused at the same octet, with the same words."""
    new, limits = contents(2), {"upload_octets_per_account": 2.5 * SIZE}
    async with jmap_world(tmp_path, store_limits=limits) as world:
        answers = []
        for _ in range(3):
            octets = new()
            if whose != "nobody":
                await upload(world, world.anna, octets)
            answers.append(await upload(world, world.ben, octets))
        assert [answer.status for answer in answers] == [201, 201, 413]
        assert answers[2].json["detail"] == "A limit of the account is reached."


@pytest.mark.long
async def test_known_content_takes_as_long(tmp_path: Path, store_settings: EnginePlace, say: Say) -> None:
    """T2: 1,000 uploads each, in turns; medians. Within a tenant a copy need not be written a second time."""
    new, seconds = contents(3), dict[str, list[float]]()
    async with tenancy(tmp_path, store_settings, uploads_per_account=4 * UPLOADS) as it:
        owners = {"new": it.world.anna, "kin": it.world.anna, "stranger": it.carla}
        for _ in range(UPLOADS):
            for whose, owner in owners.items():
                octets = new()
                await upload(it.world, owner, new() if whose == "new" else octets)
                begun = time.perf_counter()
                answer = await upload(it.world, it.world.ben, octets)
                seconds.setdefault(whose, []).append(time.perf_counter() - begun)
                assert answer.status == 201
    median = {whose: statistics.median(some) for whose, some in seconds.items()}
    ratios = {whose: max(one, median["new"]) / min(one, median["new"]) for whose, one in median.items()}
    say(f"uploads, known against new: {ratios}, new {median['new'] * 1000:.2f} ms")
    assert ratios["stranger"] < MOST_BETWEEN_TENANTS
    assert ratios["kin"] < MOST_WITHIN_A_TENANT
