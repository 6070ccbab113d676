r"""Random operations on a store beside a model; all that a client sees is compared.

RFC 9051 sections 2.3.1.1 and 6.4, RFC 7162 section 3.1 (modseqs only rise, UNCHANGEDSINCE), RFC 8620
section 5.2, RFC 8621 sections 2 to 4.
"""

from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import rule
from tests.properties.store_base import PICK
from tests.properties.store_rules_change import HIGH, LOW, ChangeRules
from tests.properties.store_rules_index import IndexRules
from tests.properties.store_rules_mail import MailRules
from tests.properties.store_rules_tree import TreeRules

from pymailcore.store.types import FlagChange

_FIRST: Final = (
    ("INBOX", 0, ""), ("INBOX", 1, ""), ("Archive", 1, "$seen"), ("INBOX", 2, "$seen"), ("Trash", 2, ""),
    ("Archive", 0, ""),
)  # fmt: skip
"""The first messages: Mailbox, Thread (0: one of its own), keyword."""


class StoreMachine(MailRules, ChangeRules, TreeRules, IndexRules):
    """All rules."""

    def fill(self) -> None:
        r"""Threads over several Mailboxes and the trash, an Email in two places, one with `\Deleted`."""
        places = {box.path: number for number, box in enumerate(self.boxes())}
        for number, (path, thread, keyword) in enumerate(_FIRST):
            self.append(places[path], {keyword} - {""}, thread, 0, 100 * number)
        self.copy_or_move(self.pick(places["INBOX"]), self.pick(places["Junk"]), 1, 1, False)
        full = [box.path for box in self.boxes() if box.placed]
        self.flags(full.index("Archive"), 2, 2, FlagChange.ADD, set(), deleted=True, since=None)

    @rule(where=PICK, low=LOW, high=HIGH, fresh=st.booleans(), moved=st.booleans())
    def lose_and_restore(self, where: int, low: int, high: int, fresh: bool, moved: bool) -> None:
        """Somebody deletes by mistake, also what has just come, and has it brought back."""
        if fresh:
            self.append(where, {"$seen", "work"}, low % 4, high % 4, 10 * high)
            self.all_is_as_the_model_says()
        self.flags(where, low, high, FlagChange.ADD, set(), deleted=True, since=None)
        self.all_is_as_the_model_says()
        self.expunge(where, None)
        self.all_is_as_the_model_says()
        self.restore(3, None, moved)
