r"""A selected Mailbox as one session sees it.

Standards: RFC 3501 sections 2.3.1.2 (sequence numbers), 5.2 and 7.4.1 (when EXPUNGE may be said); RFC 2180
section 4 (several sessions on one Mailbox); RFC 5182 section 2.1 (`$`).

Theory of operation. The view is the list of UIDs that the client knows of; a sequence number is a place in
it. The store is ahead of the view; `apply` brings the view up to a delta and says what the client must be
told. When EXPUNGE may not be said, messages that are gone stay in the view, keep their numbers, and wait
in `_gone`; the store simply has no rows for them.

`\Recent` (RFC 3501 section 2.3.2) is kept by the session alone: recent is what arrived while the session
had the Mailbox selected. A server that cannot tell whether a session is the first to hear of a message
should call it recent, and RFC 9051 has dropped the flag.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from pymailcore.base.ids import MailboxId
from pymailcore.imap.protocol.flags import encode_flags
from pymailcore.imap.protocol.sequence import Ranges, SequenceSet, merge, runs
from pymailcore.store.keywords import keyword_names
from pymailcore.store.types import FetchRow, MailboxDelta, Snapshot


@lru_cache(maxsize=8192)
def flags_wire(stored: tuple[int, str, int], recent: bool) -> bytes:
    """Write the flags of a row, `row[2:5]`; remembered, since a Mailbox has few different sets."""
    flags, extra, deleted = stored
    return encode_flags(keyword_names(flags, extra), bool(deleted), recent)


class View:
    """The messages that the client knows of, and what it has to be told."""

    def __init__(self, snapshot: Snapshot, *, read_only: bool) -> None:
        self.mailbox: MailboxId = snapshot.mailbox.id
        self.read_only = read_only
        self.uid_validity = snapshot.mailbox.uid_validity
        self.modseq = snapshot.mailbox.highest_modseq
        self.recent_from = snapshot.mailbox.uid_next
        self.uids = array("I", snapshot.uids)
        self.saved: Ranges = ()
        self._gone: set[int] = set()

    def __len__(self) -> int:
        return len(self.uids)

    @property
    def last_uid(self) -> int:
        """The largest UID that the client knows of, or 0."""
        return self.uids[-1] if self.uids else 0

    @property
    def waiting(self) -> bool:
        """Whether an EXPUNGE waits to be said."""
        return bool(self._gone)

    def seq(self, uid: int) -> int | None:
        """Give the sequence number of a UID."""
        place = bisect_left(self.uids, uid)
        return place + 1 if place < len(self.uids) and self.uids[place] == uid else None

    def seqs(self, uids: Sequence[int]) -> Sequence[int]:
        """Give the sequence numbers of ascending UIDs, 0 for one that the client does not know of."""
        if not uids:
            return ()
        first = bisect_left(self.uids, uids[0])
        last = first + len(uids)
        if self.uids[first:last] == array("I", uids):
            return range(first + 1, last + 1)
        return [self.seq(uid) or 0 for uid in uids]

    def numbered(self, uids: Sequence[int]) -> list[int]:
        """Give the sequence numbers of UIDs in any order, without those that the client does not know of."""
        own = self.uids
        if own and own[-1] - own[0] + 1 == len(own):  # none was ever expunged between them
            before, last = own[0] - 1, own[-1]
            return [uid - before for uid in uids if before < uid <= last]
        places = dict(zip(own, range(1, len(own) + 1), strict=True))
        return [places[uid] for uid in uids if uid in places]

    def ranges(self, messages: SequenceSet, *, uid: bool, lenient: bool = False) -> Ranges | None:
        """Turn a set of numbers, or of UIDs if `uid`, into ranges of UIDs that the client knows of.

        None: a number is larger than there are messages (RFC 3501 section 9 wants BAD); when `lenient`,
        such numbers just name no message.
        """
        if messages.saved:
            return self._with_saved(messages, uid=uid, lenient=lenient)
        if uid:
            return self._known(messages.resolve(self.last_uid))
        uids = self.uids
        last = len(uids)
        if not last:
            return () if lenient else None
        numbers = messages.resolve(last)
        if not lenient and numbers[-1][1] > last:
            return None
        return tuple((uids[low - 1], uids[min(high, last) - 1]) for low, high in numbers if low <= last)

    def uids_in(self, ranges: Ranges) -> Sequence[int]:
        """Give the UIDs of the view that are in ascending ranges."""
        uids = self.uids
        found = array("I")
        for low, high in ranges:
            found.extend(uids[bisect_left(uids, low) : bisect_right(uids, high)])
        return found

    def _with_saved(self, messages: SequenceSet, *, uid: bool, lenient: bool) -> Ranges | None:
        """The same for a set with `$`; what was expunged since is not in it (RFC 5182 section 2.1)."""
        others: Ranges | None = ()
        if messages.ranges:
            others = self.ranges(SequenceSet(messages.ranges), uid=uid, lenient=lenient)
        return None if others is None else self._known(self.saved + others)

    def save(self, uids: Iterable[int]) -> None:
        """Keep what a SEARCH has found as `$`."""
        self.saved = self._known(runs(sorted(uids)))

    def count(self, low: int, high: int) -> int:
        """Count the messages with a UID from `low` to `high`."""
        return bisect_right(self.uids, high) - bisect_left(self.uids, low)

    def _known(self, ranges: Iterable[tuple[int, int]]) -> Ranges:
        """Cut ranges to UIDs of the view; those with no message between them become one."""
        uids = self.uids
        places = []
        for low, high in ranges:
            first, end = bisect_left(uids, low), bisect_right(uids, high)
            if first < end:
                places.append((first, end - 1))
        return tuple((uids[first], uids[last]) for first, last in merge(places)) if places else ()

    def apply(self, delta: MailboxDelta, *, expunge: bool, told: Mapping[int, int]) -> list[bytes]:
        """Bring the view up to a delta; gives the responses that say so.

        Args:
            expunge: whether EXPUNGE may be said now.
            told: modseq by UID of flags that the client has just been told.
        """
        out = []
        for row in delta.changed:
            seq = self.seq(row.uid)
            if seq is not None and told.get(row.uid, -1) < row.modseq:
                flags = flags_wire(row[2:5], row.uid >= self.recent_from)
                out.append(b"* %d FETCH (UID %d FLAGS (%b))\r\n" % (seq, row.uid, flags))
        self._gone.update(uid for uid in delta.expunged if self.seq(uid) is not None)
        if expunge:
            out += self.say_expunged()
        last = self.last_uid
        arrived = [uid for uid in delta.arrived if uid > last]
        if arrived:
            self.uids.extend(arrived)
            out.append(self.sizes())
        self.modseq = max(self.modseq, delta.modseq)
        return out

    def renew(self, snapshot: Snapshot, changed: tuple[FetchRow, ...], *, expunge: bool) -> list[bytes]:
        """Bring the view up to a snapshot, when the change log does not reach back to the view.

        Args:
            changed: rows with a modseq above the view's.
        """
        there = set(snapshot.uids)
        delta = MailboxDelta(
            modseq=snapshot.mailbox.highest_modseq,
            arrived=tuple(snapshot.uids),
            changed=changed,
            expunged=tuple(uid for uid in self.uids if uid not in there),
        )
        return self.apply(delta, expunge=expunge, told={})

    def sizes(self) -> bytes:
        """Say how many messages there are, and how many are recent."""
        recent = len(self.uids) - bisect_left(self.uids, self.recent_from)
        return b"* %d EXISTS\r\n* %d RECENT\r\n" % (len(self.uids), recent)

    def say_expunged(self) -> list[bytes]:
        """Forget the messages that are gone and say so: the last one first, so no number moves."""
        if not self._gone:
            return []
        places = [bisect_left(self.uids, uid) for uid in sorted(self._gone)]
        self._gone.clear()
        kept = array("I")
        start = 0
        for place in places:
            kept.extend(self.uids[start:place])
            start = place + 1
        kept.extend(self.uids[start:])
        self.uids = kept
        return [b"* %d EXPUNGE\r\n" % (place + 1) for place in reversed(places)]
