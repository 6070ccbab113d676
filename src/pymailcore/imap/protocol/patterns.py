"""The patterns of LIST and LSUB.

Standards: RFC 3501 section 6.3.8 (`*` matches anything, `%` anything but the separator).

Theory: with one kind of wildcard a greedy matcher that goes back to the last wildcard only is linear in
practice and quadratic at worst; with two kinds going back to the last one is not enough, since a `*`
before a `%` may take more. So this walks the name once and keeps the set of pattern places that the part
read so far can have reached, as the bits of one number. A step costs the same whatever the pattern: no
pattern makes it slow (James CVE-2021-40110).
"""

from dataclasses import dataclass

from pymailcore.imap.protocol.names import SEPARATOR


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern, compiled for many names. Made by `compile_pattern`.

    Attributes:
        stay: places whose wildcard takes any character and stays.
        stay_in_level: places whose wildcard takes any character but the separator.
        after: for each character the places that it leads to.
    """

    text: str
    length: int
    stay: int
    stay_in_level: int
    after: dict[str, int]

    def matches(self, name: str) -> bool:
        """Whether the whole name matches."""
        if not (self.stay | self.stay_in_level):
            return self.text == name
        wild = self.stay | self.stay_in_level
        places = self._skip(1, wild)
        for character in name:
            stay = self.stay if character == SEPARATOR else wild
            places = self._skip((places & stay) | ((places & self.after.get(character, 0)) << 1), wild)
            if not places:
                return False
        return bool(places >> self.length & 1)

    @staticmethod
    def _skip(places: int, wild: int) -> int:
        """Add the places behind wildcards, which may match nothing; runs of wildcards were folded."""
        return places | (places & wild) << 1


def compile_pattern(text: str) -> Pattern:
    """Prepare a pattern; runs of wildcards become the widest of them."""
    folded: list[str] = []
    for character in text:
        if character in "*%" and folded and folded[-1] in "*%":
            folded[-1] = "*" if "*" in (character, folded[-1]) else "%"
        else:
            folded.append(character)
    stay = stay_in_level = 0
    after: dict[str, int] = {}
    for place, character in enumerate(folded):
        if character == "*":
            stay |= 1 << place
        elif character == "%":
            stay_in_level |= 1 << place
        else:
            after[character] = after.get(character, 0) | 1 << place
    return Pattern("".join(folded), len(folded), stay, stay_in_level, after)
