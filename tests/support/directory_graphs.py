"""Small directories of all kinds of addresses, as Hypothesis draws them, and who is reached in them.

A target is an int (an account), "far…" (an address elsewhere) or the name of an address here.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from hypothesis import strategies as st

To = int | str
Node = tuple[str, To]

NAMES = ("n0", "n1", "n2", "n3")
ACCOUNTS = (0, 1, 2)
GROUPS = ("g0", "g1")
WILD = {"w*": "w", "*": ""}
"""Wildcards by their form, with what a name begins with that they take."""


@dataclass
class Graph:
    """Who stands for whom, in a domain of which another one is an alias.

    Attributes:
        aliases: of the names, and of wildcards.
        groups: their members.
        forwards: of accounts; an account is its own name, "a0" for 0.
        keeps: accounts that keep what they forward.
    """

    aliases: dict[str, list[To]]
    groups: dict[str, list[To]]
    forwards: dict[int, list[To]]
    keeps: dict[int, bool]

    def entries(self, name: str) -> list[To] | None:
        """What a name stands for; None when nobody has it."""
        if name in self.groups:
            return self.groups[name]
        if name.startswith("a") and name[1:].isdigit():
            return [int(name[1:])]
        if self.aliases.get(name):
            return self.aliases[name]
        for form, begin in WILD.items():
            if name.startswith(begin) and self.aliases.get(form):
                return self.aliases[form]
        return None

    def reached(self, start: str) -> tuple[set[int], set[str]]:
        """The accounts and the addresses elsewhere that mail for a name gets to."""
        found = self._reachable(start)
        accounts = {one for one in found if isinstance(one, int)}
        local = {
            one for one in accounts if self._is_end(one) or not any(map(self._is_end, self._behind(one)))
        }
        return local, {one for one in found if isinstance(one, str) and one.startswith("far")}

    def _is_end(self, one: To) -> bool:
        if isinstance(one, int):
            return not self.forwards.get(one) or self.keeps[one]
        return one.startswith("far")

    def _onward(self, one: To) -> Iterable[To]:
        if isinstance(one, int):
            return self.forwards.get(one, [])
        return [] if one.startswith("far") else self.entries(one) or []

    def _behind(self, one: To) -> set[To]:
        met, todo = set[To](), list(self._onward(one))
        while todo:
            other = todo.pop()
            if other not in met:
                met.add(other)
                todo += self._onward(other)
        return met

    def _reachable(self, start: str) -> set[To]:
        return {start} | self._behind(start)


_TARGETS = st.sampled_from([*ACCOUNTS, *NAMES, *GROUPS, "a1", "w1", "far1", "far2"])
_SOME = st.lists(_TARGETS, max_size=3, unique=True)


def graphs() -> st.SearchStrategy[Graph]:
    """Any small directory."""
    return st.builds(
        Graph,
        aliases=st.fixed_dictionaries(dict.fromkeys((*NAMES, *WILD), _SOME)),
        groups=st.fixed_dictionaries(dict.fromkeys(GROUPS, _SOME)),
        forwards=st.fixed_dictionaries(dict.fromkeys(ACCOUNTS, _SOME)),
        keeps=st.fixed_dictionaries({number: st.booleans() for number in ACCOUNTS}),
    )


STARTS = st.sampled_from([*NAMES, *GROUPS, "a0", "a1", "w1", "other"])
