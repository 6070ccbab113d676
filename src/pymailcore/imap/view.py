r"""A selected Mailbox as one session sees it.

Standards: RFC 3501 sections 2.3.1.2 (sequence numbers), 5.2 and 7.4.1 (when EXPUNGE may be said); RFC 2180
section 4 (several sessions on one Mailbox); RFC 5182 section 2.1 (`$`); RFC 7162 sections 3.2 and 6
(HIGHESTMODSEQ while an expunge waits) and 3.2.10 (VANISHED); RFC 9051 appendix E (12: no RECENT); RFC 9586
(UIDFETCH).

Theory of operation. The view is the list of UIDs that the client knows of; a sequence number is a place in
it. The store is ahead of the view; `apply` brings the view up to a delta and says what the client must be
told. When EXPUNGE may not be said, messages that are gone stay in the view, keep their numbers, and wait
in `_gone`; the store simply has no rows for them. Meanwhile the client may be told of mod-sequences
above theirs, and would never hear of them if the connection broke now: `safe_modseq` is up to where it knows
everything.

`\Recent` (RFC 3501 section 2.3.2) is kept by the session alone: recent is what arrived while the session
had the Mailbox selected. A server that cannot tell whether a session is the first to hear of a message
should call it recent. RFC 9051 has dropped the flag: nothing is recent once IMAP4rev2 is enabled.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from pymailcore.base.ids import MailboxId
from pymailcore.imap.protocol.enabled import Enabled
from pymailcore.imap.protocol.flags import encode_flags
from pymailcore.imap.protocol.sequence import LARGEST, Ranges, SequenceSet, encode_runs, merge, runs
from pymailcore.store.keywords import keyword_names
from pymailcore.store.types import FetchRow, MailboxDelta, Snapshot


@lru_cache(maxsize=8192)
def flags_wire(stored: tuple[int, str, int], recent: bool) -> bytes:
    """Write the flags of a row, `row[2:5]`; remembered, since a Mailbox has few different sets."""
    flags, extra, deleted = stored
    return encode_flags(keyword_names(flags, extra), bool(deleted), recent)


class View:
    """The messages that the client knows of, and what it has to be told."""

    def __init__(self, snapshot: Snapshot, *, read_only: bool, enabled: Enabled | None = None) -> None:
        self.mailbox: MailboxId = snapshot.mailbox.id
        self.read_only = read_only
        self.uid_validity = snapshot.mailbox.uid_validity
        self.modseq = snapshot.mailbox.highest_modseq
        self.uids = array("I", snapshot.uids)
        self.saved: Ranges = ()
        self._enabled = enabled or Enabled()
        self._uid_next = snapshot.mailbox.uid_next
        self._gone: set[int] = set()
        self._held: int | None = None

    def __len__(self) -> int:
        return len(self.uids)

    @property
    def last_uid(self) -> int:
        """The largest UID that the client knows of, or 0."""
        return self.uids[-1] if self.uids else 0

    @property
    def recent_from(self) -> int:
        """The UID from which on messages are recent."""
        return LARGEST + 1 if self._enabled.rev2 else self._uid_next

    @property
    def waiting(self) -> bool:
        """Whether an EXPUNGE waits to be said."""
        return bool(self._gone)

    @property
    def safe_modseq(self) -> int:
        """The mod-sequence up to which the client knows of everything."""
        return self.modseq if self._held is None else self._held

    def highest_modseq(self) -> bytes:
        """Say from where on a client that comes back has to ask for changes."""
        return b"* OK [HIGHESTMODSEQ %d] Highest\r\n" % self.safe_modseq

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
        gone = [uid for uid in delta.expunged if self.seq(uid) is not None]
        if gone and self._held is None:
            self._held = self.modseq
        self._gone.update(gone)
        out = self.say_expunged() if expunge else []
        for row in delta.changed:
            seq = self.seq(row.uid)
            if seq is not None and told.get(row.uid, -1) < row.modseq:
                out.append(self.changed(seq, row))
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

    def changed(self, seq: int, row: FetchRow) -> bytes:
        """Say what the flags of a message are now."""
        flags = flags_wire(row[2:5], row.uid >= self.recent_from)
        if self._enabled.uid_only:
            modseq = b"MODSEQ (%d) " % row.modseq if self._enabled.condstore else b""
            return b"* %d UIDFETCH (%bFLAGS (%b))\r\n" % (row.uid, modseq, flags)
        if self._enabled.condstore:
            return b"* %d FETCH (UID %d MODSEQ (%d) FLAGS (%b))\r\n" % (seq, row.uid, row.modseq, flags)
        return b"* %d FETCH (UID %d FLAGS (%b))\r\n" % (seq, row.uid, flags)

    def missing(self, ranges: Ranges) -> Ranges:
        """Give those UIDs of ascending ranges that messages once had and that the client does not see."""
        uids = self.uids
        found: list[tuple[int, int]] = []
        for low, high in ranges:
            start, end = low, min(high, max(self.last_uid, self._uid_next - 1))
            for place in range(bisect_left(uids, low), bisect_right(uids, end)):
                if uids[place] > start:
                    found.append((start, uids[place] - 1))
                start = uids[place] + 1
            if start <= end:
                found.append((start, end))
        return tuple(found)

    def last_match(self, pairs: Sequence[tuple[int, int, int]]) -> int:
        """The largest UID that has the number which the client believes it to have; 0 when none has.

        Args:
            pairs: stretches as (number, UID, length), ascending, as the client wrote them.
        """
        uids = self.uids
        for number, uid, length in reversed(pairs):
            for step in range(min(length, len(uids) - number + 1) - 1, -1, -1):
                if uids[number - 1 + step] == uid + step:
                    return uid + step
        return 0

    def sizes(self) -> bytes:
        """Say how many messages there are, and how many are recent."""
        if self._enabled.rev2:
            return b"* %d EXISTS\r\n" % len(self.uids)
        recent = len(self.uids) - bisect_left(self.uids, self.recent_from)
        return b"* %d EXISTS\r\n* %d RECENT\r\n" % (len(self.uids), recent)

    def say_expunged(self) -> list[bytes]:
        """Forget the messages that are gone and say so: the last one first, so no number moves."""
        if not self._gone:
            return []
        gone = sorted(self._gone)
        places = [bisect_left(self.uids, uid) for uid in gone]
        self._gone.clear()
        self._held = None
        kept = array("I")
        start = 0
        for place in places:
            kept.extend(self.uids[start:place])
            start = place + 1
        kept.extend(self.uids[start:])
        self.uids = kept
        if self._enabled.vanished:
            return [b"* VANISHED %b\r\n" % encode_runs(runs(gone))]
        return [b"* %d EXPUNGE\r\n" % (place + 1) for place in reversed(places)]
