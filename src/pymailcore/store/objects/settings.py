"""Where the objects are, and who we are there."""

import ipaddress
import os
import re
import stat
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from pymailcore.base.errors import PermanentFailure, TemporaryFailure

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")


class ObjectsAway(TemporaryFailure):
    """S3 cannot be reached, or fails."""


class UnfitCredentials(PermanentFailure):
    """The file of credentials is missing or cannot be used."""


class ObjectSettings(NamedTuple):
    """`blobs` and the `s3_` settings of the store."""

    bucket: str
    prefix: str
    endpoint: str
    region: str
    credentials_file: Path | None
    timeout_seconds: float


class Credentials(NamedTuple):
    """Who we are."""

    access_key_id: str
    secret_access_key: str

    def __repr__(self) -> str:
        """Not the secret: a repr ends in logs."""
        return f"Credentials({self.access_key_id!r})"


def credentials(path: Path | None) -> Credentials | None:
    """Read a file with `access_key_id = …` and `secret_access_key = …`; None: the environment says it.

    Raises:
        UnfitCredentials: with what to do about it.
    """
    if path is None:
        return None
    try:
        with path.open(encoding="utf-8") as file:
            if os.fstat(file.fileno()).st_mode & (stat.S_IROTH | stat.S_IWOTH):
                raise UnfitCredentials(f"{path} is open to everybody: chmod 600 {path}")
            pairs = [line.partition("=") for line in file.read(65_536).splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise UnfitCredentials(f"s3_credentials_file: {path} cannot be read: {error}") from error
    found = {key.strip().removeprefix("aws_"): value.strip() for key, _, value in pairs}
    try:
        return Credentials(found["access_key_id"], found["secret_access_key"])
    except KeyError as missing:
        raise UnfitCredentials(f"s3_credentials_file: {path} has no line {missing.args[0]} = …") from None


def parse_bucket(blobs: str) -> tuple[str, str]:
    """Cut `s3://bucket/prefix` into bucket and prefix.

    Raises:
        ValueError: with what is wrong.
    """
    parts = urlsplit(blobs)
    if parts.scheme != "s3" or not _BUCKET.match(parts.netloc) or parts.query or parts.fragment:
        raise ValueError("must be a folder, or s3://bucket or s3://bucket/prefix")
    return parts.netloc, parts.path.strip("/")


def check_endpoint(endpoint: str) -> None:
    """Refuse an endpoint that would carry mail in clear over a network.

    Raises:
        ValueError: with what is wrong.
    """
    parts = urlsplit(endpoint)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError("must begin with https://")
    try:
        loopback = ipaddress.ip_address(parts.hostname).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ValueError("must begin with https://; http:// is for tests on a loopback address only")
