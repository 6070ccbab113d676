import dataclasses
from pathlib import Path

import pytest

from pymailcore.store.objects.settings import (
    Credentials,
    UnfitCredentials,
    check_endpoint,
    credentials,
    parse_bucket,
)
from pymailcore.store.settings import StoreSettings


@pytest.mark.parametrize(
    ("blobs", "parts"),
    [
        ("s3://mail-blobs", ("mail-blobs", "")),
        ("s3://mail.blobs/", ("mail.blobs", "")),
        ("s3://mail-blobs/one/two/", ("mail-blobs", "one/two")),
    ],
)
def test_a_bucket_with_and_without_prefix(blobs: str, parts: tuple[str, str]) -> None:
    assert parse_bucket(blobs) == parts


@pytest.mark.parametrize(
    "blobs", ["s3://", "s3:///x", "s3://B", "http://bucket", "s3://bucket/x?y", "s3://a b"]
)
def test_what_is_no_bucket(blobs: str) -> None:
    with pytest.raises(ValueError, match="s3://bucket"):
        parse_bucket(blobs)


@pytest.mark.parametrize(
    "endpoint", ["https://s3.example.net", "https://10.0.0.1:9000", "http://127.0.0.1:9", "http://[::1]:9"]
)
def test_endpoints(endpoint: str) -> None:
    check_endpoint(endpoint)


@pytest.mark.parametrize(
    "endpoint", ["http://s3.example.net", "http://10.0.0.1", "http://localhost.example", "s3.example.net", ""]
)
def test_mail_does_not_travel_in_clear(endpoint: str) -> None:
    with pytest.raises(ValueError, match="must begin with https://"):
        check_endpoint(endpoint)


def test_the_settings_of_the_store_give_a_bucket_or_none() -> None:
    plain = StoreSettings(data=Path("/x"))
    assert plain.objects is None
    assert plain.pack_folder == Path("/x/packs")
    folder = dataclasses.replace(plain, metadata="postgresql://db/x", blobs="/some/folder")
    assert folder.objects is None
    assert folder.pack_folder == Path("/some/folder")
    made = StoreSettings(
        data=Path("/x"),
        metadata="postgresql://db/x",
        blobs="s3://mail/p",
        s3_endpoint="https://s3.example.net",
    )
    assert made.objects is not None
    assert made.objects[:4] == ("mail", "p", "https://s3.example.net", "us-east-1")
    with pytest.raises(ValueError, match="blobs: needs `metadata`"):
        dataclasses.replace(plain, blobs="s3://mail")
    with pytest.raises(ValueError, match="blobs: must be"):
        dataclasses.replace(made, blobs="ftp://mail")
    with pytest.raises(ValueError, match="s3_endpoint: must begin"):
        dataclasses.replace(made, s3_endpoint="http://s3.example.net")


def test_credentials_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "credentials"
    path.write_text("[default]\naws_access_key_id = AK\n# a remark\nsecret_access_key=S=K \n")
    path.chmod(0o600)
    assert credentials(path) == Credentials("AK", "S=K")
    assert "S=K" not in repr(credentials(path))
    assert credentials(None) is None


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("access_key_id = AK\n", 0o600, "no line secret_access_key"),
        ("", 0o600, "no line access_key_id"),
        ("access_key_id = AK\nsecret_access_key = SK\n", 0o644, "chmod 600"),
    ],
)
def test_a_file_of_credentials_that_cannot_be_used(tmp_path: Path, text: str, mode: int, said: str) -> None:
    path = tmp_path / "credentials"
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(UnfitCredentials, match=said):
        credentials(path)
    with pytest.raises(UnfitCredentials, match="cannot be read"):
        credentials(tmp_path / "none")
