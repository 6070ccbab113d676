"""Whole objects to S3 and ranges of them back; blocks, for any thread.

Theory: a name is written with one content only, so a write that was repeated, or that arrives after all,
does no harm, and no condition on the request is needed. Every request has a time limit; those that fail are
tried again with growing waits inside a limit, and then the outcome is `ObjectsAway`. After that nobody asks
S3 for a while, so that mail does not wait for a service that is away.

The library is loaded by `store.objects.packs.open_objects`, only where there is a bucket.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Final, NamedTuple, TypeVar

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from pymailcore.base.errors import NotFound
from pymailcore.store.objects.settings import ObjectsAway, ObjectSettings, credentials

T = TypeVar("T")

PART_OCTETS: Final = 8 * 1024 * 1024
"""Objects larger than this are uploaded in parts."""

_PARTS_AT_A_TIME: Final = 4
_RETRIES: Final = 3
_FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 3.0  # after an outage service is back within this time


class Listed(NamedTuple):
    """An object that a bucket has."""

    name: str
    octets: int
    modified_ms: int


class ObjectClient:
    """One bucket.

    Args:
        first_wait_seconds: before the first repetition of a request.

    Raises:
        UnfitCredentials: the file of credentials cannot be used.
    """

    def __init__(
        self,
        settings: ObjectSettings,
        monotonic: Callable[[], float] = time.monotonic,
        first_wait_seconds: float = 0.1,
    ) -> None:
        limit = timedelta(seconds=settings.timeout_seconds)
        given = credentials(settings.credentials_file)
        self._store = S3Store(
            settings.bucket,
            prefix=settings.prefix or None,
            config={
                "region": settings.region,
                **({"endpoint": settings.endpoint} if settings.endpoint else {}),
                **(
                    {"access_key_id": given.access_key_id, "secret_access_key": given.secret_access_key}
                    if given is not None
                    else {}
                ),
            },
            client_options={
                "allow_http": settings.endpoint.startswith("http://"),
                "timeout": limit,
                "connect_timeout": timedelta(seconds=min(5.0, settings.timeout_seconds)),
            },
            retry_config={
                "max_retries": _RETRIES,
                "retry_timeout": limit,
                "backoff": {
                    "init_backoff": timedelta(seconds=first_wait_seconds),
                    "max_backoff": timedelta(seconds=2),
                    "base": 2,
                },
            },
        )
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._pause_seconds = 0.0
        self._away_until = float("-inf")

    @property
    def away(self) -> bool:
        """Whether S3 failed so lately that nobody asks it now."""
        return self._monotonic() < self._away_until

    def put(self, name: str, octets: bytes) -> None:
        """Keep an object; once this returns, S3 has it.

        Raises:
            ObjectsAway: it may or may not be there, now or later.
        """
        self._call(
            lambda: obstore.put(
                self._store, name, octets, chunk_size=PART_OCTETS, max_concurrency=_PARTS_AT_A_TIME
            )
        )

    def get(self, name: str, start: int, octets: int) -> bytes:
        """Give a range of an object; less when the object ends there.

        Raises:
            NotFound: there is no such object.
            ObjectsAway: it cannot be had now.
        """
        if not octets:
            return b""
        return bytes(self._call(lambda: self._range(name, start, octets)))

    def _range(self, name: str, start: int, octets: int) -> obstore.Bytes | bytes:
        try:
            return obstore.get_range(self._store, name, start=start, length=octets)
        except BaseError as error:
            if "416 Range Not Satisfiable" in str(error):  # the object ends before the range: S3 is not away
                return b""
            raise

    def whole(self, name: str) -> bytes:
        """Give an object.

        Raises:
            NotFound, ObjectsAway: as `get`.
        """
        return bytes(self._call(lambda: obstore.get(self._store, name).bytes()))

    def delete(self, names: Sequence[str]) -> None:
        """Remove objects; those that are not there are no fault.

        Raises:
            ObjectsAway: some may be left.
        """
        if names:
            self._call(lambda: obstore.delete(self._store, list(names)))

    def listed(self) -> Iterator[Listed]:
        """Give all objects, a page at a time.

        Raises:
            ObjectsAway: it cannot be had now.
        """
        pages = obstore.list(self._store, chunk_size=1000)
        while page := self._call(lambda: next(pages, None)):
            for one in page:
                modified_ms = int(one["last_modified"].timestamp() * 1000)
                yield Listed(one["path"], one["size"], modified_ms)

    def _call(self, request: Callable[[], T]) -> T:
        if self.away:
            raise ObjectsAway("S3 failed a moment ago")
        try:
            result = request()
        except (NotFoundError, FileNotFoundError) as error:
            self._works()
            raise NotFound("no such object") from error
        except (BaseError, OSError, TimeoutError) as error:
            with self._lock:
                self._pause_seconds = min(
                    max(_FIRST_PAUSE_SECONDS, 2 * self._pause_seconds), _LONGEST_PAUSE_SECONDS
                )
                self._away_until = self._monotonic() + self._pause_seconds
            raise ObjectsAway(f"S3 does not do it: {_short(error)}") from error
        self._works()
        return result

    def _works(self) -> None:
        if self._pause_seconds:
            with self._lock:
                self._pause_seconds = 0.0
                self._away_until = float("-inf")


def _short(error: Exception) -> str:
    """The first line; what follows is the library's inner life."""
    return str(error).partition("\n")[0][:300]
