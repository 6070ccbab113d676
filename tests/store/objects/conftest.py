import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.objects import FaultProxy, make_bucket, moto_server, object_settings
from tests.support.stores import engine_settings

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    """The port of an S3 server."""
    with moto_server() as port:
        yield port


@pytest.fixture
def bucket(s3_port: int) -> str:
    """A bucket of this test's own."""
    name = f"bucket-{next(_numbers)}"
    make_bucket(s3_port, name)
    return name


@pytest.fixture
def proxy(s3_port: int) -> Iterator[FaultProxy]:
    """The way to the S3 server, which can be broken."""
    proxy = FaultProxy(s3_port)
    yield proxy
    proxy.close()


@pytest.fixture
def s3_store(bucket: str, proxy: FaultProxy, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Settings of a store on PostgreSQL and S3, with the proxy between."""
    objects = object_settings(proxy.port, bucket, tmp_path)
    with engine_settings("postgresql") as settings:
        yield {
            **settings,
            "blobs": f"s3://{bucket}/mail",
            "s3_endpoint": objects.endpoint,
            "s3_credentials_file": objects.credentials_file,
            "s3_timeout_seconds": 1.0,
            "s3_cache_octets": 0,
        }
