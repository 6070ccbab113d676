"""A real S3 server, which looks at signatures: Debian's radosgw."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.store.objects.test_packing import packer_of
from tests.support import radosgw
from tests.support.stores import a_message, engine_settings, opened_store

from pymailcore.base.errors import NotFound
from pymailcore.store.blobs import LARGE_OCTETS
from pymailcore.store.objects.client import PART_OCTETS, ObjectClient
from pymailcore.store.objects.settings import ObjectsAway, ObjectSettings

pytestmark = [pytest.mark.long, pytest.mark.needs_root]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with radosgw.radosgw() as port:
        yield port


@pytest.fixture
def settings(port: int, tmp_path: Path) -> ObjectSettings:
    """A bucket of this test's own."""
    bucket = f"b{os.urandom(6).hex()}"
    radosgw.make_bucket(port, bucket)
    path = tmp_path / "s3.credentials"
    path.write_text(f"access_key_id = {radosgw.ACCESS_KEY}\nsecret_access_key = {radosgw.SECRET_KEY}\n")
    path.chmod(0o600)
    return ObjectSettings(bucket, "mail", f"http://127.0.0.1:{port}", "us-east-1", path, 20.0)


@pytest.mark.parametrize("octets", [0, 1, 300_000, PART_OCTETS, 3 * PART_OCTETS + 17])
def test_what_is_put_comes_back_whole_and_in_ranges(settings: ObjectSettings, octets: int) -> None:
    client = ObjectClient(settings)
    content = os.urandom(octets)
    client.put("one", content)
    assert client.whole("one") == content
    assert client.get("one", octets // 2, 100) == content[octets // 2 :][:100]
    assert client.get("one", octets + 10, 5) == b""
    assert [(one.name, one.octets) for one in client.listed()] == [("one", octets)]
    client.delete(["one", "never there"])
    assert list(client.listed()) == []
    with pytest.raises(NotFound):
        client.whole("one")


def test_more_objects_than_a_page_are_listed_and_removed(settings: ObjectSettings) -> None:
    client = ObjectClient(settings)
    for number in range(1_100):
        client.put(f"{number:04}", b"x")
    names = [one.name for one in client.listed()]
    assert names == [f"{number:04}" for number in range(1_100)]
    client.delete(names)
    assert list(client.listed()) == []


def test_a_wrong_secret_is_refused(settings: ObjectSettings) -> None:
    assert settings.credentials_file is not None
    settings.credentials_file.write_text(
        f"access_key_id = {radosgw.ACCESS_KEY}\nsecret_access_key = not this one\n"
    )
    with pytest.raises(ObjectsAway, match="403"):
        ObjectClient(settings).put("one", b"x")


@pytest.fixture
def database() -> Iterator[dict[str, Any]]:
    with engine_settings("postgresql") as found:
        yield {**found}


async def test_a_store_lives_in_it(
    settings: ObjectSettings, database: dict[str, Any], tmp_path: Path
) -> None:
    large = [a_message(f"{n}", body=os.urandom(LARGE_OCTETS).hex() + "\r\n") for n in range(5)]
    small = [a_message(f"{n}", body="small\r\n" * n) for n in range(200)]
    async with opened_store(
        tmp_path / "data",
        **database,
        blobs=f"s3://{settings.bucket}/mail",
        s3_endpoint=settings.endpoint,
        s3_credentials_file=settings.credentials_file,
        s3_cache_octets=0,
    ) as opened:
        filed = [(await opened.deliver(message), message) for message in large + small]
        packer = packer_of(opened, object_octets=5_000)
        while await packer.run():
            pass
        rows = await opened.store.database.read(lambda tx: tx.rows("SELECT pack FROM blobs WHERE pack >= 0"))
        assert rows == []
        for one, message in filed:
            assert await opened.store.message(opened.account, one.email) == message
        await opened.check()
