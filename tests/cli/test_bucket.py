"""Whose the bucket is, asked and changed on the command line."""

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result
from tests.support.objects import make_bucket, moto_server, object_settings
from tests.support.postgres import cluster

from pymailcore.store.objects.client import ObjectClient
from pymailcore.store.objects.packs import OWNER

Run = Callable[..., Result]


def test_without_a_bucket_there_is_nothing_to_own(run: Run, config: Path) -> None:
    assert config.exists()
    assert "blobs are in no bucket" in str(run("bucket", "owner").exception)


def test_the_bucket_of_another_store_is_taken_over(run: Run, config: Path, tmp_path: Path) -> None:
    with moto_server() as port, cluster().database() as url:
        make_bucket(port, "mails")
        settings = object_settings(port, "mails", tmp_path)
        top = f'metadata = "{url}"\nblobs = "s3://mails/mail"\n'
        store = (
            f'[store]\ns3_endpoint = "{settings.endpoint}"\n'
            f's3_credentials_file = "{settings.credentials_file}"\n[directory]'
        )
        config.write_text(top + config.read_text().replace("[directory]", store, 1))
        assert json.loads(run("bucket", "owner", "--json").output) == []
        client = ObjectClient(settings)
        client.put(OWNER, b'{"database": "7/5", "turn": "t", "looked_ms": 1000, "contested": true}')
        assert json.loads(run("bucket", "owner", "--json").output) == [
            {"database": "7/5", "looked": "1970-01-01T00:00:01+00:00", "contested": True}
        ]
        taken = run("bucket", "take-over")
        assert taken.exit_code == 0, taken.output
        (mine,) = json.loads(run("bucket", "owner", "--json").output)
        assert mine["database"] != "7/5"
        assert not mine["contested"]
        client.put(OWNER, b"spoilt")
        assert "take-over" in str(run("bucket", "owner").exception)
