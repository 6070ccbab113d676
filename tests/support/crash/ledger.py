r"""What a store has acknowledged, kept by those whom it told, and what may be there besides.

Theory: whoever uses the store writes down what it is about to do (`begin`) and what it was answered (`ack`).
After a crash every thing must be as the last acknowledgement left it, or as the one operation would leave it
that its owner had begun and was not answered: whole, or not at all. Each thing has one owner, and an owner
does one operation at a time, so at most one such operation concerns it.
"""

import copy
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

Key = tuple[str, int]
"""A message's name and the account that has it."""

UNKNOWN: Final = -1
"""A UID that nobody was told."""


@dataclass
class Mail:
    r"""An Email: its placements, (Mailbox, UID) -> 1 with `\Deleted`, and its keywords."""

    email: int
    places: dict[tuple[int, int], int] = field(default_factory=dict)
    keywords: frozenset[str] = frozenset()

    def uid_in(self, mailbox: int) -> int | None:
        """Its first UID in a Mailbox."""
        return next((uid for box, uid in self.places if box == mailbox), None)


Intent = dict[str, Any]


class Ledger:
    """Things acknowledged, and operations begun."""

    def __init__(self) -> None:
        self.mails: dict[Key, Mail] = {}
        self._of: dict[str, set[Key]] = {}  # an owner's messages
        self.gone: set[int] = set()  # Emails whose end was acknowledged
        self.uploads: dict[str, tuple[int, int]] = {}  # blob id -> (account, seed)
        self.modseqs: dict[int, int] = {}
        self.uids: dict[tuple[int, int], int] = {}  # every UID ever seen -> its Email
        self.pending: dict[str, Intent] = {}  # by owner
        self.numbers: dict[str, int] = {}  # messages that an owner has made
        self.acknowledged = 0

    def save(self, path: Path) -> None:
        """Write all of it to a file."""
        path.write_bytes(pickle.dumps(self))

    @staticmethod
    def loaded(path: Path) -> "Ledger":
        """Read it again, in another process."""
        return cast("Ledger", pickle.loads(path.read_bytes()))  # noqa: S301

    def take(self, line: dict[str, Any]) -> None:
        """Take a line that a worker reported."""
        if "begin" in line:
            self.begin(line["owner"], line["begin"])
        elif "ack" in line:
            self.ack(line["owner"], line["ack"])
        elif "refused" in line:
            self.refuse(line["owner"])
        elif "modseq" in line:
            self.heard(line["account"], line["modseq"])

    def begin(self, owner: str, intent: Intent) -> None:
        """An owner is about to do something."""
        assert owner not in self.pending
        self.pending[owner] = intent
        if intent["do"] == "append":
            self.numbers[owner] = self.numbers.get(owner, 0) + 1

    def ack(self, owner: str, result: Any) -> None:  # noqa: ANN401
        """An owner was told that it is done."""
        intent = self.pending.pop(owner)
        self.acknowledged += 1
        what = intent["do"]
        if what == "append":
            for account, email, mailbox, uid, modseq in result:
                self.adopt_uid(mailbox, uid, email)
                self.heard(account, modseq)
                mail = Mail(email, {(mailbox, uid): 0}, frozenset(intent["keywords"]))
                self._put((intent["token"], account), mail)
        elif what == "upload":
            self.uploads[result] = intent["account"], intent["seed"]
        else:
            for place, key in enumerate(keys_of(intent)):
                uid = result[place] if what in ("move", "copy") else UNKNOWN
                mail = after(self.mails[key], intent, uid)
                if uid != UNKNOWN:
                    self.adopt_uid(intent["to"], uid, mail.email)
                self._put(key, mail)

    def refuse(self, owner: str) -> None:
        """An owner was told that it is not done, by a store that goes on living."""
        del self.pending[owner]

    def heard(self, account: int, modseq: int) -> None:
        """Somebody saw the account at a modseq."""
        self.modseqs[account] = max(modseq, self.modseqs.get(account, 0))

    def adopt_uid(self, mailbox: int, uid: int, email: int) -> None:
        """A UID names an Email; it never names another."""
        assert self.uids.setdefault((mailbox, uid), email) == email, (mailbox, uid, email)

    def adopt(self, key: Key, mail: Mail) -> None:
        """What was found there for an operation that was not answered."""
        for mailbox, uid in mail.places:
            self.adopt_uid(mailbox, uid, mail.email)
        self._put(key, mail)

    def _put(self, key: Key, mail: Mail) -> None:
        owner = key[0].partition(".")[0]
        if mail.places:
            self.mails[key] = mail
            self._of.setdefault(owner, set()).add(key)
        else:
            self.gone.add(mail.email)
            self.mails.pop(key, None)
            self._of.get(owner, set()).discard(key)

    def owned(self, owner: str, account: int) -> list[tuple[Key, Mail]]:
        """The messages of an owner in an account, in one order."""
        return [(key, self.mails[key]) for key in sorted(self._of.get(owner, ())) if key[1] == account]


def keys_of(intent: Intent) -> list[Key]:
    """The messages that an operation concerns."""
    if intent["do"] == "append":
        return [(intent["token"], account) for account in intent["accounts"]]
    return [(token, account) for token, account in intent.get("keys", ())]


def after(mail: Mail, intent: Intent, uid: int = UNKNOWN) -> Mail:
    """What an operation makes of a message; `uid` is what it got in the Mailbox it came to."""
    mail = copy.deepcopy(mail)
    what = intent["do"]
    if what in ("keywords", "update"):
        names = frozenset(intent["names"])
        how = intent.get("how", "=")
        mail.keywords = {"+": mail.keywords | names, "-": mail.keywords - names, "=": names}[how]
    elif what == "destroy":
        mail.places.clear()
    else:
        uid_here = mail.uid_in(intent["mailbox"])
        assert uid_here is not None
        here = intent["mailbox"], uid_here
        if what == "mark":
            mail.places[here] = 1
        elif what == "expunge":
            if mail.places[here]:
                del mail.places[here]
        elif what == "copy":
            mail.places[intent["to"], uid] = 0
        elif what == "move":
            del mail.places[here]
            mail.places[intent["to"], uid] = 0
        else:
            raise AssertionError(what)
    return mail


def alike(found: Mail, wanted: Mail, uids: dict[tuple[int, int], int]) -> bool:
    """Whether what was found is what was wanted, whose unknown UID may be any that is new."""
    if found.keywords != wanted.keywords:
        return False
    known = {place: mark for place, mark in wanted.places.items() if place[1] != UNKNOWN}
    rest = {place: mark for place, mark in found.places.items() if place not in known}
    new = [mailbox for mailbox, uid in wanted.places if uid == UNKNOWN]
    return (
        all(found.places.get(place) == mark for place, mark in known.items())
        and sorted(mailbox for mailbox, _ in rest) == sorted(new)
        and not any(rest.values())
        and not any(place in uids for place in rest)
    )
