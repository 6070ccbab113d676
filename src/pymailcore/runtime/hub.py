"""Change notices inside one process: who waits for what, and the newest value of each channel.

Standards: RFC 2177 (IDLE), RFC 8620 section 7 (push) hang on it.

A channel is a whole number. Those from 1 are AccountIds, and the value is the account's modseq. Those below 0
are events (`QUEUE`, `DIRECTORY`, …): each notice counts as new, whatever its value. The hub keeps one value
for each channel and never blocks or queues, so a watcher that lags finds the newest only. A lost notice costs
seconds, never mail: the store is the truth, and watched accounts are read again every few seconds.

What a change of the directory touched is said by tags (`directory.cache`): numbers of 16 bits, of which each
has a channel of its own (`tag_channel`), so that none hides another. Their values are not kept: who comes
later is told that everything may have changed.
"""

from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

import trio

QUEUE: Final = -1
"""Channel: there are new queue entries."""
DIRECTORY: Final = -2
"""Channel: all that is known about domains, accounts and addresses is out of date."""
TAGS: Final = 65_536
"""How many tags of the directory there are."""
_FIRST_TAG: Final = -65_536
_LARGEST_EVENT: Final = 2**62
"""No value of an event is as large; one that claims to be would leave no room for the next."""


def tag_channel(tag: int) -> int:
    """Channel: what depends on a tag of the directory, 0 to 65,535, is out of date."""
    return _FIRST_TAG - tag


class ChangeHub:
    """The notices of one process; all methods belong to the thread of its trio loop."""

    def __init__(self) -> None:
        self._values: dict[int, int] = {}
        self._watches: dict[int, set[Watch]] = {}
        self._followers: set[Follower] = set()
        self._readers: set[DirectoryWatch] = set()
        self._tagged = False
        self._forward: Callable[[int, int], None] | None = None

    def publish(self, channel: int, value: int) -> None:
        """Tell this process, and all others of the family, that a channel is at a value.

        A value that is not newer than the one known is passed over (events are always new). Never blocks.
        """
        kept = self.receive(channel, value)
        if kept is not None and self._forward is not None:
            self._forward(channel, kept)

    def receive(self, channel: int, value: int) -> int | None:
        """Take a notice that came from another process, or from reading the store: tell this process only.

        Returns:
            The value that is now kept, or None when the notice was old.
        """
        if channel <= DIRECTORY and self._directory_moved(channel):
            return 1
        known = self._values.get(channel, 0)
        if channel < 0:
            value = max(value if value < _LARGEST_EVENT else 0, known + 1)
        elif value <= known:
            return None
        self._values[channel] = value
        for watch in self._watches.get(channel, ()):
            watch.wake()
        if channel > 0:
            for follower in self._followers:
                follower.moved(channel)
        return value

    def _directory_moved(self, channel: int) -> bool:
        """Tell those who follow the directory; gives whether that was all there is to do."""
        tag = _FIRST_TAG - channel
        for reader in self._readers:
            reader.moved(tag if 0 <= tag < TAGS else None)
        self._tagged = self._tagged or channel <= _FIRST_TAG
        return channel <= _FIRST_TAG

    def current(self, channel: int) -> int:
        """The newest value heard of, or 0."""
        return self._values.get(channel, 0)

    def watch(self, channel: int) -> "Watch":
        """Watch a channel from now on; use it as a context manager, in one task."""
        return Watch(self, channel, self._watches)

    def follow(self) -> "Follower":
        """Be told of all accounts from now on; use it as a context manager, in one task."""
        return Follower(self._followers)

    def follow_directory(self) -> "DirectoryWatch":
        """Be told what changes of the directory touched; use it as a context manager, in one task."""
        return DirectoryWatch(self._readers)

    def watched(self) -> list[int]:
        """Accounts that somebody watches."""
        return [channel for channel in self._watches if channel > 0]

    def newest(self) -> dict[int, int]:
        """All that is known, to announce it to somebody new."""
        if not self._tagged:
            return dict(self._values)
        return self._values | {DIRECTORY: self.current(DIRECTORY) + 1}

    def forward_to(self, forward: Callable[[int, int], None] | None) -> None:
        """Set who passes published notices on to the other processes."""
        self._forward = forward


class Follower:
    """Collects which accounts have moved."""

    def __init__(self, followers: set["Follower"]) -> None:
        self._followers = followers
        self._accounts: set[int] = set()
        self._event = trio.Event()
        followers.add(self)

    def moved(self, account: int) -> None:
        """Called by the hub when an account has news."""
        self._accounts.add(account)
        self._event.set()

    async def wait(self) -> None:
        """Wait until an account has moved that was not taken."""
        await self._event.wait()

    def take(self) -> set[int]:
        """Give the accounts that have moved since this was called last."""
        taken, self._accounts = self._accounts, set()
        self._event = trio.Event()
        return taken

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._followers.discard(self)


class DirectoryWatch:
    """Collects what changes of the directory have touched."""

    def __init__(self, readers: set["DirectoryWatch"]) -> None:
        self._readers = readers
        self._tags: set[int] = set()
        self._everything = False
        self._event = trio.Event()
        readers.add(self)

    def moved(self, tag: int | None) -> None:
        """Called by the hub; None: everything may have changed."""
        if tag is None:
            self._everything = True
            self._tags.clear()
        elif not self._everything:
            self._tags.add(tag)
        self._event.set()

    async def changed(self) -> frozenset[int] | None:
        """Wait for a change; gives the tags that it touched, or None when everything may have changed."""
        await self._event.wait()
        taken = None if self._everything else frozenset(self._tags)
        self._tags, self._everything, self._event = set(), False, trio.Event()
        return taken

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._readers.discard(self)


class Watch:
    """Waits for news of one channel."""

    __slots__ = ("_channel", "_event", "_hub", "_seen", "_watches")

    def __init__(self, hub: ChangeHub, channel: int, watches: dict[int, set["Watch"]]) -> None:
        self._hub = hub
        self._channel = channel
        self._watches = watches
        self._seen = hub.current(channel)
        self._event: trio.Event | None = None
        watches.setdefault(channel, set()).add(self)

    @property
    def pending(self) -> bool:
        """Whether `changed` would return at once."""
        return self._hub.current(self._channel) > self._seen

    async def changed(self) -> int:
        """Wait for a value newer than the one last returned, or than at `watch()`; gives the newest.

        Safe at any checkpoint: a cancelled wait loses nothing.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self.pending:
            self._event = trio.Event()
            await self._event.wait()
        self._seen = self._hub.current(self._channel)
        return self._seen

    def wake(self) -> None:
        """Called by the hub when the channel has news."""
        if self._event is not None:
            self._event.set()
            self._event = None

    def close(self) -> None:
        """Stop watching; once is enough, more does no harm."""
        watching = self._watches.get(self._channel)
        if watching is not None:
            watching.discard(self)
            if not watching:
                del self._watches[self._channel]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
